//! What the telemetry thread does with records, apart from waiting: no clock, no socket, no task.
//!
//! ```text
//! rings ─► record ─► listeners: decision log, spans
//!                └─► sampling ─► open batch ─► closed batches, for delivery
//! ```

use std::sync::Arc;

use super::batch::{Batch, Outcome, Settled};
use super::batcher::{Batcher, Moment, Sources};
use super::ledger::Ledger;
use super::names::GateNames;
use super::record::Record;
use super::ring::Consumer;
use super::seen::{Listener, Seen};
use crate::metrics::Metrics;
use crate::verdict::Verdict;
use crate::wire::{EvaluationId, mix};

/// Reads the rings.
#[derive(Debug)]
pub(super) struct Gatherer {
    rings: Vec<Consumer>,
    /// The ring that is read first.
    first: usize,
    words: Vec<u64>,
    record: Record,
    listeners: Vec<Listener>,
    metrics: Metrics,
    names: Arc<GateNames>,
    batching: Option<Batching>,
}

/// What becomes of records when there is a sink.
#[derive(Debug)]
pub(super) struct Batching {
    pub(super) batcher: Batcher,
    pub(super) ledger: Arc<Ledger>,
    pub(super) sampling: Sampling,
    /// True while the record that was read last finds no place.
    waiting: bool,
}

impl Gatherer {
    pub(super) fn new(
        rings: Vec<Consumer>,
        listeners: Vec<Listener>,
        metrics: Metrics,
        names: Arc<GateNames>,
        batching: Option<Batching>,
    ) -> Self {
        Self {
            rings,
            first: 0,
            words: Vec::new(),
            record: Record::default(),
            listeners,
            metrics,
            names,
            batching,
        }
    }

    /// Reads what the workers have recorded so far, and returns the batches that close over it, at most `room`. When
    /// there is no room and the open batch is full, the rest stays in the rings, which may fill.
    pub(super) fn gather(&mut self, room: usize, now: Moment) -> Vec<Batch> {
        let mut closed = Closed::new(room);
        if self.place(&mut closed, now) {
            self.read_rings(&mut closed, now);
        }
        let due = |batching: &Batching| batching.batcher.is_due(now.clock);
        if self.batching.as_ref().is_some_and(due) {
            self.close(&mut closed, now);
        }
        closed.batches
    }

    /// Closes the open batch before its time, if there is something to tell.
    pub(super) fn close_early(&mut self, now: Moment) -> Option<Batch> {
        let mut closed = Closed::new(1);
        self.close(&mut closed, now);
        closed.batches.pop()
    }

    /// Whether the batch that closed last left counts to the next one.
    pub(super) fn has_more_to_tell(&self) -> bool {
        let more = |batching: &Batching| batching.batcher.has_more_to_tell();
        self.batching.as_ref().is_some_and(more)
    }

    /// Books the end of a batch.
    pub(super) fn settle(&mut self, Settled { batch, outcome }: &Settled) {
        if let Some(batching) = &mut self.batching {
            match outcome {
                Outcome::Delivered => batching.ledger.deliver(),
                Outcome::RetryExhausted | Outcome::Rejected | Outcome::Shutdown => {
                    batching.batcher.take_back(batch);
                }
            }
            batching.ledger.settle(batch.events, *outcome);
        }
    }

    /// Records that were read or are still to be, in no closed batch.
    pub(super) fn unsent(&self) -> u64 {
        let in_rings: u64 = self.rings.iter().map(Consumer::len).sum();
        let read = |batching: &Batching| batching.batcher.events() + u64::from(batching.waiting);
        in_rings + self.batching.as_ref().map_or(0, read)
    }

    /// No ring is always the last: the first one changes.
    fn read_rings(&mut self, closed: &mut Closed, now: Moment) {
        let rings = self.rings.len();
        self.first = if self.first + 1 < rings {
            self.first + 1
        } else {
            0
        };
        for ring in (self.first..rings).chain(0..self.first) {
            let entries = self.rings.get(ring).map_or(0, Consumer::len);
            for _ in 0..entries {
                if self.read(ring) && !self.place(closed, now) {
                    return;
                }
            }
        }
    }

    /// Reads one record, and tells of it.
    fn read(&mut self, ring: usize) -> bool {
        let ring = self.rings.get_mut(ring);
        let read =
            ring.is_some_and(|ring| ring.pop(&mut self.words)) && self.record.read(&self.words);
        if read {
            let seen = Seen::new(&self.record, self.metrics.callers(), &self.names);
            for listener in &mut self.listeners {
                listener.hear(&seen);
            }
            if let Some(batching) = &mut self.batching {
                batching.waiting = true;
            }
        }
        read
    }

    /// Puts the record that waits, if one does, into a batch. False when there is no place for it yet.
    fn place(&mut self, closed: &mut Closed, now: Moment) -> bool {
        let Some(batching) = self.batching.as_mut().filter(|batching| batching.waiting) else {
            return true;
        };
        let sources = Sources {
            metrics: &self.metrics,
            ledger: &batching.ledger,
            names: &self.names,
        };
        let seen = Seen::new(&self.record, self.metrics.callers(), &self.names);
        if batching.sampling.leaves_out(&seen) {
            batching.ledger.leave_out();
        } else {
            if !batching.batcher.takes(&seen) {
                closed.add(&mut batching.batcher, sources, now);
            }
            if !batching.batcher.takes(&seen) {
                return false;
            }
            batching.batcher.add(&seen);
            if batching.batcher.is_full() {
                closed.add(&mut batching.batcher, sources, now);
            }
        }
        batching.waiting = false;
        true
    }

    fn close(&mut self, closed: &mut Closed, now: Moment) {
        if let Some(batching) = &mut self.batching {
            let sources = Sources {
                metrics: &self.metrics,
                ledger: &batching.ledger,
                names: &self.names,
            };
            closed.add(&mut batching.batcher, sources, now);
        }
    }
}

impl Batching {
    pub(super) const fn new(batcher: Batcher, ledger: Arc<Ledger>, sampling: Sampling) -> Self {
        Self {
            batcher,
            ledger,
            sampling,
            waiting: false,
        }
    }
}

/// Batches that closed, as many as there is room for.
#[derive(Debug)]
struct Closed {
    batches: Vec<Batch>,
    room: usize,
}

impl Closed {
    const fn new(room: usize) -> Self {
        Self {
            batches: Vec::new(),
            room,
        }
    }

    fn add(&mut self, batcher: &mut Batcher, sources: Sources<'_>, now: Moment) {
        if self.batches.len() < self.room {
            self.batches.extend(batcher.close(sources, now));
        }
    }
}

/// Which passes are recorded (spec: telemetry §3). An evaluation's id decides: here and not on the request path, so
/// that recording costs a worker the same whatever the rate, and listeners hear of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    /// 0 to 1.
    pub(super) rate: f64,
}

impl Sampling {
    fn leaves_out(self, seen: &Seen<'_>) -> bool {
        match seen.verdict() {
            Verdict::Pass | Verdict::NoBid => fraction(seen.evaluation_id()) >= self.rate,
            Verdict::Fail | Verdict::NotEvaluated | Verdict::Error => false,
        }
    }
}

/// A number from 0 to below 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "both halves are wanted; 53 bits are exact"
)]
const fn fraction(EvaluationId(id): EvaluationId) -> f64 {
    let [low, high] = [id as u64, (id >> 64) as u64];
    (mix(low ^ high) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    clippy::result_large_err,
    reason = "time begins somewhere; the size of proptest's error is not ours"
)]
mod tests;
