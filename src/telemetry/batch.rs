//! A closed batch: the bytes that are delivered, and what its loss would leave untold.

use bytes::Bytes;
use uuid::Uuid;

/// Events that were not delivered, by reason.
pub(super) use crate::metrics::DroppedEvents as Drops;

/// A batch, ready to be delivered.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// `batch_id`, a UUID of version 7: the same at each attempt.
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
    /// Cell and number, no cell twice, no number 0.
    pub(super) cells: Vec<(usize, u64)>,
}
