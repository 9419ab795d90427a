//! Which evaluations are traced.

use crate::telemetry::TraceParent;

/// Decides by the caller's word, or by the trace's number, so that all who see a trace decide alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Traces of which the lower half of the number is below this, in units of 2^-63, are sampled.
    bound: u64,
    /// Whether a caller that is part of a trace has decided already.
    parent_decides: bool,
}

impl Sampler {
    /// The caller decides; of traces that begin here, a share is sampled.
    pub(super) const fn parent_or(Ratio(bound): Ratio) -> Self {
        Self {
            bound,
            parent_decides: true,
        }
    }

    /// Reads `OTEL_TRACES_SAMPLER`; `ratio` is what [`Ratio::read`] makes of `OTEL_TRACES_SAMPLER_ARG`.
    pub(super) fn named(name: &str, ratio: Ratio) -> Option<Self> {
        let (root, parent_decides) = match name.strip_prefix("parentbased_") {
            Some(root) => (root, true),
            None => (name, false),
        };
        let Ratio(bound) = match root {
            "always_on" => Ratio::ALL,
            "always_off" => Ratio::NONE,
            "traceidratio" => ratio,
            _ => return None,
        };
        Some(Self {
            bound,
            parent_decides,
        })
    }

    /// Whether a trace is sampled.
    #[must_use]
    pub fn samples(&self, trace_id: u128, parent: Option<TraceParent>) -> bool {
        match parent {
            Some(parent) if self.parent_decides => parent.is_sampled(),
            _ => lower_half(trace_id) >> 1 < self.bound,
        }
    }
}

fn lower_half(trace_id: u128) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = trace_id.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A share of all traces, in units of 2^-63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio(u64);

impl Ratio {
    const ALL: Self = Self(1 << 63);
    const NONE: Self = Self(0);
    /// One in a thousand: a bidder judges thousands of auctions a second, and a trace is some kilobytes.
    pub(super) const DEFAULT: Self = Self((1 << 63) / 1000);

    /// Reads a number from 0 to 1.
    pub(super) fn read(text: &str) -> Option<Self> {
        let ratio: f64 = text.parse().ok()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "from 0 to 2^63, both exact"
        )]
        let bound = (ratio * Self::ALL.0 as f64) as u64;
        (0.0..=1.0).contains(&ratio).then_some(Self(bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn parent(flags: u8) -> TraceParent {
        TraceParent {
            trace_id: 1,
            parent_id: 1,
            flags,
        }
    }

    #[test]
    fn a_ratio_samples_its_share() {
        for (text, share) in [
            ("0", 0),
            ("0.25", 250),
            ("0.5", 500),
            ("1", 1000),
            ("1.0", 1000),
        ] {
            let sampler = Sampler::named("traceidratio", Ratio::read(text).unwrap()).unwrap();
            let spread = (0..1000_u128).map(|n| (2 * n + 1) * u128::from(u64::MAX / 2000));
            let sampled = spread.filter(|trace_id| sampler.samples(*trace_id, None));
            assert_eq!(sampled.count(), share, "{text}");
        }
    }

    #[test]
    fn what_is_no_share_is_none() {
        for text in ["", "-0.1", "1.1", "NaN", "inf", "half"] {
            assert_eq!(Ratio::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_parent_decides_if_it_is_asked() {
        let asked = Sampler::named("parentbased_always_off", Ratio::ALL).unwrap();
        assert!(asked.samples(1, Some(parent(1))) && !asked.samples(1, None));
        let asked = Sampler::named("parentbased_always_on", Ratio::NONE).unwrap();
        assert!(!asked.samples(1, Some(parent(0))) && asked.samples(1, None));
        let not_asked = Sampler::named("always_off", Ratio::ALL).unwrap();
        assert!(!not_asked.samples(1, Some(parent(1))));
        assert_eq!(Sampler::named("jaeger_remote", Ratio::ALL), None);
        assert_eq!(Sampler::named("parentbased_", Ratio::ALL), None);
    }

    #[test]
    fn the_default_is_one_in_a_thousand() {
        assert_eq!(
            Ratio::DEFAULT.0 / 1_000_000,
            Ratio::read("0.001").unwrap().0 / 1_000_000
        );
    }
}
