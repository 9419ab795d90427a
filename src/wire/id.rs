//! Names of evaluations.

/// Names one evaluation, across restarts and replicas: random bits, then a count. 32 hexadecimal digits in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationId(pub u128);

/// Gives ids that nobody else gives, as long as `random` differs.
#[derive(Debug)]
pub struct EvaluationIds {
    random: u64,
    count: u64,
}

impl EvaluationIds {
    /// `random` is 64 bits that the system drew for this worker and no other.
    #[must_use]
    pub const fn new(random: u64) -> Self {
        Self { random, count: 0 }
    }

    /// The next id.
    pub fn next_id(&mut self) -> EvaluationId {
        self.count = self.count.wrapping_add(1);
        EvaluationId(u128::from(self.random) << 64 | u128::from(self.count))
    }
}

/// The output function of `SplitMix64`: different numbers stay different, and their bits look random. Whoever samples by
/// ids mixes them first, for those of one worker are in sequence.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::EvaluationIds;

    #[test]
    fn ids_differ_within_and_between_workers() {
        let (mut one, mut other) = (EvaluationIds::new(7), EvaluationIds::new(8));
        let ids = [
            one.next_id(),
            one.next_id(),
            other.next_id(),
            other.next_id(),
        ];
        let distinct: std::collections::BTreeSet<_> = ids.iter().map(|id| id.0).collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
