//! Numbers out of measurements.

use std::time::Duration;

use serde::Serialize;

use crate::client::Measured;
use crate::tally::{Latencies, Tally};

/// A count as a number to compute with. Counts of runs stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
pub(crate) const fn real(count: u64) -> f64 {
    count as f64
}

pub(crate) fn micros(ns: u64) -> f64 {
    real(ns) / 1e3
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    real(bytes) / 1_048_576.0
}

/// The middle of what there is, the mean of two middles; none of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

/// Microseconds of a call that a server or the generator spent per reply; none without replies.
pub(crate) fn cpu_us_per_reply(cpu: Duration, tally: &Tally) -> Option<f64> {
    let replies = tally.replies_in_window;
    (replies > 0).then(|| cpu.as_secs_f64() * 1e6 / real(replies))
}

/// Latencies, microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl Percentiles {
    pub(crate) fn of(latencies: &Latencies) -> Self {
        let at = |quantile| micros(latencies.quantile_ns(quantile));
        Self {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: micros(latencies.max_ns()),
        }
    }
}

/// What came of one load, for `--json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) seconds: f64,
    /// Replies that came in that time, per second.
    pub(crate) replies_per_second: f64,
    pub(crate) answered: u64,
    pub(crate) unexpected_verdicts: u64,
    pub(crate) errors: std::collections::BTreeMap<String, u64>,
    /// From the intended time of sending; in a closed loop from the sending.
    pub(crate) latency: Percentiles,
    /// By how much the generator itself was late. All zero in a closed loop, which has no schedule.
    pub(crate) generator_lag: Percentiles,
    pub(crate) server_cpu_us_per_reply: Option<f64>,
    /// With the time that the pacing of an open loop spins away.
    pub(crate) generator_cpu_us_per_reply: Option<f64>,
    /// Of one core.
    pub(crate) server_cpu_share: Option<f64>,
    pub(crate) generator_cpu_share: f64,
    /// The same of all other processes. What they take, latencies show.
    pub(crate) others_cpu_share: Option<f64>,
    /// False when the latencies say more about the generator than about the server.
    pub(crate) valid: bool,
}

impl Figures {
    pub(crate) fn of(measured: &Measured) -> Self {
        let tally = &measured.tally;
        let seconds = measured.elapsed.as_secs_f64();
        let server_cpu = measured.server_cpu;
        let share = |cpu: Duration| cpu.as_secs_f64() / seconds;
        Self {
            seconds,
            replies_per_second: real(tally.replies_in_window) / seconds,
            answered: tally.answered,
            unexpected_verdicts: tally.unexpected_verdicts,
            errors: tally.errors.clone(),
            latency: Percentiles::of(&tally.latency),
            generator_lag: Percentiles::of(&tally.lag),
            server_cpu_us_per_reply: server_cpu.and_then(|cpu| cpu_us_per_reply(cpu, tally)),
            generator_cpu_us_per_reply: cpu_us_per_reply(measured.generator_cpu, tally),
            server_cpu_share: server_cpu.map(share),
            generator_cpu_share: share(measured.generator_cpu),
            others_cpu_share: measured.others_cpu.map(share),
            valid: kept_schedule(tally),
        }
    }
}

impl Figures {
    /// True when there is nothing to explain away: the schedule was kept, every call was answered, and as expected.
    pub(crate) fn is_sound(&self) -> bool {
        self.valid && self.errors.is_empty() && self.unexpected_verdicts == 0
    }
}

/// The generator's own lateness is part of every latency. Where it makes half of the p99, the p99 is not the server's;
/// and a generator that is late by the grain of an ordinary timer has not kept a schedule, whatever the server did.
fn kept_schedule(tally: &Tally) -> bool {
    let lag = tally.lag.quantile_ns(0.99);
    lag <= MAX_LAG_NS && lag <= tally.latency.quantile_ns(0.99) / 2
}

/// Of the p99.
const MAX_LAG_NS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_generator_that_was_late_itself_invalidates_the_run() {
        let mut tally = Tally::new().unwrap();
        tally.latency.record(Duration::from_micros(100));
        assert!(kept_schedule(&tally));
        tally.lag.record(Duration::from_micros(60));
        assert!(!kept_schedule(&tally));
        tally.latency.record(Duration::from_millis(100));
        assert!(kept_schedule(&tally));
        tally.lag.record(Duration::from_millis(2));
        assert!(!kept_schedule(&tally));
    }
}
