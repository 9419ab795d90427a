//! The server over loopback: calls, bounds, bad callers and shutdown.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::tests_outside_test_module,
    reason = "an integration test is all test"
)]

mod process;
mod raw;
mod running;

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use bidgate::config::Listen;
use bidgate::proto::{EvaluateRequest, EvaluateResponse, Verdict};
use bidgate::server::{Drained, Server, Settings};
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use process::Process;
use raw::{HALF_A_MESSAGE, RawCaller, framed};
use running::{
    Client, LOOPBACK, PATIENCE, Running, SHORT_GRACE, admin_page, connect, request, settings,
    settings_on_unix, stream,
};

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

#[tokio::test]
async fn calls_cancelled_in_a_burst_do_not_cost_the_connection() {
    let server = Running::start(settings());
    let mut caller = RawCaller::connect(server.tcp(), &[]);
    caller.open_and_cancel(500);
    assert!(caller.is_alive());
    server.wait_for("bidgate_in_flight", 0).await;
}

#[tokio::test]
async fn bytes_that_are_not_http2_are_cut_at_once() {
    let server = Running::start(settings());
    for garbage in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        b"PRI * HTTP/3",
        &[0xff; 4096],
    ] {
        let mut stream = TcpStream::connect(server.tcp()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        stream.write_all(garbage).unwrap();
        assert_closed(&mut stream);
    }
    let mut caller = RawCaller::connect(server.tcp(), &[]);
    caller.break_compression();
    caller.0.read_to_end(&mut Vec::new()).unwrap();
    server.client().await.evaluate(request(1)).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_sends_nothing_is_cut_in_time() {
    let server = Running::start(settings());
    let mut silent = TcpStream::connect(server.tcp()).unwrap();
    let mut slow = TcpStream::connect(server.tcp()).unwrap();
    slow.write_all(b"PRI * HT").unwrap();
    let mut admin = TcpStream::connect(server.admin).unwrap();
    for stream in [&mut silent, &mut slow, &mut admin] {
        stream
            .set_read_timeout(Some(Duration::from_secs(7)))
            .unwrap();
        assert_closed(stream);
    }
}

#[tokio::test]
async fn a_message_that_does_not_arrive_loses_its_slot() {
    let server = Running::start(settings());
    let mut callers = Vec::new();
    for method in ["Evaluate", "EvaluateStream"] {
        let mut caller = RawCaller::connect(server.tcp(), &[]);
        caller.open(method);
        caller.data(HALF_A_MESSAGE);
        callers.push(caller);
    }
    server.wait_for("bidgate_in_flight", 2).await;
    server.wait_for("bidgate_in_flight", 0).await;
    assert_eq!(server.metric("bidgate_connections_open"), 2);
}

fn assert_closed(stream: &mut TcpStream) {
    match stream.read(&mut [0; 64]) {
        Ok(0) => {}
        Ok(len) => panic!("{len} bytes of an answer"),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
    }
}

#[tokio::test]
async fn a_thousand_connections_that_come_and_go_leave_nothing() {
    let server = Running::start(settings());
    for _ in 0..1000 {
        drop(TcpStream::connect(server.tcp()).unwrap());
    }
    server.client().await.evaluate(request(1)).await.unwrap();
    server.wait_for("bidgate_connections_open", 0).await;
}

#[tokio::test]
async fn a_connection_over_the_bound_is_closed_and_counted() {
    let server = Running::start(Settings {
        max_connections: 1,
        ..settings()
    });
    let mut client = server.client().await;
    client.evaluate(request(1)).await.unwrap();
    let mut refused = TcpStream::connect(server.tcp()).unwrap();
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_closed(&mut refused);
    assert_eq!(server.metric("bidgate_connections_refused_total"), 1);
    client.evaluate(request(1)).await.unwrap();
    drop(client);
    server.wait_for("bidgate_connections_open", 0).await;
    server.client().await.evaluate(request(1)).await.unwrap();
}

#[tokio::test]
async fn calls_of_no_service_are_unimplemented() {
    let server = Running::start(settings());
    let channel = Endpoint::from_shared(format!("http://{}", server.tcp()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    for path in [
        "/bidgate.v1.BidGateService/Judge",
        "/no.Service/Method",
        "/",
    ] {
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<EvaluateRequest, EvaluateResponse>::default();
        let status = grpc
            .unary(
                tonic::Request::new(request(1)),
                path.parse().unwrap(),
                codec,
            )
            .await;
        assert_eq!(status.unwrap_err().code(), Code::Unimplemented, "{path}");
    }
}

#[tokio::test]
async fn health_is_told_for_the_server_and_its_service() {
    let mut server = Running::start(Settings {
        drain_delay: Duration::from_millis(500),
        grace: PATIENCE,
        ..settings()
    });
    let channel = Endpoint::from_shared(format!("http://{}", server.tcp()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut health = HealthClient::new(channel);
    let check = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    for service in ["", "bidgate.v1.BidGateService"] {
        assert_eq!(
            health
                .check(check(service))
                .await
                .unwrap()
                .into_inner()
                .status(),
            ServingStatus::Serving
        );
    }
    assert_eq!(
        health.check(check("no.Service")).await.unwrap_err().code(),
        Code::NotFound
    );
    let mut watch = health.watch(check("")).await.unwrap().into_inner();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    server.stop();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
    assert_eq!(
        health
            .check(check("bidgate.v1.BidGateService"))
            .await
            .unwrap()
            .into_inner()
            .status(),
        ServingStatus::NotServing
    );
    assert_eq!(watch.message().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(server.ended().await, Drained::Completely);
}

#[tokio::test]
async fn reflection_lists_the_services() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let server = Running::start(settings());
    let channel = Endpoint::from_shared(format!("http://{}", server.tcp()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let list = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut replies = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(list))
        .await
        .unwrap()
        .into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        replies.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services");
    };
    let services: Vec<_> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for service in ["bidgate.v1.BidGateService", "grpc.health.v1.Health"] {
        assert!(services.iter().any(|name| name == service), "{services:?}");
    }
}

#[tokio::test]
async fn admin_pages_answer() {
    let mut server = Running::start(Settings {
        drain_delay: Duration::from_millis(500),
        ..settings()
    });
    server.client().await.evaluate(request(1)).await.unwrap();
    for (line, status, content_type, body) in [
        ("GET /health/live", "200", "application/json", "live"),
        (
            "GET /health/ready",
            "200",
            "application/json",
            r#"{"status":"ready"}"#,
        ),
        (
            "GET /health/info",
            "200",
            "application/json",
            r#""version":"0.1.0""#,
        ),
        (
            "GET /metrics",
            "200",
            "text/plain; version=0.0.4",
            "bidgate_build_info{version=\"0.1.0\"} 1",
        ),
        ("GET /policy", "200", "text/yaml", "gates:"),
        ("HEAD /health/live", "200", "application/json", ""),
        ("POST /policy", "405", "application/json", "only GET"),
        ("GET /", "404", "application/json", "no such page"),
    ] {
        let (head, page) = server.admin(line);
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{line}: {head}"
        );
        assert!(
            head.contains(&format!("content-type: {content_type}")),
            "{line}: {head}"
        );
        assert!(page.contains(body), "{line}: {page}");
    }
    server.stop();
    let since = Instant::now();
    while server.admin("GET /health/ready").1 != r#"{"reason":"draining","status":"not_ready"}"# {
        assert!(since.elapsed() < PATIENCE);
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = Running::start(settings());
    let taken = Settings {
        listen: server.addresses.clone(),
        ..settings()
    };
    let error = Server::bind(taken).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{} is in use: ", server.tcp())),
        "{error}"
    );
}

#[tokio::test]
async fn a_unix_socket_has_its_mode_and_is_removed_at_exit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let server = Running::start(Settings {
        grace: PATIENCE,
        ..settings_on_unix(&path)
    });
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    server.client().await.evaluate(request(1)).await.unwrap();
    assert_eq!(server.ended().await, Drained::Completely);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_unix_socket_is_replaced_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let server = Running::start(settings_on_unix(&path));
    server.client().await.evaluate(request(1)).await.unwrap();
    let error = Server::bind(settings_on_unix(&path))
        .unwrap_err()
        .to_string();
    assert!(error.contains("is in use: "), "{error}");
    server.client().await.evaluate(request(1)).await.unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let error = Server::bind(settings_on_unix(&file))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn a_drain_under_load_loses_no_call() {
    let mut server = Running::start(Settings {
        drain_delay: Duration::from_millis(100),
        grace: PATIENCE,
        ..settings()
    });
    let mut callers = Vec::new();
    for _ in 0..8 {
        callers.push(tokio::spawn(call_until_refused(server.client().await)));
    }
    let mut holder = RawCaller::connect(server.tcp(), &[]);
    holder.open("Evaluate");
    holder.data(HALF_A_MESSAGE);
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop();
    let mut all_answered = 0;
    for caller in callers {
        let (answered, status) = caller.await.unwrap();
        let error = format!("{status:?}");
        let unsent =
            error.contains("ConnectionRefused") || error.contains("GoAway(b\"\", NO_ERROR");
        assert!(unsent, "a call was lost: {error}");
        all_answered += answered;
    }
    assert!(all_answered > 0);
    assert_eq!(
        server.metric("bidgate_evaluation_seconds_count"),
        all_answered
    );
    drop(holder);
    assert_eq!(server.ended().await, Drained::Completely);
}

/// A call that fails was not begun: no connection is accepted, or the connection takes no new stream.
async fn call_until_refused(mut client: Client) -> (u64, Status) {
    let mut answered = 0;
    loop {
        match client.evaluate(request(answered)).await {
            Ok(_) => answered += 1,
            Err(status) => return (answered, status),
        }
    }
}

#[tokio::test]
async fn a_drain_ends_idle_streams_and_idle_connections() {
    let mut server = Running::start(Settings {
        grace: Duration::from_secs(60),
        ..settings()
    });
    let idle = server.client().await;
    let silent = TcpStream::connect(server.tcp()).unwrap();
    let (sender, mut replies) = stream(&mut server.client().await).await;
    for correlation_id in 0..50 {
        sender.send(request(correlation_id)).await.unwrap();
    }
    assert_eq!(replies.message().await.unwrap().unwrap().correlation_id, 0);
    let since = Instant::now();
    server.stop();
    for correlation_id in 1..50 {
        assert_eq!(
            replies.message().await.unwrap().unwrap().correlation_id,
            correlation_id
        );
    }
    assert_eq!(
        replies.message().await.unwrap_err().code(),
        Code::Unavailable
    );
    assert_eq!(server.ended().await, Drained::Completely);
    assert!(since.elapsed() < Duration::from_secs(5));
    drop((idle, silent));
}

#[tokio::test]
async fn what_does_not_finish_within_the_grace_period_is_cut() {
    let server = Running::start(settings());
    let mut holder = RawCaller::connect(server.tcp(), &[]);
    holder.open("Evaluate");
    holder.data(HALF_A_MESSAGE);
    server.wait_for("bidgate_in_flight", 1).await;
    let since = Instant::now();
    assert_eq!(server.ended().await, Drained::Cut);
    assert!((SHORT_GRACE..Duration::from_secs(2)).contains(&since.elapsed()));
}

#[test]
fn sigterm_drains_and_the_process_ends_well() {
    for signal in ["-TERM", "-INT"] {
        let process = Process::start();
        let caller = RawCaller::connect(process.address, &[]);
        drop(caller);
        process.signal(signal);
        let (drained, status) = process.ended();
        assert_eq!(drained, "Completely");
        assert!(status.success());
    }
}

#[test]
fn a_process_out_of_files_rests_and_recovers() {
    let process = Process::start_after("ulimit -n 60");
    let callers: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(process.address).unwrap())
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    drop(callers);
    let since = Instant::now();
    let page = loop {
        let (_, page) = admin_page(process.admin, "GET /metrics");
        if page.contains("bidgate_connections_open 0\n") {
            break page;
        }
        assert!(since.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    };
    let cpu = page
        .lines()
        .find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
    assert!(
        cpu.unwrap().parse::<f64>().unwrap() < 0.5,
        "it spins: {page}"
    );
    process.signal("-TERM");
    assert_eq!(process.ended().0, "Completely");
}

#[test]
fn a_second_signal_ends_at_once() {
    let process = Process::start();
    let mut holder = RawCaller::connect(process.address, &[]);
    holder.open("Evaluate");
    holder.data(HALF_A_MESSAGE);
    std::thread::sleep(Duration::from_millis(200));
    let since = Instant::now();
    process.signal("-TERM");
    while TcpStream::connect(process.address).is_ok() {
        assert!(since.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(
        TcpStream::connect(process.admin).is_ok(),
        "the admin pages are served to the last"
    );
    process.signal("-TERM");
    let (drained, status) = process.ended();
    assert_eq!(drained, "Cut");
    assert!(status.success());
    assert!(since.elapsed() < PATIENCE / 2);
}
