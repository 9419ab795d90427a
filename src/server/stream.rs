//! `EvaluateStream`: many messages, each judged when it arrives, replies in the same order.
//!
//! The replies are a body that reads the caller's messages when it is itself asked for more. HTTP/2 asks only while the
//! caller has room for replies, so a caller that does not read is not read either: at most two batches of replies wait
//! for it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::clock::{Arrival, Tick};
use super::drain::DrainWatch;
use super::in_flight::Slot;
use super::judge::Judge;
use super::reader::MessageReader;
use super::received::Received;
use super::refusal::Refusal;
use super::reply::{Responder, trailers};
use super::unary::RECEIVE_TIMEOUT;
use super::unread::Unread;
use super::worker::Worker;
use crate::evaluate::Call;
use crate::metrics::RpcMethod;
use crate::telemetry::TraceParent;

/// Answers one call: the head at once, the replies as they come.
pub(super) fn answer(
    worker: &Rc<Worker>,
    trace_parent: Option<TraceParent>,
    body: Received,
    responder: Responder,
) {
    let unread = Rc::clone(responder.unread());
    responder.replies(StreamReplies {
        trace_parent,
        reader: MessageReader::new(body, worker.max_message_bytes),
        drain: worker.drain.watch(),
        partial: None,
        arrived: Vec::with_capacity(BATCH_MESSAGES),
        status: None,
        yielding: false,
        worker: Rc::clone(worker),
        unread,
    });
}

/// The replies of one stream.
#[derive(Debug)]
struct StreamReplies {
    worker: Rc<Worker>,
    /// Where in a trace the stream stands, and all its messages with it.
    trace_parent: Option<TraceParent>,
    reader: MessageReader<Received>,
    unread: Rc<Unread>,
    drain: DrainWatch,
    /// There while part of a message is held.
    partial: Option<Partial>,
    /// When each message of the batch was complete.
    arrived: Vec<Tick>,
    /// How the stream ends, once it does.
    status: Option<Status>,
    /// True after a full batch: others of this worker come first.
    yielding: bool,
}

impl Body for StreamReplies {
    type Data = Bytes;
    type Error = Status;

    /// The replies to all messages that have arrived, up to a full batch; or the trailers.
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.yielding) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let replies = if this.status.is_none() {
            this.judge_arrived(cx)
        } else {
            Bytes::new()
        };
        if !replies.is_empty() {
            this.count_answered();
            return Poll::Ready(Some(Ok(Frame::data(replies))));
        }
        match &this.status {
            Some(status) => Poll::Ready(Some(trailers(status).map(Frame::trailers))),
            None => Poll::Pending,
        }
    }
}

impl StreamReplies {
    fn judge_arrived(&mut self, cx: &mut Context<'_>) -> Bytes {
        let worker = Rc::clone(&self.worker);
        let mut judge = worker.judge.borrow_mut();
        judge.begin_batch();
        for _ in 0..BATCH_MESSAGES {
            match self.reader.poll_message(cx) {
                Poll::Ready(Some(Ok(message))) => match self.judge(&mut judge, &message) {
                    Ok(()) if judge.batch_bytes() < BATCH_BYTES => {}
                    Ok(()) => break,
                    Err(refusal) => return self.end(&judge, refusal),
                },
                Poll::Ready(Some(Err(refusal))) => return self.end(&judge, refusal),
                Poll::Ready(None) => {
                    self.status = Some(Status::ok(""));
                    return judge.batch();
                }
                Poll::Pending => return self.wait(&judge, cx),
            }
        }
        self.yielding = true;
        judge.batch()
    }

    /// From here on the batch waits for nobody but its caller.
    fn count_answered(&mut self) {
        let now = Tick::now();
        let recorder = &self.worker.recorder;
        for arrived in self.arrived.drain(..) {
            recorder.answered(RpcMethod::EvaluateStream, arrived.ns_until(now));
        }
    }

    /// Judges one message in the slot that its first part holds, or in one of its own.
    fn judge(&mut self, judge: &mut Judge, message: &Bytes) -> Result<(), Refusal> {
        self.unread.admit()?;
        let _slot = match self.partial.take() {
            Some(partial) => partial.slot,
            None => Slot::take(&self.worker)?,
        };
        let arrival = Arrival::now();
        self.arrived.push(arrival.tick());
        match Call::decode(message) {
            Ok(call) => {
                let recorder = &self.worker.recorder;
                judge.append_reply(&call, &arrival, self.trace_parent, recorder);
            }
            Err((error, correlation_id)) => {
                Refusal::Argument(error).count(&self.worker.recorder);
                judge.append_refusal(error, correlation_id, &arrival);
            }
        }
        Ok(())
    }

    /// Every message that has arrived is judged: this is where a drain ends the stream.
    fn wait(&mut self, judge: &Judge, cx: &mut Context<'_>) -> Bytes {
        if self.drain.poll(cx) {
            return self.end(judge, Refusal::Draining);
        }
        // A part holds a slot by a deadline, and that runs only while the stream is polled: not until the caller has room
        // for the replies that go first.
        if judge.batch_bytes() == 0
            && self.reader.is_partial()
            && let Err(refusal) = self.wait_for_the_rest(cx)
        {
            return self.end(judge, refusal);
        }
        judge.batch()
    }

    fn wait_for_the_rest(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if self.partial.is_none() {
            self.partial = Some(Partial::new(&self.worker)?);
        }
        match self
            .partial
            .as_mut()
            .map(|partial| partial.deadline.as_mut().poll(cx))
        {
            Some(Poll::Ready(())) => Err(Refusal::Slow),
            Some(Poll::Pending) | None => Ok(()),
        }
    }

    fn end(&mut self, judge: &Judge, refusal: Refusal) -> Bytes {
        self.partial = None;
        self.status = Some(self.worker.refuse(refusal));
        judge.batch()
    }
}

/// A message of which the rest is awaited, as slowly as a unary call may arrive.
#[derive(Debug)]
struct Partial {
    slot: Slot,
    deadline: Pin<Box<Sleep>>,
}

impl Partial {
    fn new(worker: &Rc<Worker>) -> Result<Self, Refusal> {
        Ok(Self {
            slot: Slot::take(worker)?,
            deadline: Box::pin(sleep(RECEIVE_TIMEOUT)),
        })
    }
}

/// Messages judged before other calls of the worker have their turn.
const BATCH_MESSAGES: usize = 16;
/// Bytes of replies after which a batch is full.
const BATCH_BYTES: usize = 16 * 1024;
