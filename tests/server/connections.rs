//! Connections: what is cut, what is refused, and what is left behind.

use std::io;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bidgate::server::Settings;

use crate::raw::{HALF_A_MESSAGE, RawCaller};
use crate::running::{PATIENCE, Running, request, settings};

#[tokio::test]
async fn calls_cancelled_in_a_burst_do_not_cost_the_connection() {
    let server = Running::start(settings());
    let mut caller = RawCaller::connect(server.tcp(), &[]);
    caller.open_and_cancel(500);
    assert!(caller.is_alive());
    server.wait_for("bidgate_in_flight", 0).await;
}

#[tokio::test]
async fn calls_shed_before_they_have_arrived_do_not_cost_the_connection() {
    let server = Running::start(Settings {
        max_in_flight: 1,
        ..settings()
    });
    let mut holder = RawCaller::connect(server.tcp(), &[]);
    holder.open("Evaluate");
    holder.data(HALF_A_MESSAGE);
    server.wait_for("bidgate_in_flight", 1).await;
    let mut caller = RawCaller::connect(server.tcp(), &[]);
    for shed in [1000, 2000] {
        let streams = || (2 * shed - 1999..2 * shed).step_by(2);
        caller.open_all(streams());
        server.wait_for("bidgate_shed_total", u64::from(shed)).await;
        caller.data_on_all(streams(), HALF_A_MESSAGE);
        assert!(caller.is_alive());
    }
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

#[tokio::test]
async fn a_call_of_health_that_does_not_arrive_is_ended() {
    let server = Running::start(settings());
    let mut caller = RawCaller::connect(server.tcp(), &[]);
    caller.open_at("/grpc.health.v1.Health/Check");
    caller.data(HALF_A_MESSAGE);
    caller.wait_for_head();
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
