//! How much is being worked on, in all workers together.
//!
//! In flight is a unary call from its headers, and a message of a stream from its first bytes, if it comes in parts,
//! until it is judged. A caller that sends slowly therefore holds a slot, for as long as a message may take to arrive;
//! one that gives up frees it. One that does not read its replies holds none: what waits for it is bounded by the
//! streams of its connection, and is nobody else's loss.

use std::rc::Rc;

use super::refusal::Refusal;
use super::worker::Worker;
use crate::sync::{AtomicUsize, Ordering};

/// The count, and its bound. The one number on the path of a call that workers share.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct InFlight {
    count: AtomicUsize,
    max: usize,
}

impl InFlight {
    pub(super) fn new(max: usize) -> Self {
        Self {
            count: AtomicUsize::new(0),
            max,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn take(&self) -> bool {
        let below = |count| (count < self.max).then_some(count + 1);
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below)
            .is_ok()
    }

    fn free(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes a slot for a call that no worker answers, unless all are taken.
    pub(super) fn slot(&self) -> Option<BorrowedSlot<'_>> {
        // Not `then_some`: a slot that was not taken must not be freed either.
        self.take().then(|| BorrowedSlot(self))
    }
}

/// One taken slot of a call that no worker answers, freed on drop.
#[derive(Debug)]
pub(super) struct BorrowedSlot<'a>(&'a InFlight);

impl Drop for BorrowedSlot<'_> {
    fn drop(&mut self) {
        self.0.free();
    }
}

/// One taken slot, freed on drop.
#[derive(Debug)]
pub(super) struct Slot(Rc<Worker>);

impl Slot {
    /// Takes a slot, unless all are taken.
    pub(super) fn take(worker: &Rc<Worker>) -> Result<Self, Refusal> {
        if worker.in_flight.take() {
            Ok(Self(Rc::clone(worker)))
        } else {
            Err(Refusal::Shed)
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.in_flight.free();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_borrowed_slot_is_freed_once_and_only_if_it_was_taken() {
        let in_flight = InFlight::new(1);
        let slot = in_flight.slot();
        assert!(slot.is_some() && in_flight.slot().is_none());
        assert_eq!(in_flight.count(), 1);
        drop(slot);
        assert_eq!(in_flight.count(), 0);
    }

    #[test]
    fn no_slot_above_the_bound_and_a_freed_one_is_taken_again() {
        let in_flight = InFlight::new(1);
        assert!(in_flight.take());
        assert!(!in_flight.take());
        in_flight.free();
        assert!(in_flight.take());
        assert_eq!(in_flight.count(), 1);
    }
}
