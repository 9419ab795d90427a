//! One HTTP/2 connection.

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::reply::{Deframer, Reply};
use crate::error::Error;
use crate::tally::Answer;
use crate::target::Target;

/// A connection that calls one method. Its frames are written and read by a task of this thread.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    head: Request<()>,
}

impl Connection {
    pub(crate) async fn open(target: &Target, path: &'static str) -> Result<Self, Error> {
        let connected = Error::system("connect to the server");
        let requests = match target {
            Target::Tcp(address) => {
                let stream = TcpStream::connect(address).await.map_err(&connected)?;
                stream.set_nodelay(true).map_err(&connected)?;
                handshake(stream).await?
            }
            Target::Unix(path) => {
                handshake(UnixStream::connect(path).await.map_err(&connected)?).await?
            }
        };
        Ok(Self {
            requests,
            head: head(path),
        })
    }

    /// Opens a call. It is written when the connection's task runs next.
    pub(crate) fn begin(&mut self) -> Result<(ResponseFuture, SendStream<Bytes>), Broken> {
        Ok(self.requests.send_request(self.head.clone(), false)?)
    }

    /// Makes a call of one message and waits for its end. What is not sent is not touched.
    pub(crate) async fn call(&mut self, message: Bytes) -> Result<Answer, Broken> {
        let unsent = |_broken| Broken { untouched: true };
        read(self.send(message).map_err(unsent)?).await
    }

    /// Sends a call of one message.
    pub(crate) fn send(&mut self, message: Bytes) -> Result<ResponseFuture, Broken> {
        let (response, mut body) = self.begin()?;
        body.send_data(message, true)?;
        Ok(response)
    }
}

/// The connection or the stream is gone. Why is for the server's log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken {
    /// Whether the server says that it has not looked at the call.
    pub(crate) untouched: bool,
}

impl From<h2::Error> for Broken {
    /// RFC 9113 section 8.7: a stream above the last one of GOAWAY, or refused by a reset, was not processed.
    fn from(error: h2::Error) -> Self {
        let reason = error.reason();
        let left_out = error.is_go_away() && reason == Some(Reason::NO_ERROR);
        Self {
            untouched: left_out || reason == Some(Reason::REFUSED_STREAM),
        }
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Bytes>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (requests, connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        // Replies to calls that were given up are no mistakes of the server.
        .max_concurrent_reset_streams(CANCELLED_CALLS)
        .max_local_error_reset_streams(None)
        .handshake(stream)
        .await
        .map_err(|error| Error::Http2(Box::new(error)))?;
    // How it ends shows in the calls that it carries.
    drop(tokio::task::spawn_local(async { connection.await.ok() }));
    Ok(requests)
}

/// What a gRPC client sends.
fn head(path: &'static str) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = Method::POST;
    *head.uri_mut() = Uri::from_static(path);
    let headers = head.headers_mut();
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static("bidgate-loadtest"),
    );
    head
}

/// Waits for the end of a call of one message.
pub(crate) async fn answer(response: ResponseFuture) -> Answer {
    read(response).await.unwrap_or(Answer::Broken)
}

async fn read(response: ResponseFuture) -> Result<Answer, Broken> {
    let (head, mut body) = response.await?.into_parts();
    if let Some(status) = grpc_status(&head.headers) {
        return Ok(Answer::Status(status));
    }
    let mut deframer = Deframer::default();
    while let Some(chunk) = chunk(&mut body).await {
        deframer.push(chunk?);
    }
    let trailers = body.trailers().await?;
    Ok(match trailers.as_ref().and_then(grpc_status) {
        Some(OK) => verdict(&mut deframer),
        Some(status) => Answer::Status(status),
        None => Answer::Broken,
    })
}

fn verdict(deframer: &mut Deframer) -> Answer {
    match deframer.next().map(|message| Reply::read(&message)) {
        Some(Some(reply)) => Answer::Verdict(reply.verdict),
        Some(None) => Answer::Broken,
        None => Answer::Status(OK),
    }
}

/// The next part of a body, and room for another.
pub(super) async fn chunk(body: &mut RecvStream) -> Option<Result<Bytes, Broken>> {
    let chunk = body.data().await?.map_err(Broken::from);
    Some(chunk.and_then(|chunk| {
        body.flow_control().release_capacity(chunk.len())?;
        Ok(chunk)
    }))
}

/// The status of a call, from its head or its trailers.
pub(super) fn grpc_status(headers: &HeaderMap) -> Option<i64> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

const OK: i64 = 0;
/// Cancelled calls that are remembered for a second.
const CANCELLED_CALLS: usize = 64 * 1024;
/// Replies never wait for room.
const WINDOW_BYTES: u32 = 16 * 1024 * 1024;
