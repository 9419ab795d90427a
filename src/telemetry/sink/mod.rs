//! Where batches go.

use std::time::Duration;

use super::batch::Batch;

/// Where batches go, one variant for each `telemetry.sink`.
#[derive(Debug)]
pub(super) enum Sink {}

impl Sink {
    /// Tries once to deliver a batch.
    ///
    /// Dropping the future gives the attempt up: whether the sink got the batch is then not known.
    pub(super) async fn attempt(&self, _batch: &Batch) -> Attempt {
        match *self {}
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The sink has the batch.
    Delivered,
    /// The sink will not have the batch, however often it is asked.
    Rejected {
        /// Why, for the log: never a byte of what the sink answered.
        cause: String,
    },
    /// The next attempt may succeed.
    Failed {
        /// Why, for the log.
        cause: String,
        /// How long the sink asks to be left alone.
        retry_after: Option<Duration>,
    },
}
