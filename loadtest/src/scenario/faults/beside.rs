//! Well-behaved callers beside a fault: what they see of it.

use std::thread;
use std::time::Duration;

use super::finding::Finding;
use super::scrape::Scrape;
use super::stage::Stage;
use crate::client::{self, Load, Measured, Method};
use crate::error::Error;
use crate::figures::Figures;
use crate::scenario::{open, share_of_rate};
use crate::servers::Bidgate;

/// Lets something happen once others call, and while they do. They go on for as long as is said, at least.
pub(super) fn beside<T: Send>(
    stage: &Stage<'_>,
    bidgate: &Bidgate,
    duration: Duration,
    happens: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<(Neighbours, T), Error> {
    let endpoint = bidgate.over_unix(Method::Evaluate)?;
    let load = Load {
        pace: open(share_of_rate(CALLS_PER_SECOND, 1.0)),
        connections: 2,
        in_flight: 100,
        warm_up: Duration::ZERO,
        duration,
    };
    let before = Scrape::of(bidgate.admin)?.get("bidgate_evaluations_total");
    thread::scope(|scope| {
        let happening = scope.spawn(|| {
            let answered = |scrape: &Scrape| scrape.get("bidgate_evaluations_total") > before;
            Scrape::when(bidgate.admin, answered)?;
            happens()
        });
        let measured = client::run(&endpoint, &load, &stage.messages, &mut |_| {});
        let happened = happening.join().map_err(|_panic| Error::Generator)?;
        Ok((Neighbours(measured?), happened?))
    })
}

/// What well-behaved callers saw.
#[derive(Debug)]
pub(super) struct Neighbours(Measured);

impl Neighbours {
    /// Notes what they saw. They must have been answered, each of them, as the auctions should be.
    pub(super) fn told(&self, finding: &mut Finding) {
        let figures = Figures::of(&self.0);
        let errors: u64 = figures.errors.values().sum();
        let p99_ms = figures.latency.p99_us / 1e3;
        finding.saw(format!(
            "neighbours: {} answered, {errors} not, p99 {p99_ms:.1} ms",
            figures.answered
        ));
        finding.expect(
            errors == 0 && figures.answered > 0,
            format!("every neighbour is answered ({:?})", figures.errors),
        );
        finding.expect(
            figures.unexpected_verdicts == 0,
            format!(
                "{} verdicts are as they should be",
                figures.unexpected_verdicts
            ),
        );
        finding.expect(p99_ms < P99_MS_MAX, "the p99 of neighbours is bounded");
    }
}

/// Few: it is about them, not about the load that they are.
const CALLS_PER_SECOND: f64 = 100.0;
/// On machines that have other things to do; on others some milliseconds.
const P99_MS_MAX: f64 = if cfg!(debug_assertions) {
    2000.0
} else {
    250.0
};
