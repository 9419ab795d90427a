//! `POST /v1/evaluate`: a call as JSON over HTTP/1.1, for callers that have no gRPC. Off unless configured.
//!
//! It is judged on the control thread, by an evaluator and with counters of its own: workers share nothing with it but
//! the number in flight. The payloads are judged as they stand in the body, byte for byte.

use std::borrow::Cow;
use std::cell::RefCell;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tonic::Code;

use super::clock::{Arrival, Tick};
use super::in_flight::InFlight;
use super::judge::Judge;
use super::page::{JSON, Page, allowing, json, page};
use super::reader::PREFIX_BYTES;
use super::readiness::Readiness;
use super::refusal::Refusal;
use super::settings::Settings;
use super::trace_header::TraceHeader;
use super::unary::RECEIVE_TIMEOUT;
use crate::evaluate::Call;
use crate::metrics::{Recorder, RpcMethod};
use crate::reply_json::ReplyReader;
use crate::telemetry::Pen;
use crate::wire::WireError;

/// Answers calls, one after another.
#[derive(Debug)]
pub(super) struct Rest {
    /// Borrowed for one evaluation at a time, never across an await.
    judge: RefCell<Judge>,
    recorder: Recorder,
    trace_header: TraceHeader,
    replies: ReplyReader,
    in_flight: Arc<InFlight>,
    readiness: Arc<Readiness>,
    max_message_bytes: usize,
}

impl Rest {
    pub(super) const PATH: &'static str = "/v1/evaluate";

    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn new(
        settings: &Settings,
        recorder: Recorder,
        pen: Option<Pen>,
        in_flight: &Arc<InFlight>,
        readiness: &Arc<Readiness>,
    ) -> io::Result<Self> {
        Ok(Self {
            judge: RefCell::new(Judge::new(settings, pen)?),
            recorder,
            trace_header: TraceHeader::of(settings),
            replies: ReplyReader::new().map_err(io::Error::other)?,
            in_flight: Arc::clone(in_flight),
            readiness: Arc::clone(readiness),
            max_message_bytes: settings.max_message_bytes,
        })
    }

    /// Answers one call: the reply as proto JSON, or why there is none.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Page {
        let arrived = Tick::now();
        let (head, mut body) = request.into_parts();
        match self.evaluate(&head, &mut body).await {
            Ok(reply) => {
                let duration_ns = arrived.ns_until(Tick::now());
                self.recorder.answered(RpcMethod::Rest, duration_ns);
                page(StatusCode::OK, JSON, reply)
            }
            Err(refused) => {
                refused.count(&self.recorder);
                discard(body).await;
                refused.page()
            }
        }
    }

    async fn evaluate(&self, head: &Parts, body: &mut Incoming) -> Result<Vec<u8>, Refused> {
        check_head(head)?;
        if self.readiness.is_closed() {
            return Err(Refusal::Draining.into());
        }
        let _slot = self.in_flight.slot().ok_or(Refusal::Shed)?;
        let received = timeout(RECEIVE_TIMEOUT, receive(body, self.max_message_bytes));
        let message = received.await.unwrap_or(Err(Refusal::Slow))?;
        let arrival = Arrival::now();
        let message = Message::read(&message)?;
        let call = message.call();
        call.validate().map_err(Refusal::Argument)?;
        let trace_parent = self.trace_header.read(&head.headers);
        let mut judge = self.judge.borrow_mut();
        let reply = judge.reply(&call, &arrival, trace_parent, &self.recorder);
        let reply = reply.get(PREFIX_BYTES..).unwrap_or_default();
        let reply = self.replies.read(reply).map_err(Refused::reply)?;
        serde_json::to_vec(&reply).map_err(Refused::reply)
    }
}

fn check_head(head: &Parts) -> Result<(), Refused> {
    if head.method != Method::POST {
        return Err(Refused::Method);
    }
    let content_type = head
        .headers
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    if !content_type.is_some_and(is_json) {
        return Err(Refused::ContentType);
    }
    match head.headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Refusal::Compressed.into()),
        _ => Ok(()),
    }
}

/// `application/json`, with parameters or without. JSON is UTF-8, whatever a charset says (RFC 8259 section 8.1).
fn is_json(content_type: &[u8]) -> bool {
    let media_type = content_type.split(|&byte| byte == b';').next();
    media_type.is_some_and(|media_type| {
        media_type
            .trim_ascii()
            .eq_ignore_ascii_case(JSON.as_bytes())
    })
}

