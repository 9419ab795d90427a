//! Metrics and traces, exported to receivers that take them, and to some that do not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bidgate::otlp;
use bidgate::server::{Drained, Settings};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message as _;

use crate::running::{LOOPBACK, PATIENCE, Running, request, settings};

/// A receiver of OTLP over HTTP/1.1.
struct Collector {
    address: SocketAddr,
    messages: Receiver<Received>,
}

/// A message and the path and headers that it came with.
struct Received {
    head: String,
    body: Vec<u8>,
}

impl Collector {
    /// One that answers every message with a status line, and an empty body.
    fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind(LOOPBACK).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                std::thread::spawn(move || receive(stream.unwrap(), status, &sender));
            }
        });
        Self { address, messages }
    }

    fn next(&self) -> Received {
        self.messages.recv_timeout(PATIENCE).unwrap()
    }

    /// The next message of metrics that says `count` for a counter without labels.
    fn metrics_with(&self, name: &str, count: i64) -> ExportMetricsServiceRequest {
        let since = Instant::now();
        loop {
            let message = ExportMetricsServiceRequest::decode(&*self.next().body).unwrap();
            if sum(&message, name) == count {
                return message;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "{name} is not {count}: {message:?}"
            );
        }
    }
}

fn receive(stream: TcpStream, status: &str, messages: &Sender<Received>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        messages.send(Received { head, body }).unwrap_or_default();
        write!(
            stream.get_mut(),
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"
        )
        .unwrap();
    }
}

/// All data points of a counter together.
fn sum(message: &ExportMetricsServiceRequest, name: &str) -> i64 {
    let metrics = &message.resource_metrics[0].scope_metrics[0].metrics;
    let metric = metrics.iter().find(|metric| metric.name == name);
    let Some(Data::Sum(sum)) = metric.and_then(|metric| metric.data.clone()) else {
        return 0;
    };
    let values = sum.data_points.iter().map(|point| match point.value {
        Some(Value::AsInt(value)) => value,
        other => panic!("{other:?}"),
    });
    values.sum()
}

fn exporting(endpoint: SocketAddr, variables: &[(&str, &str)]) -> Settings {
    let endpoint = format!("http://{endpoint}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())]
        .into_iter()
        .chain(variables.iter().copied())
        .map(|(name, text)| (name.into(), text.into()));
    Settings {
        otlp: otlp::Settings::from_environment(variables).unwrap(),
        ..settings()
    }
}

async fn call(server: &Running, calls: u64) {
    let mut client = server.client().await;
    for number in 0..calls {
        client.evaluate(request(number)).await.unwrap();
    }
}

const OFTEN: (&str, &str) = ("OTEL_METRIC_EXPORT_INTERVAL", "20");

#[tokio::test]
async fn metrics_are_exported_by_the_clock() {
    let collector = Collector::answering("200 OK");
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20k");
    let server = Running::start(exporting(collector.address, &[OFTEN, headers]));
    let first = collector.next();
    assert!(
        first.head.starts_with("POST /v1/metrics HTTP/1.1\r\n"),
        "{}",
        first.head
    );
    assert!(
        first
            .head
            .contains("content-type: application/x-protobuf\r\n"),
        "{}",
        first.head
    );
    assert!(
        first.head.contains("authorization: Bearer k\r\n"),
        "{}",
        first.head
    );
    call(&server, 3).await;
    let message = collector.metrics_with("bidgate_evaluations_total", 3);
    assert_eq!(sum(&message, "bidgate_agent_evaluations_total"), 3);
    assert!(
        server.metric("bidgate_otlp_exports_total{signal=\"metrics\",outcome=\"exported\"}") > 0
    );
}

#[tokio::test]
async fn what_was_counted_last_is_exported_at_the_end() {
    let collector = Collector::answering("200 OK");
    let server = Running::start(exporting(collector.address, &[]));
    call(&server, 2).await;
    assert_eq!(server.ended().await, Drained::Completely);
    collector.metrics_with("bidgate_evaluations_total", 2);
}

const FAILED: &str = "bidgate_otlp_exports_total{signal=\"metrics\",outcome=\"failed\"}";

async fn wait_for_failures(server: &Running) {
    let since = Instant::now();
    while server.metric(FAILED) < 2 {
        assert!(since.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_or_refuses_changes_nothing_but_counts() {
    let dead = TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let refusing = Collector::answering("503 Service Unavailable");
    for address in [dead, refusing.address] {
        for protocol in ["grpc", "http/protobuf"] {
            let protocol = ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
            let server = Running::start(exporting(address, &[OFTEN, protocol]));
            call(&server, 3).await;
            wait_for_failures(&server).await;
            call(&server, 3).await;
            assert_eq!(server.ended().await, Drained::Completely);
        }
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up_in_time() {
    let hanging = TcpListener::bind(LOOPBACK).unwrap();
    for protocol in ["grpc", "http/protobuf"] {
        let variables = [
            OFTEN,
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
        ];
        let server = Running::start(exporting(hanging.local_addr().unwrap(), &variables));
        call(&server, 3).await;
        wait_for_failures(&server).await;
        assert_eq!(server.ended().await, Drained::Completely);
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_does_not_hold_up_the_end() {
    let hanging = TcpListener::bind(LOOPBACK).unwrap();
    let variables = [("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")];
    let server = Running::start(exporting(hanging.local_addr().unwrap(), &variables));
    call(&server, 3).await;
    let since = Instant::now();
    assert_eq!(server.ended().await, Drained::Completely);
    assert!(
        since.elapsed() < Duration::from_millis(3500),
        "{:?}",
        since.elapsed()
    );
}
