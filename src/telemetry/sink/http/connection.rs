//! Connections to a collector: opened when needed, used again while they are fresh.
//!
//! Not the pooled client that [`crate::otlp`] has: what is connected to is looked at before a key is sent in the clear,
//! and an attempt that is given up takes its connection with it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tower_service::Service as _;

use super::endpoint::Endpoint;
use super::fault::Fault;

/// Opens connections.
pub(super) struct Dialer {
    connector: HttpConnector,
    address: Uri,
    /// None for plain HTTP, which may not leave this machine.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// A dialer to `endpoint`; none if its host is no name that a certificate could have.
    pub(super) fn new(
        endpoint: &Endpoint,
        tls: Option<Arc<rustls::ClientConfig>>,
        timeout: Duration,
    ) -> Option<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        let tls = match tls {
            Some(config) => {
                let name = ServerName::try_from(endpoint.host.clone()).ok()?;
                Some((TlsConnector::from(config), name))
            }
            None => None,
        };
        Some(Self {
            connector,
            address: endpoint.address.clone(),
            tls,
        })
    }

    /// Opens a connection.
    pub(super) async fn dial(&self) -> Result<Connection, Fault> {
        let mut connector = self.connector.clone();
        let connected = connector.call(self.address.clone()).await;
        let stream = connected
            .map_err(|_refused| Fault::Unreachable)?
            .into_inner();
        match &self.tls {
            Some((tls, name)) => {
                let stream = tls.connect(name.clone(), stream).await;
                Connection::open(stream.map_err(|_refused| Fault::Tls)?).await
            }
            None if is_local(&stream) => Connection::open(stream).await,
            None => Err(Fault::Unreachable),
        }
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = self.tls.is_some();
        let mut dialer = f.debug_struct("Dialer");
        dialer.field("address", &self.address).field("tls", &tls);
        dialer.finish_non_exhaustive()
    }
}

/// Whatever `localhost` was found to be.
fn is_local(stream: &TcpStream) -> bool {
    stream
        .peer_addr()
        .is_ok_and(|peer: SocketAddr| peer.ip().is_loopback())
}

/// An open connection. It is closed when it is dropped, whatever is under way.
#[derive(Debug)]
pub(super) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    async fn open<T>(stream: T) -> Result<Self, Fault>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let handshake = Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(stream));
        let (requests, connection) = handshake.await.map_err(|_ended| Fault::Cut)?;
        // Whatever ends the connection, the request on it hears of.
        let driver = tokio::task::spawn_local(async { connection.await.unwrap_or_default() });
        Ok(Self { requests, driver })
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// With the request itself when nothing of it was sent: then it may go over another connection.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let sent = self.requests.try_send_request(request).await;
        sent.map_err(|mut error| match error.take_message() {
            Some(request) => Unanswered::Unsent(Box::new(request)),
            None => Unanswered::Sent(fault(error.error())),
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The connection had ended before.
    Unsent(Box<Request<Full<Bytes>>>),
    /// The request is gone, and may have arrived.
    Sent(Fault),
}

fn fault(error: &hyper::Error) -> Fault {
    if error.is_parse() {
        Fault::NotHttp
    } else {
        Fault::Cut
    }
}

/// What an answer's head may take.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;

/// Connections that wait for the next batch.
#[derive(Debug, Default)]
pub(super) struct Pool(Vec<(Instant, Connection)>);

impl Pool {
    /// The connection that was used last, if it is fresh and open. Those that are not are closed.
    pub(super) fn take(&mut self, now: Instant) -> Option<Connection> {
        self.0.retain(|(since, connection)| {
            now.saturating_duration_since(*since) < IDLE_MAX && !connection.requests.is_closed()
        });
        self.0.pop().map(|(_, connection)| connection)
    }

    /// Keeps a connection on which everything was read. There are never more than attempts at a time.
    pub(super) fn put(&mut self, connection: Connection, now: Instant) {
        self.0.push((now, connection));
    }
}

/// Shorter than the five seconds after which the hastiest of the common servers closes an idle connection: a batch that
/// meets the closing would need its retry.
const IDLE_MAX: Duration = Duration::from_secs(4);
