//! Calls and streams: answers, bounds, and callers that misbehave within a call.

use std::time::{Duration, Instant};

use bidgate::config::Listen;
use bidgate::proto::{EvaluateRequest, Verdict};
use bidgate::server::Settings;
use tonic::Code;

use crate::raw::{HALF_A_MESSAGE, RawCaller, framed};
use crate::running::{LOOPBACK, Running, connect, request, settings, stream};

#[tokio::test]
async fn both_methods_answer_over_tcp_and_unix_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let unix = Listen::Unix(folder.path().join("s"));
    let server = Running::start(Settings {
        listen: vec![Listen::Tcp(LOOPBACK), unix],
        ..settings()
    });
    for address in &server.addresses {
        let mut client = connect(address).await;
        let reply = client.evaluate(request(7)).await.unwrap().into_inner();
        assert_eq!(
            (reply.correlation_id, reply.agent_id.as_str()),
            (7, "bidder")
        );
        let (sender, mut replies) = stream(&mut client).await;
        for correlation_id in 0..100 {
            sender.send(request(correlation_id)).await.unwrap();
        }
        drop(sender);
        for correlation_id in 0..100 {
            assert_eq!(
                replies.message().await.unwrap().unwrap().correlation_id,
                correlation_id
            );
        }
        assert!(replies.message().await.unwrap().is_none());
    }
    assert_eq!(server.metric("bidgate_evaluation_seconds_count"), 202);
}

#[tokio::test]
async fn evaluation_ids_are_unique() {
    let server = Running::start(settings());
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let mut client = server.client().await;
        for _ in 0..10 {
            ids.insert(
                client
                    .evaluate(request(0))
                    .await
                    .unwrap()
                    .into_inner()
                    .evaluation_id,
            );
        }
    }
    assert_eq!(ids.len(), 40);
}

#[tokio::test]
async fn a_malformed_payload_is_a_verdict_and_counted() {
    let server = Running::start(settings());
    let mut client = server.client().await;
    let malformed = EvaluateRequest {
        bid_response: b"[".as_slice().into(),
        ..request(1)
    };
    let reply = client.evaluate(malformed).await.unwrap().into_inner();
    assert_eq!((reply.verdict(), reply.passed), (Verdict::Error, false));
    assert_eq!(reply.error.unwrap().code, "malformed_bid_response");
    let malformed = EvaluateRequest {
        bid_request: b"".as_slice().into(),
        ..request(1)
    };
    assert_eq!(
        client
            .evaluate(malformed)
            .await
            .unwrap()
            .into_inner()
            .error
            .unwrap()
            .code,
        "malformed_bid_request"
    );
    assert_eq!(
        server.metric("bidgate_malformed_total{payload=\"bid_response\"}"),
        1
    );
    assert_eq!(
        server.metric("bidgate_malformed_total{payload=\"bid_request\"}"),
        1
    );
    assert_eq!(
        server.metric("bidgate_evaluations_total{verdict=\"error\"}"),
        2
    );
}

#[tokio::test]
async fn a_field_out_of_range_is_invalid_argument_and_named() {
    let server = Running::start(settings());
    let mut client = server.client().await;
    for (agent_id, tool, field) in [(0, 0, "agent_id"), (201, 0, "agent_id"), (200, 201, "tool")] {
        let bad = EvaluateRequest {
            agent_id: "a".repeat(agent_id),
            tool: "t".repeat(tool),
            ..request(1)
        };
        let status = client.evaluate(bad).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(field), "{status}");
    }
    let good = EvaluateRequest {
        agent_id: "a".repeat(200),
        tool: "t".repeat(200),
        ..request(1)
    };
    client.evaluate(good).await.unwrap();
    assert_eq!(server.metric("bidgate_invalid_argument_total"), 3);
}

#[tokio::test]
async fn a_stream_answers_an_invalid_argument_in_band_and_lives_on() {
    let server = Running::start(settings());
    let (sender, mut replies) = stream(&mut server.client().await).await;
    sender
        .send(EvaluateRequest {
            agent_id: String::new(),
            ..request(1)
        })
        .await
        .unwrap();
    sender.send(request(2)).await.unwrap();
    let refused = replies.message().await.unwrap().unwrap();
    assert_eq!(refused.verdict(), Verdict::Error);
    assert_eq!(refused.error.unwrap().code, "invalid_argument");
    let judged = replies.message().await.unwrap().unwrap();
    assert_eq!((judged.correlation_id, judged.error), (2, None));
}

