//! One connection: HTTP/2 with prior knowledge, from its preface to its last stream.

use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{self, AsyncReadExt as _};
use tokio::time::timeout;

use super::acceptor::Accepted;
use super::drain::DrainWatch;
use super::service;
use super::socket::{PREFACE, Socket};
use super::worker::Worker;

/// Serves a connection until its caller leaves, or it has drained.
pub(super) async fn serve(worker: Rc<Worker>, accepted: Accepted) {
    let _place = accepted.place;
    let mut drain = worker.drain.watch();
    let opened = async {
        let mut socket = Socket::new(accepted.stream)?;
        open(&mut socket).await?;
        Ok::<_, io::Error>(socket)
    };
    let socket = tokio::select! {
        opened = timeout(PREFACE_TIMEOUT, opened) => opened,
        () = drain.begun() => return,
    };
    match socket {
        Ok(Ok(socket)) => calls(worker, socket, drain).await,
        Ok(Err(error)) => tracing::debug!(%error, "not an HTTP/2 connection"),
        Err(_elapsed) => tracing::debug!("no HTTP/2 preface in time"),
    }
}

/// Reads the preface, so that a caller of another protocol, or one that sends nothing, is found out before it costs
/// more than a socket.
async fn open(socket: &mut Socket) -> io::Result<()> {
    let mut expected = PREFACE;
    let mut chunk = [0; PREFACE.len()];
    while let Some(buffer) = chunk
        .get_mut(..expected.len())
        .filter(|buffer| !buffer.is_empty())
    {
        let len = socket.read(buffer).await?;
        let received = buffer.get(..len).unwrap_or_default();
        expected = match expected.strip_prefix(received) {
            Some(rest) if len > 0 => rest,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
    }
    socket.replay_preface();
    Ok(())
}

async fn calls(worker: Rc<Worker>, socket: Socket, mut drain: DrainWatch) {
    let http2 = http2_of(&socket);
    let service = service_fn(move |request: Request<Incoming>| {
        let worker = Rc::clone(&worker);
        async move { Ok::<_, Infallible>(service::answer(worker, request).await) }
    });
    let mut connection = std::pin::pin!(http2.serve_connection(TokioIo::new(socket), service));
    let mut told = false;
    let end = poll_fn(|cx| {
        if !told && drain.poll(cx) {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = end.await {
        tracing::debug!(%error, "connection ended");
    }
}

fn http2_of(socket: &Socket) -> http2::Builder<LocalExecutor> {
    let mut http2 = http2::Builder::new(LocalExecutor);
    http2
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_pending_accept_reset_streams(MAX_CANCELLED_CALLS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES);
    if socket.is_tcp() {
        http2
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    }
    http2
}

/// Runs the calls of a connection on the worker of the connection.
#[derive(Clone, Copy, Debug)]
struct LocalExecutor;

impl<F> Executor<F> for LocalExecutor
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        drop(tokio::task::spawn_local(future));
    }
}

/// A caller that has connected sends the preface at once.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);
/// As many calls as the default `max_in_flight`: one caller on one connection may use all of it.
const MAX_CONCURRENT_STREAMS: u32 = 1024;
/// Calls cancelled before they were looked at. Callers cancel at their deadline, so a machine that stalls for some
/// milliseconds finds all calls of that time cancelled; closing the connection on top would turn a hiccup into an outage.
const MAX_CANCELLED_CALLS: usize = 1024;
/// gRPC metadata of this service is a few hundred bytes.
const MAX_HEADER_LIST_BYTES: u32 = 8 * 1024;
/// A message that comes in one frame is read where it was received. This holds all but the largest auctions.
const MAX_FRAME_BYTES: u32 = 128 * 1024;
/// What a caller may send on one stream before it is read: some dozens of typical auctions.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// The same for a connection. Above the window of a stream, so that one stream that is not read stops no other.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Reply bytes that HTTP/2 holds for one stream while its caller does not read them.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// A dead peer on TCP is found after interval and timeout. The kernel tells of one on a Unix socket.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

const _: () = assert!(STREAM_WINDOW_BYTES < CONNECTION_WINDOW_BYTES);
const _: () = assert!(MAX_FRAME_BYTES <= STREAM_WINDOW_BYTES);
