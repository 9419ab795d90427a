//! Which call is which.
//!
//! The two methods of `bidgate.v1` are answered here, without the generated service and its codec: gRPC is a prefix of
//! five bytes around each message, and a message is judged where it was received. The rest, called seldom, is tonic's.

use std::rc::Rc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderValue, Request, Response, StatusCode, header};

use super::clock::Tick;
use super::received::Received;
use super::refusal::Refusal;
use super::reply::Responder;
use super::unary::Head;
use super::unread::Unread;
use super::worker::Worker;
use super::{routes, stream, unary};

/// Answers one call, of which the head has arrived.
pub(super) fn answer(
    worker: &Rc<Worker>,
    arrived: Tick,
    request: Request<RecvStream>,
    response: SendResponse<Bytes>,
    unread: &Rc<Unread>,
) {
    let request = request.map(Received);
    let responder = Responder::new(response, unread);
    if !is_grpc(&request) {
        return responder.head(not_grpc());
    }
    match request.uri().path() {
        EVALUATE | EVALUATE_STREAM if is_compressed(&request) => {
            responder.head(compressed(worker));
        }
        EVALUATE => {
            let head = Head {
                arrived,
                trace_parent: worker.trace_header.read(request.headers()),
            };
            unary::answer(worker, head, request.into_body(), responder);
        }
        EVALUATE_STREAM => {
            let trace_parent = worker.trace_header.read(request.headers());
            stream::answer(worker, trace_parent, request.into_body(), responder);
        }
        _ => routes::answer(worker, request, responder),
    }
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    let subtype =
        content_type.and_then(|content_type| content_type.strip_prefix(b"application/grpc"));
    matches!(subtype, Some([] | [b'+' | b';', ..]))
}

/// gRPC over HTTP/2: what is not gRPC is answered in HTTP.
fn not_grpc() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

/// Compression costs more than the loopback it would spare, so none is spoken.
fn is_compressed<B>(request: &Request<B>) -> bool {
    request
        .headers()
        .get(ENCODING)
        .is_some_and(|encoding| encoding != "identity")
}

fn compressed(worker: &Worker) -> Response<()> {
    let mut response: Response<()> = worker.refuse(Refusal::Compressed).into_http();
    response
        .headers_mut()
        .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}

const EVALUATE: &str = "/bidgate.v1.BidGateService/Evaluate";
const EVALUATE_STREAM: &str = "/bidgate.v1.BidGateService/EvaluateStream";
const ENCODING: &str = "grpc-encoding";
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
