//! How much is being worked on.

#[path = "../../src/server/in_flight.rs"]
mod in_flight;

mod refusal {
    #[derive(Debug)]
    pub(super) enum Refusal {
        Shed,
    }
}

mod worker {
    use std::sync::Arc;

    use super::in_flight::InFlight;

    #[derive(Debug)]
    pub(super) struct Worker {
        pub(super) in_flight: Arc<InFlight>,
    }
}

use std::rc::Rc;
use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use in_flight::{InFlight, Slot};
use worker::Worker;

/// Two workers and one that is none take slots of which there are fewer: at no time are more taken than there are, and
/// in the end none is.
pub fn no_more_is_in_flight_than_may_be(max: usize) {
    let in_flight = Arc::new(InFlight::new(max));
    let held = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (in_flight, held) = (Arc::clone(&in_flight), Arc::clone(&held));
            thread::spawn(move || {
                let worker = Rc::new(Worker { in_flight });
                match Slot::take(&worker) {
                    Ok(slot) => {
                        work(&held, max);
                        drop(slot);
                    }
                    Err(refusal::Refusal::Shed) => {}
                }
            })
        })
        .collect();
    if let Some(slot) = in_flight.slot() {
        work(&held, max);
        drop(slot);
    }
    assert!(in_flight.count() <= max);
    for worker in workers {
        assert!(worker.join().is_ok());
    }
    assert_eq!(in_flight.count(), 0);
    assert!(in_flight.slot().is_some(), "what was freed is there again");
}

/// With a slot taken.
fn work(held: &AtomicUsize, max: usize) {
    let others = held.fetch_add(1, Ordering::Relaxed);
    assert!(others < max, "more is in flight than may be");
    held.fetch_sub(1, Ordering::Relaxed);
}
