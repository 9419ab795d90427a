//! Quantiles of durations that are known by bucket only.

use crate::metrics::HistogramSnapshot;

/// The quantiles that are shown, by their names.
pub(super) const SHOWN: [(&str, f64); 3] = [("p50_ns", 0.5), ("p99_ns", 0.99), ("p999_ns", 0.999)];

/// [`SHOWN`] of one interval, in nanoseconds; none if nothing was measured.
pub(super) type Quantiles = [Option<u64>; SHOWN.len()];

/// Quantiles of what a histogram was given between two readings.
pub(super) fn between(
    before: Option<&HistogramSnapshot>,
    after: Option<&HistogramSnapshot>,
) -> Quantiles {
    let Some(after) = after else {
        return Quantiles::default();
    };
    let before = |bucket: usize| before.and_then(|before| before.counts.get(bucket));
    let counts = after.counts.iter().enumerate();
    let counts: Vec<u64> = counts
        .map(|(bucket, count)| count.saturating_sub(*before(bucket).unwrap_or(&0)))
        .collect();
    SHOWN.map(|(_, quantile)| estimate(quantile, after.bounds_ns, &counts))
}

/// What Prometheus' `histogram_quantile` says: as if the durations of a bucket were spread evenly over it. What is above
/// all bounds counts as the highest of them.
fn estimate(quantile: f64, bounds_ns: &[u64], counts: &[u64]) -> Option<u64> {
    let rank = quantile * float(counts.iter().sum());
    let mut below = 0;
    let mut lower = 0;
    for (bound, count) in bounds_ns.iter().zip(counts) {
        if *count > 0 && float(below + count) >= rank {
            let part = (rank - float(below)) / float(*count);
            return Some(whole(float(lower) + part * float(bound - lower)));
        }
        below += count;
        lower = *bound;
    }
    (rank > 0.0).then_some(lower)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "calls of seconds, and times of seconds in ns: below 2^53"
)]
const fn float(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between two bounds, which are numbers of this type"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: &[u64] = &[1_000, 2_000, 5_000, 10_000];

    fn quantile(quantile: f64, counts: &[u64]) -> Option<u64> {
        estimate(quantile, BOUNDS, counts)
    }

    #[test]
    fn durations_lie_evenly_in_their_bucket() {
        assert_eq!(quantile(0.5, &[0, 10, 0, 0, 0]), Some(1_500));
        assert_eq!(quantile(0.5, &[10, 10, 0, 0, 0]), Some(1_000));
        assert_eq!(quantile(0.75, &[10, 10, 0, 0, 0]), Some(1_500));
        assert_eq!(quantile(0.99, &[100, 0, 0, 0, 0]), Some(990));
        assert_eq!(quantile(0.5, &[1, 0, 2, 0, 0]), Some(2_750));
    }

    #[test]
    fn what_is_above_all_bounds_counts_as_the_highest() {
        assert_eq!(quantile(0.99, &[1, 0, 0, 0, 99]), Some(10_000));
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(quantile(0.5, &[0; 5]), None);
        assert_eq!(between(None, None), [None; 3]);
    }

    #[test]
    fn what_was_there_before_does_not_count() {
        let snapshot = |counts: [u64; 5]| HistogramSnapshot {
            bounds_ns: BOUNDS,
            counts: std::array::from_fn(|bucket| *counts.get(bucket).unwrap_or(&0)),
            sum_ns: 0,
        };
        let before = snapshot([0, 0, 0, 500, 7]);
        let after = snapshot([10, 0, 0, 500, 7]);
        assert_eq!(between(Some(&before), Some(&after))[0], Some(500));
        assert_eq!(between(Some(&after), Some(&after)), [None; 3]);
        assert_eq!(between(None, Some(&before))[0], Some(7_535));
    }

    /// How many durations do not exceed `ns`, if those of a bucket lie evenly over it: what a quantile is the
    /// inverse of. Those above all bounds are nowhere.
    fn not_above(ns: f64, counts: &[u64]) -> f64 {
        let mut lower = 0.0;
        let mut sum = 0.0;
        for (bound, count) in BOUNDS.iter().zip(counts) {
            let bound = float(*bound);
            sum += float(*count) * ((ns - lower) / (bound - lower)).clamp(0.0, 1.0);
            lower = bound;
        }
        sum
    }

    proptest! {
        #[test]
        fn a_quantile_is_the_least_duration_that_so_many_do_not_exceed(
            counts in prop::collection::vec(0..40_u64, 5),
            part in 0.01..1.0_f64,
        ) {
            let total: u64 = counts.iter().sum();
            let within: u64 = counts[..BOUNDS.len()].iter().sum();
            let Some(found) = quantile(part, &counts).map(float) else {
                prop_assert_eq!(total, 0);
                return Ok(());
            };
            let rank = part * float(total);
            if rank > float(within) {
                prop_assert_eq!(whole(found), BOUNDS[BOUNDS.len() - 1]);
                return Ok(());
            }
            // A nanosecond holds at most 40 durations of 1000 ns.
            let (below, up_to) = (not_above(found - 1.0, &counts), not_above(found, &counts));
            prop_assert!((up_to - rank).abs() < 0.04, "{up_to} of {rank} at {found}");
            prop_assert!(below < rank, "{below} of {rank} below {found}");
        }
    }
}
