//! The ring between a worker and the telemetry thread, and the account of what went through it.

#[path = "../../src/telemetry/ledger.rs"]
mod ledger;

#[path = "../../src/telemetry/ring.rs"]
mod ring;

/// What the account knows of batches.
mod batch {
    pub(super) use crate::metrics::DroppedEvents as Drops;

    /// As in bidgate: the account must know what to do with each.
    #[derive(Clone, Copy, Debug)]
    #[expect(dead_code, reason = "the models have no use for some ends")]
    pub(super) enum Outcome {
        Delivered,
        RetryExhausted,
        Rejected,
        Shutdown,
    }
}

use std::sync::Arc;

use loom::thread;

use crate::metrics::TelemetryGauges;
use batch::Outcome;
use ledger::Ledger;
use ring::{Consumer, Producer, ring};

/// Two words, so that a torn entry shows.
fn push(producer: &mut Producer, number: u64) {
    producer.push(|words| {
        words.write(number);
        words.write(number);
    });
}

/// Takes an entry, which is whole and newer than the one before.
fn pop(consumer: &mut Consumer, last: &mut u64) -> bool {
    let mut words = Vec::new();
    let popped = consumer.pop(&mut words);
    if popped {
        let number = words.first().copied().unwrap_or_default();
        assert_eq!(words, [number, number], "an entry is torn");
        assert!(number > *last, "{number} came after {last}");
        *last = number;
    }
    popped
}

/// A worker pushes more than there is room for while the telemetry thread reads: nothing is torn or out of order, and
/// what did not come through was counted.
pub fn a_ring_loses_and_tears_nothing(slots: usize, entries: u64) {
    let (mut producer, mut consumer) = ring(slots, 2);
    let shared = Arc::clone(producer.ring());
    let worker =
        thread::spawn(move || (1..=entries).for_each(|number| push(&mut producer, number)));
    let (mut popped, mut last) = (0, 0);
    for _ in 0..entries {
        popped += u64::from(pop(&mut consumer, &mut last));
    }
    assert!(worker.join().is_ok());
    while pop(&mut consumer, &mut last) {
        popped += 1;
    }
    assert_eq!(popped, shared.accepted());
    assert_eq!(popped + shared.dropped(), entries);
}

/// Somebody reads the account while events come and go: there are never more ends than offers.
pub fn an_account_adds_up_whenever_it_is_read() {
    let (mut producer, mut consumer) = ring(1, 2);
    let rings = vec![Arc::clone(producer.ring())];
    let ledger = Arc::new(Ledger::new("model", rings, Arc::default()));
    let worker = thread::spawn(move || (1..=2).for_each(|number| push(&mut producer, number)));
    let booked = Arc::clone(&ledger);
    let telemetry = thread::spawn(move || {
        let mut last = 0;
        if pop(&mut consumer, &mut last) {
            booked.leave_out();
        }
        if pop(&mut consumer, &mut last) {
            booked.settle(1, Outcome::Delivered);
            booked.deliver();
        }
        booked.note(0, 0);
        consumer
    });
    let before = balanced(&ledger);
    assert!(worker.join().is_ok());
    let left = telemetry.join().map(|consumer| consumer.len());
    let after = balanced(&ledger);
    assert!(after.offered >= before.offered && after.delivered >= before.delivered);
    assert_eq!(after.offered, 2);
    assert_eq!(left.ok(), Some(after.in_flight));
}

fn balanced(ledger: &Ledger) -> TelemetryGauges<'static> {
    let account = ledger.gauges();
    let ends = account.delivered + account.dropped.total();
    assert!(ends <= account.offered, "more ends than offers");
    assert_eq!(ends + account.in_flight, account.offered);
    account
}
