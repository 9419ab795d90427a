//! Latencies kept to three digits, and how they are told.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::error::CliError;

/// The longest latency that is told apart, one minute: whatever takes longer has failed by another measure.
const LONGEST_NS: u64 = 60_000_000_000;

/// Many latencies, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> Result<Self, CliError> {
        Histogram::new_with_bounds(1, LONGEST_NS, 3)
            .map(Self)
            .map_err(CliError::Latencies)
    }

    pub(super) fn record_ns(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.record_ns(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Takes over what `other` recorded. Both have the same bounds, so all of it fits.
    pub(super) fn merge(&mut self, other: &Self) {
        let merged = self.0.add(&other.0);
        debug_assert!(merged.is_ok(), "histograms of the same bounds");
    }

    /// The latency that a share of `quantile` (0 to 1) of all does not exceed, in nanoseconds.
    pub(super) fn quantile_ns(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    pub(super) fn max_ns(&self) -> u64 {
        self.0.max()
    }
}

/// Microseconds to the nanosecond.
pub(super) fn micros(ns: u64) -> String {
    format!("{}.{:03}", ns / 1000, ns % 1000)
}

/// The duration of a reply's `…_ms` field; one that is none (negative, not a number) counts as zero.
pub(super) fn from_ms(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

/// Microseconds of a reply's `…_ms` field, to the nanosecond.
pub(super) fn micros_of_ms(ms: f64) -> String {
    micros(u64::try_from(from_ms(ms).as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_of_a_reply_are_told_in_microseconds_to_the_nanosecond() {
        assert_eq!(micros_of_ms(0.001_234), "1.234");
        assert_eq!(micros_of_ms(15.0), "15000.000");
        assert_eq!(micros_of_ms(f64::NAN), "0.000");
    }
}
