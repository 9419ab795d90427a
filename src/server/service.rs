//! Which call is which.
//!
//! The two methods of `bidgate.v1` are answered here, without the generated service and its codec: gRPC is a prefix of
//! five bytes around each message, and a message is judged where it was received. The rest, called seldom, is tonic's.

use std::rc::Rc;

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tonic::Status;

use super::refusal::Refusal;
use super::reply::ReplyBody;
use super::worker::Worker;
use super::{stream, unary};

/// Answers one call.
pub(super) async fn answer(worker: Rc<Worker>, request: Request<Incoming>) -> Response<ReplyBody> {
    if !is_grpc(&request) {
        return not_grpc();
    }
    match request.uri().path() {
        EVALUATE if !is_compressed(&request) => unary::answer(worker, request.into_body()).await,
        EVALUATE_STREAM if !is_compressed(&request) => stream::answer(worker, request.into_body()),
        EVALUATE | EVALUATE_STREAM => compressed(&worker),
        path => match worker.routes.find(path) {
            Some(route) => {
                let drain = worker.drain.watch();
                route(request.map(tonic::body::Body::new))
                    .await
                    .map(|body| ReplyBody::routed(body, drain))
            }
            None => Status::unimplemented("no such method").into_http(),
        },
    }
}

/// The head of a gRPC reply.
pub(super) fn reply(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, tonic::metadata::GRPC_CONTENT_TYPE);
    response
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
fn not_grpc() -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
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

fn compressed(worker: &Worker) -> Response<ReplyBody> {
    let mut response: Response<ReplyBody> = worker.refuse(Refusal::Compressed).into_http();
    response
        .headers_mut()
        .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}

const EVALUATE: &str = "/bidgate.v1.BidGateService/Evaluate";
const EVALUATE_STREAM: &str = "/bidgate.v1.BidGateService/EvaluateStream";
const ENCODING: &str = "grpc-encoding";
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
