//! What a scrape hands out, one by one.

use super::catalog::Family;
use super::histogram::{BOUNDS_NS, BUCKETS, Histogram};

/// One number of one family, or one histogram.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// What it is a sample of.
    pub family: Family,
    /// Names and values, in the order of [`Family::labels`].
    pub labels: &'a [(&'static str, &'a str)],
    /// How much.
    pub value: Value<'a>,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// So many since the process began.
    Count(u64),
    /// As things stand.
    Gauge(f64),
    /// A time, exact.
    Seconds {
        /// Nanoseconds.
        ns: u64,
    },
    /// Durations by size.
    Histogram(&'a HistogramSnapshot),
}

/// The durations that all workers have recorded.
#[derive(Clone, Debug)]
pub struct HistogramSnapshot {
    /// Upper bounds of the buckets but the last, in nanoseconds, ascending. A bound belongs to its bucket.
    pub bounds_ns: &'static [u64],
    /// How many fell into each bucket, not cumulative; one more than there are bounds, for what is above all of them.
    pub counts: [u64; BUCKETS],
    /// Of all durations together, in nanoseconds.
    pub sum_ns: u64,
}

impl HistogramSnapshot {
    pub(super) const fn new() -> Self {
        Self {
            bounds_ns: &BOUNDS_NS,
            counts: [0; BUCKETS],
            sum_ns: 0,
        }
    }

    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (sum, count) in self.counts.iter_mut().zip(histogram.buckets()) {
            *sum += count;
        }
        self.sum_ns = self.sum_ns.wrapping_add(histogram.sum_ns());
    }

    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
        self
    }
}
