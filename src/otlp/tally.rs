//! What became of what was to be exported.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{ExportedMessages, OtlpCounts};

/// Counts of the exporters' threads, for the scrape.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) metrics: Exports,
    pub(super) traces: Exports,
    /// Spans that the receiver took.
    pub(super) spans_exported: Count,
    /// Spans that the receiver refused, of a message that it took.
    pub(super) spans_refused: Count,
    /// Spans of messages that it did not take.
    pub(super) spans_failed: Count,
    /// Spans for which the queue had no room.
    pub(super) spans_queue_full: Count,
}

/// Messages of one signal.
#[derive(Debug, Default)]
pub(super) struct Exports {
    pub(super) exported: Count,
    pub(super) failed: Count,
}

impl Tally {
    pub(super) fn read(&self) -> OtlpCounts {
        OtlpCounts {
            metrics: self.metrics.read(),
            traces: self.traces.read(),
            spans_exported: self.spans_exported.read(),
            spans_refused: self.spans_refused.read(),
            spans_failed: self.spans_failed.read(),
            spans_queue_full: self.spans_queue_full.read(),
        }
    }
}

impl Exports {
    fn read(&self) -> ExportedMessages {
        ExportedMessages {
            exported: self.exported.read(),
            failed: self.failed.read(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
