//! Bodies of replies.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use tonic::Status;

use super::drain::DrainWatch;
use super::refusal::Refusal;
use super::stream::StreamReplies;

/// The body of a reply: messages and, last, the status in the trailers.
#[derive(Debug, Default)]
pub(super) enum ReplyBody {
    /// Nothing more: the status stands in the headers.
    #[default]
    Ended,
    /// One message to come.
    Unary { message: Bytes },
    /// One message with HTTP/2, which asks for the trailers when it has taken it.
    UnarySent,
    /// The replies of a stream.
    Stream(Box<StreamReplies>),
    /// The reply of a service of tonic's.
    Routed {
        body: tonic::body::Body,
        drain: DrainWatch,
    },
}

type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

impl ReplyBody {
    pub(super) fn unary(message: Bytes) -> Self {
        Self::Unary { message }
    }

    pub(super) fn routed(body: tonic::body::Body, drain: DrainWatch) -> Self {
        Self::Routed { body, drain }
    }

    /// A stream of health or reflection may be idle for hours; a drain ends it.
    fn poll_routed(
        body: &mut tonic::body::Body,
        drain: &mut DrainWatch,
        cx: &mut Context<'_>,
    ) -> Polled {
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending if drain.poll(cx) => ready_trailers(&Refusal::Draining.status()),
            polled @ (Poll::Ready(_) | Poll::Pending) => polled,
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        match std::mem::take(this) {
            Self::Ended => Poll::Ready(None),
            Self::Unary { message } => {
                *this = Self::UnarySent;
                Poll::Ready(Some(Ok(Frame::data(message))))
            }
            Self::UnarySent => Poll::Ready(Some(Ok(Frame::trailers(ok_trailers())))),
            Self::Stream(mut replies) => {
                let polled = replies.poll_frame(cx);
                if !ends(&polled) {
                    *this = Self::Stream(replies);
                }
                polled
            }
            Self::Routed {
                mut body,
                mut drain,
            } => {
                let polled = Self::poll_routed(&mut body, &mut drain, cx);
                if !ends(&polled) {
                    *this = Self::Routed { body, drain };
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ended => true,
            Self::Routed { body, .. } => body.is_end_stream(),
            Self::Unary { .. } | Self::UnarySent | Self::Stream(_) => false,
        }
    }
}

/// Trailers, an error and the end are the last of a body.
fn ends(polled: &Polled) -> bool {
    match polled {
        Poll::Ready(Some(Ok(frame))) => frame.is_trailers(),
        Poll::Ready(Some(Err(_)) | None) => true,
        Poll::Pending => false,
    }
}

/// The trailers that say how a call ended.
pub(super) fn ready_trailers(status: &Status) -> Polled {
    let mut trailers = HeaderMap::new();
    Poll::Ready(Some(
        status
            .add_header(&mut trailers)
            .map(|()| Frame::trailers(trailers)),
    ))
}

fn ok_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}