/// The whole body, in memory that grows with what has arrived and not with what was announced.
pub(super) async fn receive(body: &mut Incoming, max: usize) -> Result<Bytes, Refusal> {
    let too_large = |bytes: u64| Refusal::TooLarge {
        announced: u32::try_from(bytes).unwrap_or(u32::MAX),
        max,
    };
    let announced = body.size_hint().lower();
    if announced > max as u64 {
        return Err(too_large(announced));
    }
    let mut received = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Refusal::Gone);
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let bytes = received.len() + data.len();
        if bytes > max {
            return Err(too_large(bytes as u64));
        }
        received.extend_from_slice(data);
    }
    Ok(received.freeze())
}

/// Reads on for a moment what is not wanted. To close while bytes arrive resets the connection, and the caller might
/// never see the answer.
pub(super) async fn discard(mut body: Incoming) {
    let all = async { while let Some(Ok(_)) = body.frame().await {} };
    timeout(DISCARD_TIMEOUT, all).await.unwrap_or_default();
}

const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// The body: an `EvaluateRequest` with the payloads in place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    #[serde(borrow, default)]
    agent_id: Cow<'a, str>,
    #[serde(borrow, default)]
    tool: Cow<'a, str>,
    #[serde(borrow)]
    input: &'a RawValue,
    /// Null as absent: a no-bid.
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    started_at_unix_us: Option<u64>,
    elapsed_us: Option<u64>,
    tmax_ms: Option<u32>,
    latency_ms: Option<f64>,
    #[serde(default)]
    correlation_id: u64,
    #[serde(default)]
    want_filtered_response: bool,
}

impl<'a> Message<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Refused> {
        // Serde would take an array for an object whose keys have gone.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Refused::NotAnObject);
        }
        serde_json::from_slice(body).map_err(Refused::Json)
    }

    fn call(&self) -> Call<'_> {
        Call {
            agent_id: &self.agent_id,
            tool: &self.tool,
            bid_request: self.input.get().as_bytes(),
            bid_response: self.output.map_or(b"", |output| output.get().as_bytes()),
            started_at_unix_us: self.started_at_unix_us,
            elapsed_us: self.elapsed_us,
            tmax_ms: self.tmax_ms,
            latency_ms: self.latency_ms,
            correlation_id: self.correlation_id,
            want_filtered_response: self.want_filtered_response,
        }
    }
}

/// Why a call is not answered with a verdict.
#[derive(Debug)]
enum Refused {
    /// For what a gRPC call is refused for as well.
    Call(Refusal),
    /// It is no POST.
    Method,
    /// The body is said to be something else than JSON.
    ContentType,
    /// The body is no object.
    NotAnObject,
    /// The body is not JSON, or not the object that it should be.
    Json(serde_json::Error),
    /// The reply cannot be written as JSON: engine and contract disagree.
    Reply(Box<dyn Error>),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Call(refusal)
    }
}

impl Refused {
    fn reply(cause: impl Error + 'static) -> Self {
        Self::Reply(Box::new(cause))
    }

    fn count(&self, recorder: &Recorder) {
        match self {
            Self::Call(refusal) => refusal.count(recorder),
            Self::NotAnObject | Self::Json(_) => {
                Refusal::Argument(WireError::Malformed).count(recorder);
            }
            Self::Method | Self::ContentType | Self::Reply(_) => {}
        }
    }

    fn page(&self) -> Page {
        match self {
            Self::Call(refusal) => {
                let status = refusal.status();
                error(status.code(), http_status(*refusal), status.message())
            }
            Self::Method => allowing(
                "POST",
                error(
                    Code::Unimplemented,
                    StatusCode::METHOD_NOT_ALLOWED,
                    "only POST is allowed",
                ),
            ),
            Self::ContentType => error(
                Code::InvalidArgument,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-type must be application/json",
            ),
            Self::NotAnObject => error(
                Code::InvalidArgument,
                StatusCode::BAD_REQUEST,
                "the body must be a JSON object",
            ),
            Self::Json(cause) => error(
                Code::InvalidArgument,
                StatusCode::BAD_REQUEST,
                &cause.to_string(),
            ),
            Self::Reply(cause) => error(
                Code::Internal,
                StatusCode::INTERNAL_SERVER_ERROR,
                &cause.to_string(),
            ),
        }
    }
}

fn error(code: Code, status: StatusCode, message: &str) -> Page {
    json(
        status,
        &json!({ "code": code_name(code), "message": message }),
    )
}

const fn http_status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::Shed | Refusal::Late | Refusal::Unread => StatusCode::TOO_MANY_REQUESTS,
        Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
        Refusal::Draining => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Argument(_)
        | Refusal::BadPrefix
        | Refusal::NoMessage
        | Refusal::SecondMessage
        | Refusal::Truncated
        | Refusal::Gone => StatusCode::BAD_REQUEST,
    }
}

/// The code's name as the gRPC specification writes it.
const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
