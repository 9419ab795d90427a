//! The services beside ours: health and reflection.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::{Builder, Error};
use tower_service::Service;

use super::drain::DrainWatch;
use super::received::Received;
use super::refusal::Refusal;
use super::reply::{Responder, trailers};
use super::unary::RECEIVE_TIMEOUT;
use super::worker::Worker;
use crate::proto::DESCRIPTOR_SET;

/// Answers a call of one of these services, by a task of its own. The head of the answer needs no more than one message,
/// and that has the time that all messages have.
pub(super) fn answer(worker: &Rc<Worker>, request: Request<Received>, responder: Responder) {
    let Some(route) = worker.routes.find(request.uri().path()) else {
        return responder.status(Status::unimplemented("no such method"));
    };
    let answer = route(request.map(Body::new));
    let drain = worker.drain.watch();
    drop(spawn_local(async {
        match timeout(RECEIVE_TIMEOUT, answer).await {
            Ok(response) => responder.response(response.map(|body| Routed { body, drain })),
            Err(_elapsed) => responder.status(Refusal::Slow.status()),
        }
    }));
}

/// A reply of one of these services.
#[derive(Debug)]
struct Routed {
    body: Body,
    drain: DrainWatch,
}

impl http_body::Body for Routed {
    type Data = Bytes;
    type Error = Status;

    /// A stream of health or reflection may be idle for hours; a drain ends it.
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Pending if this.drain.poll(cx) => {
                let trailers = trailers(&Refusal::Draining.status());
                Poll::Ready(Some(trailers.map(Frame::trailers)))
            }
            polled @ (Poll::Ready(_) | Poll::Pending) => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// Services by the first part of the path.
pub(super) struct Routes(Vec<(&'static str, Route)>);

/// Answers a call of one service.
type Route = Box<dyn Fn(Request<Body>) -> Answer + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl Routes {
    /// # Errors
    /// When the compiled-in descriptors cannot be read.
    pub(super) fn new(health: HealthReporter) -> Result<Self, Error> {
        let health = HealthServer::new(HealthService::from_health_reporter(health));
        let reflection =
            || Builder::configure().register_encoded_file_descriptor_set(DESCRIPTOR_SET);
        let health_file = tonic_health::pb::FILE_DESCRIPTOR_SET;
        let v1 = reflection()
            .register_encoded_file_descriptor_set(health_file)
            .build_v1()?;
        let v1alpha = reflection()
            .register_encoded_file_descriptor_set(health_file)
            .build_v1alpha()?;
        Ok(Self(vec![
            route(health.max_decoding_message_size(MAX_MESSAGE_BYTES)),
            route(v1.max_decoding_message_size(MAX_MESSAGE_BYTES)),
            route(v1alpha.max_decoding_message_size(MAX_MESSAGE_BYTES)),
        ]))
    }

    fn find(&self, path: &str) -> Option<&Route> {
        let (service, _method) = path.strip_prefix('/')?.split_once('/')?;
        self.0
            .iter()
            .find(|(name, _)| *name == service)
            .map(|(_, route)| route)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

fn route<S>(service: S) -> (&'static str, Route)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>,
    S: NamedService + Clone + Send + Sync + 'static,
{
    let route = move |request| -> Answer {
        let mut service = service.clone();
        Box::pin(async move {
            match service.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    };
    (S::NAME, Box::new(route))
}

/// Names of services and symbols.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;