#[tokio::test]
async fn a_message_too_large_is_refused_and_the_connection_lives_on() {
    let server = Running::start(Settings {
        max_message_bytes: 4096,
        ..settings()
    });
    let mut client = server.client().await;
    let (sender, mut other) = stream(&mut client).await;
    for bytes in [5_000, 3 << 20] {
        let large = EvaluateRequest {
            bid_request: vec![b' '; bytes].into(),
            ..request(1)
        };
        assert_eq!(
            client.evaluate(large.clone()).await.unwrap_err().code(),
            Code::OutOfRange
        );
        let (sender, mut replies) = stream(&mut client).await;
        sender.send(request(1)).await.unwrap();
        sender.send(large).await.unwrap();
        assert!(replies.message().await.unwrap().is_some());
        assert_eq!(
            replies.message().await.unwrap_err().code(),
            Code::OutOfRange
        );
    }
    sender.send(request(9)).await.unwrap();
    assert_eq!(other.message().await.unwrap().unwrap().correlation_id, 9);
    assert_eq!(server.metric("bidgate_too_large_total"), 4);
}

#[tokio::test]
async fn what_is_over_the_in_flight_bound_is_shed_at_once() {
    let server = Running::start(Settings {
        max_in_flight: 1,
        ..settings()
    });
    let mut client = server.client().await;
    for method in ["Evaluate", "EvaluateStream"] {
        let mut holder = RawCaller::connect(server.tcp(), &[]);
        holder.open(method);
        holder.data(HALF_A_MESSAGE);
        server.wait_for("bidgate_in_flight", 1).await;
        let since = Instant::now();
        assert_eq!(
            client.evaluate(request(1)).await.unwrap_err().code(),
            Code::ResourceExhausted
        );
        assert!(since.elapsed() < Duration::from_secs(1));
        let (sender, mut replies) = stream(&mut client).await;
        sender.send(request(1)).await.unwrap();
        assert_eq!(
            replies.message().await.unwrap_err().code(),
            Code::ResourceExhausted
        );
        drop(holder);
        server.wait_for("bidgate_in_flight", 0).await;
        client.evaluate(request(1)).await.unwrap();
    }
    assert_eq!(server.metric("bidgate_shed_total"), 4);
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_replies_is_not_read() {
    let server = Running::start(settings());
    let no_window = [0, 4, 0, 0, 0, 0];
    let mut caller = RawCaller::connect(server.tcp(), &no_window);
    caller.open("EvaluateStream");
    let messages: u64 = 500;
    for correlation_id in 0..messages {
        caller.data(&framed(&request(correlation_id)));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let judged = server.metric("bidgate_evaluation_seconds_count");
    assert!(
        (1..=64).contains(&judged),
        "{judged} judged for a caller that does not read"
    );
    server.client().await.evaluate(request(1)).await.unwrap();
    caller.open_window(1 << 30);
    server
        .wait_for("bidgate_evaluation_seconds_count", messages + 1)
        .await;
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_replies_holds_no_slot() {
    let server = Running::start(settings());
    let no_window = [0, 4, 0, 0, 0, 0];
    let mut caller = RawCaller::connect(server.tcp(), &no_window);
    caller.open("EvaluateStream");
    let mut one_and_a_half = framed(&request(1));
    one_and_a_half.extend_from_slice(HALF_A_MESSAGE);
    caller.data(&one_and_a_half);
    server.wait_for("bidgate_evaluation_seconds_count", 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.metric("bidgate_in_flight"), 0);
    caller.open_window(1 << 30);
    server.wait_for("bidgate_in_flight", 1).await;
}

#[tokio::test]
async fn a_caller_killed_in_a_stream_leaves_nothing() {
    let server = Running::start(settings());
    let mut caller = RawCaller::connect(server.tcp(), &[]);
    caller.open("EvaluateStream");
    caller.data(&framed(&request(1)));
    caller.data(HALF_A_MESSAGE);
    server.wait_for("bidgate_in_flight", 1).await;
    drop(caller);
    server.wait_for("bidgate_in_flight", 0).await;
    server.wait_for("bidgate_connections_open", 0).await;
    server.client().await.evaluate(request(1)).await.unwrap();
}
