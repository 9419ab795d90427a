//! `Evaluate`: one message, one reply.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::clock::{Arrival, Tick};
use super::in_flight::Slot;
use super::reader::MessageReader;
use super::received::Received;
use super::refusal::Refusal;
use super::reply::Responder;
use super::worker::Worker;
use crate::evaluate::Call;
use crate::metrics::RpcMethod;
use crate::telemetry::TraceParent;

/// What is known of a call by its head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// When it arrived.
    pub(super) arrived: Tick,
    /// Where in a trace the call stands, if that is asked for.
    pub(super) trace_parent: Option<TraceParent>,
}

/// Answers one call. Most have arrived whole and are answered at once; the others get a task and a timer.
pub(super) fn answer(worker: &Rc<Worker>, head: Head, body: Received, responder: Responder) {
    let mut call = match UnaryCall::new(worker, head, body) {
        Ok(call) => call,
        Err(refusal) => return responder.status(worker.refuse(refusal)),
    };
    match call.poll_received(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(received) => call.answer(received, responder),
        Poll::Pending => drop(spawn_local(call.receive(responder))),
    }
}

/// A call on its way in.
#[derive(Debug)]
struct UnaryCall {
    worker: Rc<Worker>,
    head: Head,
    reader: MessageReader<Received>,
    /// The one message, and when it was complete.
    message: Option<(Bytes, Arrival)>,
    #[expect(dead_code, reason = "held for its drop")]
    slot: Slot,
}

impl UnaryCall {
    fn new(worker: &Rc<Worker>, head: Head, body: Received) -> Result<Self, Refusal> {
        Ok(Self {
            slot: Slot::take(worker)?,
            worker: Rc::clone(worker),
            head,
            reader: MessageReader::new(body, worker.max_message_bytes),
            message: None,
        })
    }

    async fn receive(mut self, responder: Responder) {
        let received = timeout(RECEIVE_TIMEOUT, poll_fn(|cx| self.poll_received(cx))).await;
        self.answer(received.unwrap_or(Err(Refusal::Slow)), responder);
    }

    /// The message, once the caller has ended its side.
    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Bytes, Arrival), Refusal>> {
        loop {
            let next = ready!(self.reader.poll_message(cx)).transpose();
            match (next, self.message.take()) {
                (Ok(Some(message)), None) => self.message = Some((message, Arrival::now())),
                (Ok(None), Some(received)) => return Poll::Ready(Ok(received)),
                (Ok(Some(_)), Some(_)) => return Poll::Ready(Err(Refusal::SecondMessage)),
                (Ok(None), None) => return Poll::Ready(Err(Refusal::NoMessage)),
                (Err(refusal), _) => return Poll::Ready(Err(refusal)),
            }
        }
    }

    fn answer(self, received: Result<(Bytes, Arrival), Refusal>, responder: Responder) {
        let judged = received.and_then(|(message, arrival)| {
            responder.admit()?;
            self.judge(&message, &arrival)
        });
        match judged {
            Ok(reply) => {
                responder.message(reply);
                let duration_ns = self.head.arrived.ns_until(Tick::now());
                let recorder = &self.worker.recorder;
                recorder.answered(RpcMethod::Evaluate, duration_ns);
            }
            Err(refusal) => responder.status(self.worker.refuse(refusal)),
        }
    }

    fn judge(&self, message: &Bytes, arrival: &Arrival) -> Result<Bytes, Refusal> {
        let call = Call::decode(message).map_err(|(error, _)| Refusal::Argument(error))?;
        let mut judge = self.worker.judge.borrow_mut();
        let trace_parent = self.head.trace_parent;
        Ok(judge.reply(&call, arrival, trace_parent, &self.worker.recorder))
    }
}

/// Time for a message to arrive. A bid that takes this long has lost its auction many times over; its slot is better
/// given to another.
pub(super) const RECEIVE_TIMEOUT: Duration = Duration::from_secs(5);
