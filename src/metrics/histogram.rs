//! Durations by size, from the microsecond of an empty auction to well past the budget of 15 ms.

use super::counter::Counter;

/// Upper bounds of the buckets but the last, in nanoseconds. Steps of a fifth or so where percentiles are looked at: at
/// 2 to 10 us an evaluation stands, at 10 to 20 ms a budget ends.
#[rustfmt::skip]
pub(super) const BOUNDS_NS: [u64; 41] = [
    1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000, 6_000, 7_000, 8_000,
    10_000, 12_000, 15_000, 20_000, 25_000, 30_000, 40_000, 50_000, 70_000,
    100_000, 150_000, 200_000, 300_000, 500_000, 700_000,
    1_000_000, 2_000_000, 3_000_000, 5_000_000, 7_000_000,
    10_000_000, 12_000_000, 13_000_000, 14_000_000, 15_000_000, 16_000_000, 18_000_000, 20_000_000, 30_000_000, 50_000_000,
];

/// Buckets: one more than bounds, for what is above all of them.
pub(super) const BUCKETS: usize = BOUNDS_NS.len() + 1;

/// One worker's durations.
#[derive(Debug)]
pub(super) struct Histogram {
    /// Not cumulative.
    buckets: [Counter; BUCKETS],
    sum_ns: Counter,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Counter::default()),
            sum_ns: Counter::default(),
        }
    }
}

impl Histogram {
    pub(super) fn record(&self, duration_ns: u64) {
        if let Some(bucket) = self.buckets.get(bucket(duration_ns)) {
            bucket.increment();
        }
        self.sum_ns.add(duration_ns);
    }

    pub(super) fn buckets(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(Counter::read)
    }

    pub(super) fn sum_ns(&self) -> u64 {
        self.sum_ns.read()
    }
}

/// The bucket of a duration: the first whose bound is not below it. One lookup and one comparison, for a cell holds one
/// bound at most.
fn bucket(duration_ns: u64) -> usize {
    let below = BELOW.get(cell(duration_ns)).copied().unwrap_or(0);
    let first = usize::from(below);
    let above = BOUNDS_NS
        .get(first)
        .is_some_and(|bound_ns| duration_ns > *bound_ns);
    first + usize::from(above)
}

/// Eight cells from each power of two to the next: the exponent, and the three bits behind the first.
fn cell(ns: u64) -> usize {
    let ns = ns.clamp(1 << EXPONENT_MIN, (1 << EXPONENT_END) - 1);
    let exponent = ns.ilog2();
    let eighth = (ns >> (exponent - 3)) & 7;
    usize::try_from(u64::from(exponent - EXPONENT_MIN) * 8 + eighth).unwrap_or(usize::MAX)
}

/// Powers of two below the first bound, and above the last.
const EXPONENT_MIN: u32 = 9;
const EXPONENT_END: u32 = 26;
const CELLS: usize = (EXPONENT_END - EXPONENT_MIN) as usize * 8;

/// For each cell, how many bounds are below all of it.
const BELOW: [u8; CELLS] = below();

#[expect(
    clippy::indexing_slicing,
    reason = "what is out of range does not build"
)]
const fn below() -> [u8; CELLS] {
    let mut below = [0; CELLS];
    let (mut start_ns, mut width_ns) = (1_u64 << EXPONENT_MIN, 1 << (EXPONENT_MIN - 3));
    let (mut bound, mut cell) = (0_u8, 0);
    while cell < CELLS {
        below[cell] = bound;
        let end_ns = start_ns + width_ns;
        if (bound as usize) < BOUNDS_NS.len() && BOUNDS_NS[bound as usize] < end_ns {
            assert!(
                BOUNDS_NS[bound as usize] >= start_ns,
                "two bounds in one cell"
            );
            bound += 1;
        }
        if end_ns.is_power_of_two() {
            width_ns *= 2;
        }
        (cell, start_ns) = (cell + 1, end_ns);
    }
    assert!(
        bound as usize == BOUNDS_NS.len(),
        "bounds end where cells do"
    );
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`bucket`] means.
    fn naive(duration_ns: u64) -> usize {
        let below = BOUNDS_NS.iter().filter(|bound_ns| **bound_ns < duration_ns);
        below.count()
    }

    #[test]
    fn every_duration_falls_into_the_first_bucket_that_is_not_below_it() {
        let cells = (EXPONENT_MIN..=EXPONENT_END)
            .flat_map(|exponent| (8..16).map(move |eighths| eighths << (exponent - 3)));
        let edges = cells.chain(BOUNDS_NS).chain([1, u64::MAX - 1]);
        for duration_ns in edges.flat_map(|edge| [edge - 1, edge, edge + 1]) {
            assert_eq!(bucket(duration_ns), naive(duration_ns), "{duration_ns} ns");
        }
        for duration_ns in (0..60_000_000).step_by(997) {
            assert_eq!(bucket(duration_ns), naive(duration_ns), "{duration_ns} ns");
        }
    }

    #[test]
    fn bounds_ascend_and_the_budget_is_one() {
        assert!(BOUNDS_NS.is_sorted_by(|a, b| a < b));
        let budget_ns = crate::policy::Policy::default().timeout_ns();
        assert!(BOUNDS_NS.contains(&budget_ns));
    }

    #[test]
    fn a_percentile_is_readable_where_it_is_looked_at() {
        for [low, high] in BOUNDS_NS.array_windows() {
            let looked_at = (2_000..10_000).contains(low) || (12_000_000..18_000_000).contains(low);
            assert!(!looked_at || high * 3 <= low * 4, "{low} to {high} ns");
        }
    }
}
