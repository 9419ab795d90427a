//! What is counted of a run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::clock::nanos;
use crate::error::Error;
use crate::proto::Verdict;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A reply with the number of its verdict.
    Verdict(u64),
    /// A gRPC status other than OK.
    Status(i64),
    /// The stream or connection broke, or what came is no reply.
    Broken,
    /// The run gave up waiting, or never sent it.
    None,
}

/// The part of a run that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) opens: Instant,
    pub(crate) closes: Instant,
}

impl Window {
    pub(crate) fn contains(&self, moment: Instant) -> bool {
        self.opens <= moment && moment < self.closes
    }
}

/// Counts and latencies of the calls of a window.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// From the intended time of sending to the reply, nanoseconds: every call that was due in the window and answered
    /// with a verdict.
    pub(crate) latency: Latencies,
    /// From the intended time to the sending, nanoseconds, where nothing but the generator was in the way.
    pub(crate) lag: Latencies,
    /// Replies that came while the window was open, whenever their calls were due: what the CPU time of the window
    /// was spent on.
    pub(crate) replies_in_window: u64,
    pub(crate) answered: u64,
    /// Replies with another verdict than the traffic should get.
    pub(crate) unexpected_verdicts: u64,
    /// Calls without a reply, by gRPC status; [`BROKEN`] and [`UNANSWERED`] have none.
    pub(crate) errors: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            latency: Latencies::new()?,
            lag: Latencies::new()?,
            replies_in_window: 0,
            answered: 0,
            unexpected_verdicts: 0,
            errors: BTreeMap::new(),
        })
    }

    /// Counts a call that was due at `due` and ended at `now`.
    pub(crate) fn count(
        &mut self,
        window: &Window,
        due: Instant,
        now: Instant,
        answer: Answer,
        expected: Verdict,
    ) {
        let replied = matches!(answer, Answer::Verdict(_));
        self.replies_in_window += u64::from(replied && window.contains(now));
        if !window.contains(due) {
            return;
        }
        match answer {
            Answer::Verdict(verdict) => {
                self.answered += 1;
                self.latency.record(now.saturating_duration_since(due));
                let expected = u64::try_from(i32::from(expected)).unwrap_or_default();
                self.unexpected_verdicts += u64::from(verdict != expected);
            }
            Answer::Status(code) => self.error(&status_name(code)),
            Answer::Broken => self.error(BROKEN),
            Answer::None => {
                // It took this long at least.
                self.latency.record(now.saturating_duration_since(due));
                self.error(UNANSWERED);
            }
        }
    }

    fn error(&mut self, name: &str) {
        match self.errors.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(self.errors.insert(name.to_owned(), 1)),
        }
    }

    /// Adds what another run of the same kind counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.lag.merge(&other.lag);
        self.replies_in_window += other.replies_in_window;
        self.answered += other.answered;
        self.unexpected_verdicts += other.unexpected_verdicts;
        for (name, count) in &other.errors {
            *self.errors.entry(name.clone()).or_default() += count;
        }
    }
}

/// Names of calls that ended without a status.
pub(crate) const BROKEN: &str = "broken";
pub(crate) const UNANSWERED: &str = "unanswered";
/// What a server says that sheds load.
pub(crate) const RESOURCE_EXHAUSTED: &str = "resource_exhausted";

/// Names of gRPC status codes (grpc/doc/statuscodes.md).
fn status_name(code: i64) -> String {
    let names = [
        "no_reply", // OK, but nothing before it
        "cancelled",
        "unknown",
        "invalid_argument",
        "deadline_exceeded",
        "not_found",
        "already_exists",
        "permission_denied",
        RESOURCE_EXHAUSTED,
        "failed_precondition",
        "aborted",
        "out_of_range",
        "unimplemented",
        "internal",
        "unavailable",
        "data_loss",
        "unauthenticated",
    ];
    let name = usize::try_from(code).ok().and_then(|code| names.get(code));
    name.map_or_else(|| format!("status_{code}"), |&name| name.to_owned())
}

/// Durations kept to three digits.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self, Error> {
        Histogram::new_with_bounds(1, LONGEST_NS, DIGITS)
            .map(Self)
            .map_err(Error::Histogram)
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        self.0.saturating_record(nanos(duration).max(1));
    }

    fn merge(&mut self, other: &Self) {
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok(), "histograms of the same bounds");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Durations above `ns` nanoseconds.
    pub(crate) fn count_above(&self, ns: u64) -> u64 {
        self.0.len() - self.0.count_between(0, ns)
    }

    /// Nanoseconds that a share of `quantile` (0 to 1) of all does not exceed.
    pub(crate) fn quantile_ns(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    pub(crate) fn max_ns(&self) -> u64 {
        self.0.max()
    }
}

/// Whatever takes longer than a minute has failed by another measure.
const LONGEST_NS: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let opens = crate::clock::now() + Duration::from_secs(1);
        let closes = opens + Duration::from_secs(1);
        Window { opens, closes }
    }

    #[test]
    fn the_warm_up_is_not_counted() {
        let window = window();
        let mut tally = Tally::new().unwrap();
        let due = window.opens - Duration::from_millis(1);
        tally.count(&window, due, due, Answer::Verdict(1), Verdict::Pass);
        tally.count(&window, due, due, Answer::Broken, Verdict::Pass);
        assert_eq!((tally.answered, tally.replies_in_window), (0, 0));
        assert!(tally.errors.is_empty());
    }

    #[test]
    fn every_end_of_a_call_is_counted_by_its_name() {
        let window = window();
        let mut tally = Tally::new().unwrap();
        for answer in [
            Answer::Verdict(1),
            Answer::Verdict(2),
            Answer::Status(8),
            Answer::Status(99),
            Answer::Broken,
            Answer::None,
        ] {
            tally.count(&window, window.opens, window.opens, answer, Verdict::Pass);
        }
        assert_eq!((tally.answered, tally.unexpected_verdicts), (2, 1));
        let names: Vec<_> = tally.errors.keys().map(String::as_str).collect();
        assert_eq!(names, [BROKEN, RESOURCE_EXHAUSTED, "status_99", UNANSWERED]);
    }

    #[test]
    fn a_call_that_is_given_up_weighs_on_the_latencies() {
        let window = window();
        let mut tally = Tally::new().unwrap();
        let gave_up = window.opens + Duration::from_millis(20);
        tally.count(&window, window.opens, gave_up, Answer::None, Verdict::Pass);
        assert_eq!(tally.latency.count_above(15_000_000), 1);
        assert_eq!(tally.latency.count_above(21_000_000), 0);
    }
}
