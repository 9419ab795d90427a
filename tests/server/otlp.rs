//! Metrics and traces, exported to receivers that take them, and to some that do not.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bidgate::otlp;
use bidgate::server::{Drained, Settings};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::running::{LOOPBACK, PATIENCE, Running, request, settings, stream};

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
        Self::start(move |stream, messages| receive(stream, status, messages))
    }

    /// One that takes every message, over TLS.
    fn over_tls(config: Arc<ServerConfig>) -> Self {
        Self::start(move |stream, messages| {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            receive(StreamOwned::new(tls, stream), "200 OK", messages);
        })
    }

    fn start(receive: impl Fn(TcpStream, &Sender<Received>) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind(LOOPBACK).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (receive, sender) = (receive.clone(), sender.clone());
                std::thread::spawn(move || receive(stream.unwrap(), &sender));
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

fn receive(stream: impl Read + Write, status: &str, messages: &Sender<Received>) {
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
    exporting_to(&format!("http://{endpoint}"), variables)
}

fn exporting_to(endpoint: &str, variables: &[(&str, &str)]) -> Settings {
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]
        .into_iter()
        .chain(variables.iter().copied())
        .map(|(name, text)| (name.into(), text.into()));
    Settings {
        otlp: otlp::Settings::from_environment(variables, false).unwrap(),
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

const TRACES_ONLY: (&str, &str) = ("OTEL_METRICS_EXPORTER", "none");
const ALL_TRACES: (&str, &str) = ("OTEL_TRACES_SAMPLER", "always_on");

fn spans(message: &Received) -> Vec<Span> {
    let message = ExportTraceServiceRequest::decode(&*message.body).unwrap();
    let [resource] = &message.resource_spans[..] else {
        panic!("{message:?}")
    };
    resource.scope_spans[0].spans.clone()
}

#[tokio::test]
async fn a_sampled_call_is_exported_in_the_trace_of_its_caller() {
    let collector = Collector::answering("200 OK");
    let server = Running::start(exporting(collector.address, &[TRACES_ONLY]));
    let mut call = tonic::Request::new(request(1));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    call.metadata_mut()
        .insert("traceparent", parent.parse().unwrap());
    let reply = server.client().await.evaluate(call).await.unwrap();
    let message = collector.next();
    assert!(
        message.head.starts_with("POST /v1/traces HTTP/1.1\r\n"),
        "{}",
        message.head
    );
    let spans = spans(&message);
    assert_eq!(
        spans[0].trace_id,
        0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes()
    );
    assert_eq!(
        spans[0].parent_span_id,
        0xb7ad_6b71_6920_3331_u64.to_be_bytes()
    );
    assert_eq!(spans.len(), 1 + reply.into_inner().gates.len());
    server
        .wait_for(
            "bidgate_otlp_spans_total{outcome=\"exported\"}",
            spans.len() as u64,
        )
        .await;
}

#[tokio::test]
async fn the_last_spans_are_exported_at_the_end() {
    let collector = Collector::answering("200 OK");
    let server = Running::start(exporting(collector.address, &[TRACES_ONLY, ALL_TRACES]));
    call(&server, 3).await;
    assert_eq!(server.ended().await, Drained::Completely);
    let spans = spans(&collector.next());
    let evaluations = spans.iter().filter(|span| span.parent_span_id.is_empty());
    assert_eq!(evaluations.count(), 3);
}

#[tokio::test]
async fn spans_that_a_receiver_does_not_take_are_counted() {
    let collector = Collector::answering("400 Bad Request");
    let server = Running::start(exporting(collector.address, &[TRACES_ONLY, ALL_TRACES]));
    call(&server, 3).await;
    let taken = spans(&collector.next()).len();
    server
        .wait_for(
            "bidgate_otlp_spans_total{outcome=\"export_failed\"}",
            taken as u64,
        )
        .await;
}

#[tokio::test]
async fn spans_without_room_are_counted_and_every_call_is_answered() {
    const CALLS: u64 = 3000;
    let hanging = TcpListener::bind(LOOPBACK).unwrap();
    let address = hanging.local_addr().unwrap();
    let server = Running::start(exporting(address, &[TRACES_ONLY, ALL_TRACES]));
    let (sender, mut replies) = stream(&mut server.client().await).await;
    let sending = async {
        for number in 0..CALLS {
            sender.send(request(number)).await.unwrap();
        }
        drop(sender);
    };
    let receiving = async {
        let mut received = 0;
        while replies.message().await.unwrap().is_some() {
            received += 1;
        }
        received
    };
    assert_eq!(tokio::join!(sending, receiving).1, CALLS);
    let since = Instant::now();
    while server.metric("bidgate_otlp_spans_total{outcome=\"queue_full\"}") == 0 {
        assert!(since.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.ended().await, Drained::Completely);
}

/// A server's certificate, and the file that vouches for it.
fn certificate(folder: &std::path::Path, name: &str) -> (Arc<ServerConfig>, String) {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.join(name);
    std::fs::write(&file, key.cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], PrivateKeyDer::from(private));
    (Arc::new(config.unwrap()), file.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_receiver_is_reached_over_tls_if_the_certificate_vouches_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (config, trusted) = certificate(folder.path(), "trusted.pem");
    let (_, other) = certificate(folder.path(), "other.pem");
    let collector = Collector::over_tls(config);
    let endpoint = format!("https://localhost:{}", collector.address.port());
    let certificate = ("OTEL_EXPORTER_OTLP_CERTIFICATE", other.as_str());
    let server = Running::start(exporting_to(&endpoint, &[OFTEN, certificate]));
    wait_for_failures(&server).await;
    assert_eq!(server.ended().await, Drained::Completely);
    assert!(collector.messages.try_recv().is_err());
    let certificate = ("OTEL_EXPORTER_OTLP_CERTIFICATE", trusted.as_str());
    let server = Running::start(exporting_to(&endpoint, &[OFTEN, certificate]));
    call(&server, 1).await;
    collector.metrics_with("bidgate_evaluations_total", 1);
}

#[test]
fn a_variable_that_cannot_be_read_keeps_the_sidecar_from_starting() {
    let started = Command::new(env!("CARGO_BIN_EXE_bidgate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "s3cret")
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8(started.stderr).unwrap();
    assert!(!started.status.success());
    assert!(
        told.contains("OTEL_EXPORTER_OTLP_HEADERS: must be pairs"),
        "{told}"
    );
    assert!(!told.contains("s3cret"), "{told}");
}
