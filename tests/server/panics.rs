//! A gate that panics, which no gate of the policy does: one in code of a program that embeds the server.

use std::process::Command;
use std::sync::Arc;

use bidgate::document::Section;
use bidgate::gate::{Auction, Gate, Judged, Row, Sheet};
use bidgate::policy::Policy;
use bidgate::proto::EvaluateRequest;
use bidgate::server::{Drained, LivingPolicy, Settings};
use tokio::task::JoinSet;
use tonic::Code;

use crate::raw::{RawCaller, framed};
use crate::running::{Running, request, settings, stream};

/// Fails to judge any bid of the seat `panic`.
#[derive(Debug)]
struct Panics;

impl Gate for Panics {
    fn judge(&self, auction: &Auction<'_>, _: &mut Sheet<'_>) -> Judged {
        let whole = auction.call.bid_response;
        assert!(!whole.windows(5).any(|word| word == b"panic"), "{QUOTE}");
        Judged::Bids
    }
}

const QUOTE: &str = "canary";
const ROWS: &[Row] = &[Row::new("panics", |_: &mut Section| Box::new(Panics))];
const POLICY: &str = "{timeout_ms: 10000, gates: [{name: impidMatch}, {name: panics}]}";

/// The child's log is one of its own, and so is its count of panics.
#[test]
fn a_panic_costs_its_call_and_is_counted_and_logged_by_its_place() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "panics::serves_on", "--ignored"])
        .output()
        .unwrap();
    let [out, log] = [child.stdout, child.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(child.status.success(), "{out}{log}");
    let places = log.matches("ERROR bidgate::log: panic thread=\"bidgate-worker-0\" place=\"");
    assert_eq!(places.count(), 5, "{log}");
    assert!(!log.contains(QUOTE) && !out.contains(QUOTE), "{out}{log}");
}

#[tokio::test]
#[ignore = "panics; the test above runs it"]
async fn serves_on() {
    let policy = Policy::from_yaml_with(POLICY, "t", ROWS).unwrap();
    let settings = Settings {
        workers: 1,
        policy: Arc::new(LivingPolicy::new(policy)),
        ..settings()
    };
    let _flush = settings.log.start().unwrap();
    let server = Running::start(settings);
    let mut client = server.client().await;

    // Calls of one connection, under way together: one is lost.
    let mut calls = JoinSet::new();
    for correlation_id in 0..100 {
        let mut client = client.clone();
        calls.spawn(async move { client.evaluate(call(correlation_id)).await });
    }
    let mut answered = 0;
    while let Some(call) = calls.join_next().await {
        match call.unwrap() {
            Ok(_) => answered += 1,
            Err(status) => assert_eq!(status.code(), Code::Internal, "{status:?}"),
        }
    }
    assert_eq!(answered, 99);
    assert_eq!(server.metric("bidgate_panics_total"), 1);

    // A stream is ended; those before the message that is lost are answered.
    let (sender, mut replies) = stream(&mut client).await;
    sender.send(call(1)).await.unwrap();
    assert_eq!(replies.message().await.unwrap().unwrap().correlation_id, 1);
    sender.send(call(PANICS)).await.unwrap();
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status:?}");

    // A call that comes in parts has a task of its own.
    let mut parts = RawCaller::connect(server.tcp(), &[]);
    let message = framed(&call(PANICS));
    parts.open("Evaluate");
    parts.data(&message[..9]);
    server.wait_for("bidgate_in_flight", 1).await;
    parts.data(&message[9..]);
    parts.end();
    parts.wait_for_head();
    assert!(parts.is_alive());
    drop(parts);

    // The same connection lives on, and so does the judge, with the memory of another.
    for lost in [call(PANICS), call(PANICS)] {
        let status = client.evaluate(lost).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status:?}");
        client.evaluate(call(1)).await.unwrap();
    }
    assert_eq!(server.metric("bidgate_in_flight"), 0);
    assert_eq!(server.metric("bidgate_panics_total"), 5);
    let policy = "bidgate_background_threads_lost{thread=\"bidgate-policy\"}";
    assert_eq!(server.metric(policy), 0);
    assert_eq!(server.metric("bidgate_evaluation_seconds_count"), 102);
    assert_eq!(server.ended().await, Drained::Completely);
}

/// The 41st panics.
const PANICS: u64 = 41;

fn call(correlation_id: u64) -> EvaluateRequest {
    let seat = if correlation_id == PANICS {
        "panic"
    } else {
        "calm"
    };
    let response =
        format!(r#"{{"seatbid":[{{"seat":"{seat}","bid":[{{"impid":"1","price":2}}]}}]}}"#);
    EvaluateRequest {
        bid_response: response.into(),
        ..request(correlation_id)
    }
}
