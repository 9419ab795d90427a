//! Replies, out to the caller.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::thread;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body, Frame};
use tokio::task::spawn_local;
use tonic::Status;

use super::refusal::Refusal;
use super::unread::Unread;

/// Where the reply to one call goes. Without one, dropping it resets the stream.
///
/// Sending fails only when the caller has gone, and then there is nobody to tell.
pub(super) struct Responder {
    response: SendResponse<Bytes>,
    /// Of the connection.
    unread: Rc<Unread>,
}

impl Responder {
    pub(super) fn new(response: SendResponse<Bytes>, unread: &Rc<Unread>) -> Self {
        Self {
            response,
            unread: Rc::clone(unread),
        }
    }

    /// What waits for the caller.
    pub(super) const fn unread(&self) -> &Rc<Unread> {
        &self.unread
    }

    /// Whether there is room for a reply.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        self.unread.admit()
    }

    /// A reply that is no more than its head.
    pub(super) fn head(mut self, head: Response<()>) {
        self.response.send_response(head, true).ok();
    }

    /// A call that ends without a message.
    pub(super) fn status(self, status: Status) {
        self.head(status.into_http());
    }

    /// The one message of a call that ends well.
    pub(super) fn message(mut self, message: Bytes) {
        if let Ok(mut stream) = self.response.send_response(grpc_head(), false)
            && stream.send_data(self.unread.hold(message), false).is_ok()
        {
            stream.send_trailers(ok_trailers()).ok();
        }
    }

    /// Replies that come by and by.
    pub(super) fn replies<B>(self, replies: B)
    where
        B: Body<Data = Bytes> + Unpin + 'static,
    {
        self.response(grpc_head().map(|()| replies));
    }

    /// A head, and whatever follows.
    pub(super) fn response<B>(mut self, response: Response<B>)
    where
        B: Body<Data = Bytes> + Unpin + 'static,
    {
        let (head, body) = response.into_parts();
        let head = Response::from_parts(head, ());
        if body.is_end_stream() {
            self.head(head);
        } else if let Ok(stream) = self.response.send_response(head, false) {
            let replies = Replies {
                stream,
                unread: Rc::clone(&self.unread),
            };
            drop(spawn_local(async { send_body(body, replies).await.ok() }));
        }
    }
}

impl Drop for Responder {
    /// A call in which there is a panic is told of it. Any other that is left without a reply is reset as cancelled.
    fn drop(&mut self) {
        if thread::panicking() {
            self.response
                .send_response(panicked().into_http(), true)
                .ok();
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}

/// The stream of a reply that has begun.
struct Replies {
    stream: SendStream<Bytes>,
    unread: Rc<Unread>,
}

impl Drop for Replies {
    fn drop(&mut self) {
        if thread::panicking()
            && let Ok(trailers) = trailers(&panicked())
        {
            self.stream.send_trailers(trailers).ok();
        }
    }
}

/// What a panic says stays out of it: it may quote a payload.
fn panicked() -> Status {
    Status::internal("the evaluation broke off")
}

/// Sends a body. It is asked for more only while its caller has room.
async fn send_body<B>(mut body: B, mut replies: Replies) -> Result<(), h2::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let Replies { stream, unread } = &mut replies;
    while let Some(frame) = poll_fn(|cx| poll_next(&mut body, stream, cx)).await? {
        match frame.into_data() {
            Ok(data) => {
                let data = unread.hold(data);
                room(stream).await?;
                stream.send_data(data, false)?;
            }
            Err(frame) => return stream.send_trailers(frame.into_trailers().unwrap_or_default()),
        }
    }
    stream.send_data(Bytes::new(), true)
}

/// The next frame of the body, unless the caller cancels meanwhile.
fn poll_next<B>(
    body: &mut B,
    stream: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Frame<Bytes>>, h2::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    if let Poll::Ready(cancelled) = stream.poll_reset(cx) {
        return Poll::Ready(Err(cancelled.map_or_else(|error| error, h2::Error::from)));
    }
    let frame = ready!(Pin::new(body).poll_frame(cx)).transpose();
    Poll::Ready(frame.map_err(|_broken| {
        stream.send_reset(Reason::INTERNAL_ERROR);
        Reason::INTERNAL_ERROR.into()
    }))
}

/// Waits until the caller takes a byte more: the rest of what is sent waits in HTTP/2.
async fn room(stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    stream.reserve_capacity(1);
    while stream.capacity() == 0 {
        let more = poll_fn(|cx| stream.poll_capacity(cx)).await;
        more.ok_or(Reason::CANCEL)??;
    }
    Ok(())
}

/// The trailers that say how a stream ended.
pub(super) fn trailers(status: &Status) -> Result<HeaderMap, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(trailers)
}

fn ok_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

fn grpc_head() -> Response<()> {
    let mut head = Response::new(());
    head.headers_mut()
        .insert(header::CONTENT_TYPE, tonic::metadata::GRPC_CONTENT_TYPE);
    head
}
