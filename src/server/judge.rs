//! A worker's evaluator, and the memory that replies are written in.

use std::io;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use super::clock::Arrival;
use super::living::LivingPolicy;
use super::reader::PREFIX_BYTES;
use super::settings::Settings;
use crate::evaluate::{Call, Clock as _, Evaluator};
use crate::limits::Limits;
use crate::metrics::Recorder;
use crate::telemetry::{Pen, TraceParent};
use crate::wire::{EvaluationIds, WireError, encode_refusal};

/// Judges the calls of one worker, one at a time.
#[derive(Debug)]
pub(super) struct Judge {
    evaluator: Evaluator,
    /// True during an evaluation, and after one that a panic ended.
    judging: bool,
    limits: Limits,
    policy: Arc<LivingPolicy>,
    ids: EvaluationIds,
    /// There if somebody wants records of evaluations.
    pen: Option<Pen>,
    /// Replies with their prefixes. Cleared per call or batch, never shrunk.
    replies: Vec<u8>,
}

impl Judge {
    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn new(settings: &Settings, pen: Option<Pen>) -> io::Result<Self> {
        Ok(Self {
            evaluator: Evaluator::seeded(
                settings.limits,
                getrandom::u64().map_err(io::Error::other)?,
            ),
            judging: false,
            limits: settings.limits,
            policy: Arc::clone(&settings.policy),
            ids: EvaluationIds::new(getrandom::u64().map_err(io::Error::other)?),
            pen,
            replies: Vec::new(),
        })
    }

    /// What the policy gives an evaluation, of calls without an override.
    pub(super) fn budget_ns(&self) -> u64 {
        self.policy.load().timeout_ns()
    }

    /// Judges one call and returns the reply, ready to send.
    pub(super) fn reply(
        &mut self,
        call: &Call<'_>,
        arrival: &Arrival,
        trace_parent: Option<TraceParent>,
        recorder: &Recorder,
    ) -> Bytes {
        self.begin_batch();
        self.append_reply(call, arrival, trace_parent, recorder);
        self.batch()
    }

    /// Begins a batch of replies.
    pub(super) fn begin_batch(&mut self) {
        self.replies.clear();
    }

    /// Judges one call and adds the reply to the batch.
    pub(super) fn append_reply(
        &mut self,
        call: &Call<'_>,
        arrival: &Arrival,
        trace_parent: Option<TraceParent>,
        recorder: &Recorder,
    ) {
        if mem::replace(&mut self.judging, true) {
            self.begin_again();
        }
        let policy = self.policy.load();
        let evaluation = self.evaluator.evaluate(call, &policy, arrival);
        let id = self.ids.next_id();
        append_message(&mut self.replies, |reply| evaluation.encode(id, reply));
        let caller = recorder.observe(&evaluation);
        if let Some(pen) = &mut self.pen {
            pen.offer(id, caller, &evaluation, trace_parent);
        }
        self.judging = false;
    }

    /// Leaves behind what a panic may have left half written.
    #[cold]
    fn begin_again(&mut self) {
        self.evaluator = Evaluator::seeded(self.limits, getrandom::u64().unwrap_or_default());
    }

    /// Adds the reply to a message that is not a call (spec: contract §3).
    pub(super) fn append_refusal(
        &mut self,
        error: WireError,
        correlation_id: u64,
        arrival: &Arrival,
    ) {
        let policy = self.policy.load();
        let id = self.ids.next_id();
        let arrived = arrival.arrived_unix_us();
        append_message(&mut self.replies, |reply| {
            encode_refusal(error, correlation_id, id, arrived, &policy, reply);
        });
    }

    pub(super) fn batch_bytes(&self) -> usize {
        self.replies.len()
    }

    /// A copy of the batch, of exactly its size.
    pub(super) fn batch(&self) -> Bytes {
        Bytes::copy_from_slice(&self.replies)
    }
}

/// Appends a message and, before it, the prefix that says its length.
fn append_message(replies: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    let start = replies.len();
    replies.extend_from_slice(&[0; PREFIX_BYTES]);
    encode(replies);
    let len = replies.len().saturating_sub(start + PREFIX_BYTES);
    // A reply is smaller than the message it answers and the bounds on findings together: far below 4 GiB.
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    if let Some(prefix) = replies.get_mut(start + 1..start + PREFIX_BYTES) {
        prefix.copy_from_slice(&len.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_says_the_length_of_its_message() {
        let mut replies = Vec::new();
        append_message(&mut replies, |reply| reply.extend_from_slice(b"abc"));
        append_message(&mut replies, |_| {});
        assert_eq!(replies, [0, 0, 0, 0, 3, b'a', b'b', b'c', 0, 0, 0, 0, 0]);
    }
}
