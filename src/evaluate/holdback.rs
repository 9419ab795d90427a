//! Which evaluations are held back from enforcement.

/// A sequence of percentiles, spread so evenly that of any run of evaluations a gate holds back its share, give or take
/// a few.
///
/// It takes no clock and no randomness: multiples of the golden ratio, without their whole parts, fill the unit interval
/// evenly. So does every n-th of them, and a bidder that asks for its exchanges in turn has the same share of each held
/// back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holdback {
    /// A fraction of 1, in units of 2^-64.
    phase: u64,
}

impl Holdback {
    pub(super) const fn seeded(phase: u64) -> Self {
        Self { phase }
    }

    /// The percentile of the next evaluation, 0 to 99. Gates that hold back more than this hold it back.
    pub(super) const fn next(&mut self) -> u64 {
        self.phase = self.phase.wrapping_add(GOLDEN_RATIO);
        ((self.phase >> 32) * 100) >> 32
    }
}

/// The fractional part of the golden ratio, in units of 2^-64; odd, so that every phase is visited.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_is_kept_over_any_run_and_any_stride() {
        for (seed, stride) in [(0, 1), (u64::MAX, 2), (7, 3), (1 << 40, 100)] {
            let mut holdback = Holdback::seeded(seed);
            let mut below = [0_i64; 101];
            for evaluations in 1..=10_000_i64 {
                let percentile = (0..stride).map(|_| holdback.next()).last().unwrap();
                for (percent, below) in (0..).zip(&mut below) {
                    *below += i64::from(percentile < percent);
                }
                for (percent, below) in (0..).zip(below) {
                    let off_by = (below * 100 - percent * evaluations).abs();
                    assert!(off_by <= 800, "{percent} % of {evaluations}: {below}");
                }
            }
            assert_eq!((below[0], below[100]), (0, 10_000));
        }
    }
}
