//! A closed batch: the bytes that are delivered, and what its loss would leave untold.

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

/// A batch, ready to be delivered.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// `batch_id`, a UUIDv7: the same at each attempt.
    pub(super) id: Uuid,
    /// `seq`: from 1, gap-free until the process ends.
    pub(super) seq: u64,
    /// The batch as JSON (spec: telemetry §3), one line.
    pub(super) body: Bytes,
    /// Events in it.
    pub(super) events: u64,
    /// What it says was evaluated.
    pub(super) counts: Counts,
    /// What it says was dropped.
    pub(super) dropped: Drops,
}

/// What became of a batch in the end.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    /// The batch.
    pub(super) batch: Batch,
    /// How it ended.
    pub(super) outcome: Outcome,
}

/// The end of a batch. All but the first are reasons in `dropped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The sink has it.
    Delivered,
    /// Every attempt failed.
    RetryExhausted,
    /// The sink will not have it, however often it is asked.
    Rejected,
    /// The process ended first.
    Shutdown,
}

/// Evaluations by caller and verdict: exact, whatever became of their events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Cell and number, sorted by cell, no number 0.
    pub(super) cells: Vec<(usize, u64)>,
}

/// Events that were not delivered, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drops {
    /// There was no room in a worker's ring.
    pub ring_full: u64,
    /// Passes that `sample_rate` left out.
    pub sampled_out: u64,
    /// Every attempt to deliver their batch failed.
    pub retry_exhausted: u64,
    /// The sink would not have their batch.
    pub rejected: u64,
    /// The process ended first.
    pub shutdown: u64,
}

impl Drops {
    /// What a ring took, and no sink got.
    pub(super) const fn on_the_way(&self) -> u64 {
        self.sampled_out + self.retry_exhausted + self.rejected + self.shutdown
    }

    /// Both together.
    pub(super) const fn plus(&self, other: &Self) -> Self {
        Self {
            ring_full: self.ring_full + other.ring_full,
            sampled_out: self.sampled_out + other.sampled_out,
            retry_exhausted: self.retry_exhausted + other.retry_exhausted,
            rejected: self.rejected + other.rejected,
            shutdown: self.shutdown + other.shutdown,
        }
    }

    /// How many there are more than in `other`, which is of an earlier time.
    pub(super) const fn since(&self, other: &Self) -> Self {
        Self {
            ring_full: self.ring_full - other.ring_full,
            sampled_out: self.sampled_out - other.sampled_out,
            retry_exhausted: self.retry_exhausted - other.retry_exhausted,
            rejected: self.rejected - other.rejected,
            shutdown: self.shutdown - other.shutdown,
        }
    }
}
