//! A server of this process, and callers as they should be.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bidgate::config::{Config, Listen};
use bidgate::limits::Limits;
use bidgate::policy::Policy;
use bidgate::proto::bid_gate_service_client::BidGateServiceClient;
use bidgate::proto::{EvaluateRequest, EvaluateResponse};
use bidgate::server::{Drained, LivingPolicy, Server, Settings};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

pub(crate) type Client = BidGateServiceClient<Channel>;

/// A server on its threads, ended on drop.
pub(crate) struct Running {
    pub(crate) addresses: Vec<Listen>,
    pub(crate) admin: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<Drained>>>,
}

impl Running {
    pub(crate) fn start(settings: Settings) -> Self {
        let server = Server::bind(settings).unwrap();
        let (addresses, admin) = (server.addresses().to_vec(), server.admin_address());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || server.run(async { drop(stopped.await) }));
        Self {
            addresses,
            admin,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        match &self.addresses[0] {
            Listen::Tcp(address) => *address,
            Listen::Unix(path) => panic!("{} is no TCP address", path.display()),
        }
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.addresses[0]).await
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap_or_default();
        }
    }

    /// Shuts down. Callers of this thread live on meanwhile, or their connections could not end in order.
    pub(crate) async fn ended(mut self) -> Drained {
        self.stop();
        let thread = self.thread.take().unwrap();
        tokio::task::spawn_blocking(|| thread.join().unwrap().unwrap())
            .await
            .unwrap()
    }

    pub(crate) fn admin(&self, request_line: &str) -> (String, String) {
        admin_page(self.admin, request_line)
    }

    pub(crate) fn metric(&self, sample: &str) -> u64 {
        let (_, page) = self.admin("GET /metrics");
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {sample} in\n{page}"))
            .parse()
            .unwrap()
    }

    pub(crate) async fn wait_for(&self, sample: &str, value: u64) {
        let since = Instant::now();
        while self.metric(sample) != value {
            assert!(
                since.elapsed() < PATIENCE,
                "{sample} is {} and not {value}",
                self.metric(sample)
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The head of an admin page, in lower case, and its body.
pub(crate) fn admin_page(admin: SocketAddr, request_line: &str) -> (String, String) {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{request_line} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

pub(crate) fn settings() -> Settings {
    Settings {
        listen: vec![Listen::Tcp(LOOPBACK)],
        unix_mode: 0o660,
        admin: LOOPBACK,
        rest: false,
        max_message_bytes: 1 << 20,
        max_in_flight: 1024,
        max_connections: 1024,
        workers: 2,
        limits: Limits::default(),
        drain_delay: Duration::ZERO,
        grace: SHORT_GRACE,
        policy: Arc::new(LivingPolicy::new(patient())),
        ..Settings::from(Config::default())
    }
}

/// The default gates, with more time than a busy machine takes from a worker in the midst of an evaluation.
fn patient() -> Policy {
    Policy::from_yaml("timeout_ms: 10000", "t").unwrap()
}

pub(crate) fn settings_on_unix(path: &Path) -> Settings {
    Settings {
        listen: vec![Listen::Unix(path.to_owned())],
        ..settings()
    }
}

pub(crate) async fn connect(address: &Listen) -> Client {
    let uri = match address {
        Listen::Tcp(address) => format!("http://{address}"),
        Listen::Unix(_) => address.to_string(),
    };
    let endpoint = Endpoint::from_shared(uri).unwrap().timeout(PATIENCE);
    Client::new(endpoint.connect().await.unwrap())
}

pub(crate) fn request(correlation_id: u64) -> EvaluateRequest {
    EvaluateRequest {
        agent_id: "bidder".to_owned(),
        tool: "exchange".to_owned(),
        bid_request: br#"{"id":"a","imp":[{"id":"1"}],"tmax":120}"#.as_slice().into(),
        bid_response: b"{}".as_slice().into(),
        elapsed_us: Some(0),
        correlation_id,
        ..EvaluateRequest::default()
    }
}

/// A stream of calls, and what feeds it.
pub(crate) async fn stream(
    client: &mut Client,
) -> (mpsc::Sender<EvaluateRequest>, Streaming<EvaluateResponse>) {
    let (sender, receiver) = mpsc::channel(1024);
    let replies = client
        .evaluate_stream(ReceiverStream::new(receiver))
        .await
        .unwrap()
        .into_inner();
    (sender, replies)
}

pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// Longer than anything takes that ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const SHORT_GRACE: Duration = Duration::from_millis(200);
