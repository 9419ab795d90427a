//! One message to a receiver, and its answer.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::target::{Protocol, Target};

/// A message that a receiver takes.
pub(super) trait Export: Message + Clone + 'static {
    /// What it answers.
    type Answer: Message + Default + 'static;
    /// The method with gRPC.
    const METHOD: &'static str;

    /// How many data points or spans of this message were refused, of a message that was taken.
    fn refused(answer: &Self::Answer) -> u64;
}

/// Sends messages of one signal. Connections are opened when they are needed and kept for the next message.
#[derive(Clone, Debug)]
pub(super) struct Client {
    target: Target,
    http: HttpClient<HttpsConnector<HttpConnector>, Body>,
}

impl Client {
    /// Must be made on the runtime that it is used on.
    pub(super) fn new(target: Target) -> Self {
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http2_only(target.protocol == Protocol::Grpc)
            .build(connector(&target));
        Self { target, http }
    }

    /// Sends one message. Returns how many of its data points or spans the receiver refused.
    ///
    /// # Errors
    /// When there is no answer in time, or the answer is that the message is not taken.
    pub(super) async fn send<M: Export>(&self, message: &M) -> Result<u64, ExportError> {
        let sent = async {
            match self.target.protocol {
                Protocol::Grpc => self.call(message.clone()).await,
                Protocol::Http => self.post(message).await,
            }
        };
        let answer = timeout(self.target.timeout, sent).await;
        answer
            .unwrap_or(Err(ExportError::Timeout))
            .map(|answer| M::refused(&answer))
    }

    async fn call<M: Export>(&self, message: M) -> Result<M::Answer, ExportError> {
        let mut grpc = Grpc::with_origin(self.http.clone(), self.target.endpoint.clone())
            .max_decoding_message_size(ANSWER_BYTES);
        grpc.ready().await.map_err(ExportError::transport)?;
        let metadata = MetadataMap::from_headers(self.target.headers.clone());
        let request = tonic::Request::from_parts(metadata, tonic::Extensions::new(), message);
        let method = PathAndQuery::from_static(M::METHOD);
        let answer = grpc.unary(request, method, ProstCodec::default()).await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(ExportError::Grpc)
    }

    async fn post<M: Export>(&self, message: &M) -> Result<M::Answer, ExportError> {
        let body = Full::new(Bytes::from(message.encode_to_vec()));
        let mut request = Request::new(Body::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.endpoint.clone();
        request.headers_mut().clone_from(&self.target.headers);
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        let answered = self.http.request(request).await;
        let (head, body) = answered.map_err(ExportError::transport)?.into_parts();
        if !head.status.is_success() {
            return Err(ExportError::Http(head.status));
        }
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(|_unread| ExportError::Answer)?.to_bytes();
        M::Answer::decode(body).map_err(|_unread| ExportError::Answer)
    }
}

/// Connects in the way that the endpoint's scheme says.
fn connector(target: &Target) -> HttpsConnector<HttpConnector> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let schemes = HttpsConnectorBuilder::new()
        .with_tls_config(target.tls.clone())
        .https_or_http();
    match target.protocol {
        Protocol::Grpc => schemes.enable_http2().wrap_connector(tcp),
        Protocol::Http => schemes.enable_http1().wrap_connector(tcp),
    }
}

const PROTOBUF: &str = "application/x-protobuf";
/// An answer is some numbers and perhaps a sentence.
const ANSWER_BYTES: usize = 64 * 1024;
/// Longer than between two batches of spans, shorter than what middleboxes allow.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Why a message was not taken.
#[derive(Debug)]
pub(super) enum ExportError {
    /// There was no answer in time.
    Timeout,
    /// The receiver could not be reached, or what it said is no answer.
    Transport(Box<dyn Error + Send + Sync>),
    /// It answered with success, and otherwise than the protocol says.
    Answer,
    /// It answered with another status than success.
    Http(StatusCode),
    /// The same, with gRPC.
    Grpc(Status),
}

impl ExportError {
    fn transport(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::Transport(Box::new(cause))
    }

    /// Whether to send the message once more: what the protocol lists as transient.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Timeout | Self::Transport(_) => true,
            // It may have taken the message, and would have it twice.
            Self::Answer => false,
            Self::Http(status) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            Self::Grpc(status) => is_transient(status),
        }
    }
}

fn is_transient(status: &Status) -> bool {
    // A status with a cause was made here, of an error of the connection.
    let local = status.source().is_some();
    local
        || matches!(
            status.code(),
            Code::Cancelled
                | Code::DeadlineExceeded
                | Code::ResourceExhausted
                | Code::Aborted
                | Code::OutOfRange
                | Code::Unavailable
                | Code::DataLoss
        )
}

impl fmt::Display for ExportError {
    /// Without what the receiver says in its own words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer in time"),
            Self::Transport(cause) => write!(f, "{}", root_cause(cause.as_ref())),
            Self::Answer => f.write_str("its answer is not OTLP"),
            Self::Http(status) => write!(f, "answered {}", status.as_u16()),
            Self::Grpc(status) => match status.source() {
                Some(cause) => write!(f, "{}", root_cause(cause)),
                None => write!(f, "answered {:?}", status.code()),
            },
        }
    }
}

/// The outer errors only say that there was one.
fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
