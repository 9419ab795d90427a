//! Counts of one worker each, read by a scrape.

#[path = "../../src/metrics/counter.rs"]
mod counter;

#[expect(dead_code, reason = "of the scrape, the models need telemetry's part")]
#[path = "../../src/metrics/gauges.rs"]
mod gauges;

#[path = "../../src/metrics/histogram.rs"]
mod histogram;

use std::sync::Arc;

use loom::thread;

pub(crate) use gauges::{DroppedEvents, TelemetryGauges};
use histogram::Histogram;

const DURATION_NS: u64 = 3_000;

/// Two workers record into cells of their own while a scrape adds them up: nothing is lost, and no scrape counts less
/// than the one before.
pub fn a_scrape_loses_nothing_and_never_counts_back() {
    let workers: [Arc<Histogram>; 2] = Default::default();
    let recording: Vec<_> = workers.iter().map(Arc::clone).map(record_twice).collect();
    let first = scrape(&workers);
    let second = scrape(&workers);
    assert!(first.0 <= second.0 && first.1 <= second.1);
    for worker in recording {
        assert!(worker.join().is_ok());
    }
    assert_eq!(scrape(&workers), (4, 4 * DURATION_NS));
}

fn record_twice(histogram: Arc<Histogram>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        histogram.record(DURATION_NS);
        histogram.record(DURATION_NS);
    })
}

/// The bucket of [`DURATION_NS`] of all workers, and the sum.
fn scrape(workers: &[Arc<Histogram>]) -> (u64, u64) {
    let bucket = workers.iter().filter_map(|worker| worker.buckets().nth(4));
    (
        bucket.sum(),
        workers.iter().map(|worker| worker.sum_ns()).sum(),
    )
}
