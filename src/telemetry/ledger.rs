//! The account of events: offered = delivered + dropped + in flight, whenever it is read (spec: telemetry §3).
//!
//! Each number has one writer. An event is offered when a worker's ring takes it or has no room; the telemetry thread
//! books how it ended, once, after it has read it from the ring. Whoever reads the ends first and the rings afterwards
//! therefore never sees more ends than offers, and what is in between is in flight.

use std::sync::Arc;

use super::batch::{Drops, Outcome};
use super::ring::Ring;
use crate::metrics::TelemetryGauges;
use crate::sync::{AtomicU64, Ordering};

/// The numbers, as they grow.
#[derive(Debug)]
pub struct Ledger {
    /// Of `telemetry.sink`.
    sink: &'static str,
    rings: Vec<Arc<Ring>>,
    delivered: Entry,
    sampled_out: Entry,
    retry_exhausted: Entry,
    rejected: Entry,
    shutdown: Entry,
    batches_pending: Entry,
    batches_delivered: Entry,
    retries: Entry,
    /// Written by the thread of the file.
    rotation_failures: Arc<AtomicU64>,
}

impl Ledger {
    /// A ledger of the events in `rings`, all of which are for the sink.
    pub(super) fn new(
        sink: &'static str,
        rings: Vec<Arc<Ring>>,
        rotation_failures: Arc<AtomicU64>,
    ) -> Self {
        Self {
            sink,
            rings,
            delivered: Entry::default(),
            sampled_out: Entry::default(),
            retry_exhausted: Entry::default(),
            rejected: Entry::default(),
            shutdown: Entry::default(),
            batches_pending: Entry::default(),
            batches_delivered: Entry::default(),
            retries: Entry::default(),
            rotation_failures,
        }
    }

    /// The numbers now.
    #[must_use]
    pub fn gauges(&self) -> TelemetryGauges<'static> {
        let delivered = self.delivered.get();
        let dropped = self.dropped();
        let accepted: u64 = self.rings.iter().map(|ring| ring.accepted()).sum();
        let offered = accepted + dropped.ring_full;
        TelemetryGauges {
            sink: self.sink,
            offered,
            delivered,
            dropped,
            in_flight: offered - delivered - dropped.total(),
            batches_pending: self.batches_pending.get(),
            batches_delivered: self.batches_delivered.get(),
            retries: self.retries.get(),
            rotation_failures: self.rotation_failures.load(Ordering::Relaxed),
        }
    }

    /// Events dropped so far.
    pub(super) fn dropped(&self) -> Drops {
        Drops {
            ring_full: self.rings.iter().map(|ring| ring.dropped()).sum(),
            sampled_out: self.sampled_out.get(),
            retry_exhausted: self.retry_exhausted.get(),
            rejected: self.rejected.get(),
            shutdown: self.shutdown.get(),
        }
    }

    /// Books the end of events that were read from a ring.
    pub(super) fn settle(&self, events: u64, outcome: Outcome) {
        let entry = match outcome {
            Outcome::Delivered => &self.delivered,
            Outcome::RetryExhausted => &self.retry_exhausted,
            Outcome::Rejected => &self.rejected,
            Outcome::Shutdown => &self.shutdown,
        };
        entry.add(events);
    }

    /// Counts a batch that the sink has.
    pub(super) fn deliver(&self) {
        self.batches_delivered.add(1);
    }

    /// Books an event that was read from a ring and left out.
    pub(super) fn leave_out(&self) {
        self.sampled_out.add(1);
    }

    /// Notes how the delivery of batches stands.
    pub(super) fn note(&self, pending: usize, retries: u64) {
        self.batches_pending.set(pending as u64);
        self.retries.set(retries);
    }
}

/// A number that the telemetry thread writes and any thread reads.
#[derive(Debug, Default)]
struct Entry(AtomicU64);

impl Entry {
    /// INVARIANT (single writer): the telemetry thread alone. What it knew when it wrote, the reader knows too.
    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    fn add(&self, amount: u64) {
        self.set(self.get() + amount);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
