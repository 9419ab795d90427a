//! One connection: HTTP/2 with prior knowledge, from TLS or its preface to its last stream.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, Connection, SendResponse};
use http::Request;
use tokio::io::{self, AsyncReadExt as _};
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::field;

use super::acceptor::Accepted;
use super::clock::Tick;
use super::drain::DrainWatch;
use super::refusal::Refusal;
use super::reply::Responder;
use super::service;
use super::socket::{PREFACE, Socket};
use super::unread::Unread;
use super::worker::Worker;

/// Serves a connection until its caller leaves, or it has drained.
pub(super) async fn serve(worker: Rc<Worker>, accepted: Accepted) {
    let _place = accepted.place;
    let mut drain = worker.drain.watch();
    let opened = async {
        let mut socket = Socket::open(accepted.stream, worker.tls.as_deref()).await?;
        open(&mut socket).await?;
        Ok::<_, io::Error>(socket)
    };
    let socket = tokio::select! {
        opened = timeout(OPEN_TIMEOUT, opened) => opened,
        () = drain.begun() => return,
    };
    match socket {
        Ok(Ok(socket)) => {
            if let Err(error) = calls(worker, socket, drain).await {
                // In its own words the error would quote what a caller may send along with GOAWAY.
                let reason = error.reason().map(field::display);
                let io = error.get_io().map(field::display);
                tracing::debug!(reason, io, "connection ended");
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "not an HTTP/2 connection"),
        Err(_elapsed) => tracing::debug!("no TLS or HTTP/2 preface in time"),
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

/// Calls are taken as they arrive, and answered by turns. What a turn has sent is written when HTTP/2 is asked for the next, all in one.
async fn calls(worker: Rc<Worker>, socket: Socket, mut drain: DrainWatch) -> Result<(), h2::Error> {
    let mut http2 = http2().handshake(socket).await?;
    let unread = Rc::new(Unread::of(&worker.unread));
    let mut waiting = VecDeque::with_capacity(TURN_CALLS);
    let (mut told, mut behind) = (false, false);
    loop {
        let open = poll_fn(|cx| {
            if !told && drain.poll(cx) {
                told = true;
                http2.graceful_shutdown();
            }
            poll_arrived(&mut http2, &mut waiting, cx)
        });
        if !open.await? {
            return Ok(());
        }
        if behind {
            refuse_late(&worker, &mut waiting, &unread);
        }
        answer_turn(&worker, &mut waiting, &unread);
        behind = !waiting.is_empty();
        if behind {
            yield_now().await;
        }
    }
}

/// Answers a turn of the calls that wait. A panic costs the call in which it happens, and the turn goes on.
fn answer_turn(worker: &Rc<Worker>, waiting: &mut VecDeque<Waiting>, unread: &Rc<Unread>) {
    let mut turn = Turn::new(waiting.len());
    let mut answer = || {
        while turn.goes_on()
            && let Some(Waiting { arrived, call }) = waiting.pop_front()
        {
            let (request, response) = call;
            service::answer(worker, arrived, request, response, unread);
        }
    };
    // All that calls share and a panic may leave half written is the memory of the judge, who takes another then.
    while catch_unwind(AssertUnwindSafe(&mut answer)).is_err() {}
}

/// What one connection may have answered before others have their turn.
struct Turn {
    calls: usize,
    /// When it began, if there is enough to do for that to matter.
    began: Option<Tick>,
}

impl Turn {
    fn new(waiting: usize) -> Self {
        Self {
            calls: 0,
            began: (waiting > LOOK_CALLS).then(Tick::now),
        }
    }

    /// Whether another call is part of it.
    fn goes_on(&mut self) -> bool {
        let took = |began: Tick| began.ns_until(Tick::now());
        let looks = self.calls > 0 && self.calls.is_multiple_of(LOOK_CALLS);
        if self.calls == TURN_CALLS || looks && self.began.map_or(0, took) > TURN_NS {
            return false;
        }
        self.calls += 1;
        true
    }
}

/// Refuses calls that have waited for longer than their evaluation may take. A worker that is behind would otherwise answer
/// every call so late that its caller has given it up, and be behind for as long as the load lasts.
#[cold]
fn refuse_late(worker: &Worker, waiting: &mut VecDeque<Waiting>, unread: &Rc<Unread>) {
    let (now, budget_ns) = (Tick::now(), worker.judge.borrow().budget_ns());
    let late = |waiting: &mut Waiting| waiting.arrived.ns_until(now) > budget_ns;
    while let Some(Waiting { call, .. }) = waiting.pop_front_if(late) {
        let (_request, response) = call;
        Responder::new(response, unread).status(worker.refuse(Refusal::Late));
    }
}

/// Takes all calls that have arrived. False at the end of the connection.
fn poll_arrived(
    http2: &mut Connection<Socket, Bytes>,
    waiting: &mut VecDeque<Waiting>,
    cx: &mut Context<'_>,
) -> Poll<Result<bool, h2::Error>> {
    let mut now = None;
    while waiting.len() < MAX_WAITING {
        match http2.poll_accept(cx) {
            Poll::Ready(Some(call)) => waiting.push_back(Waiting {
                arrived: *now.get_or_insert_with(Tick::now),
                call: call?,
            }),
            Poll::Ready(None) => return Poll::Ready(Ok(false)),
            Poll::Pending if waiting.is_empty() => return Poll::Pending,
            Poll::Pending => break,
        }
    }
    Poll::Ready(Ok(true))
}

/// A call whose head has arrived, and where its reply goes.
type Call = (Request<RecvStream>, SendResponse<Bytes>);

/// A call that waits for its turn.
struct Waiting {
    arrived: Tick,
    call: Call,
}

fn http2() -> Builder {
    let mut http2 = Builder::new();
    http2
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_pending_accept_reset_streams(MAX_CANCELLED_CALLS)
        .max_concurrent_reset_streams(MAX_REFUSED_CALLS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES);
    http2
}

/// A caller that has connected comes to terms on TLS, if it is spoken, and sends the preface at once.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// As many calls as the default `max_in_flight`: one caller on one connection may use all of it.
const MAX_CONCURRENT_STREAMS: u32 = 1024;
/// Calls cancelled before they were looked at. Callers cancel at their deadline, so a machine that stalls for some
/// milliseconds finds all calls of that time cancelled; closing the connection on top would turn a hiccup into an outage.
const MAX_CANCELLED_CALLS: usize = 1024;
/// Calls refused before they had arrived, each remembered for a second. The rest of one that is forgotten looks like a
/// mistake of the caller, and HTTP/2 forgives a connection 1024 mistakes in all its life: overload would end it.
const MAX_REFUSED_CALLS: usize = 8 * 1024;
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
/// Calls answered before other connections of the worker have their turn.
const TURN_CALLS: usize = 32;
/// The same in time: what is in the sockets of others has waited for nobody knows how long.
const TURN_NS: u64 = 250_000;
/// Calls between two looks at the clock, whatever they cost.
const LOOK_CALLS: usize = 4;
/// Calls that wait in turn. Those beyond are held by HTTP/2, which counts the ones that are cancelled meanwhile.
const MAX_WAITING: usize = 1024;

const _: () = assert!(
    TURN_CALLS < MAX_WAITING,
    "a turn makes room, or nothing would be read"
);
const _: () = assert!(STREAM_WINDOW_BYTES < CONNECTION_WINDOW_BYTES);
const _: () = assert!(MAX_FRAME_BYTES <= STREAM_WINDOW_BYTES);
