//! A number with one writer.

use crate::sync::{AtomicU64, Ordering};

/// A number that one thread adds to and any thread reads.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn increment(&self) {
        self.add(1);
    }

    /// INVARIANT (single writer): no other thread adds, so nothing is lost between load and store, and neither
    /// locks the bus.
    pub(super) fn add(&self, amount: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(amount),
            Ordering::Relaxed,
        );
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
