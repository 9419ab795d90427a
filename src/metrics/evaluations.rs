//! Evaluations by caller and verdict, of all workers together.

use std::collections::BTreeMap;

use super::Metrics;
use crate::callers::CallerId;
use crate::verdict::Verdict;

/// One reading. Callers are told apart by their names: two numbers may stand for the same
/// ([`crate::callers::Callers::intern`]), and a caller may be called `other`.
pub(super) struct Evaluations<'m>(BTreeMap<Caller<'m>, ByVerdict>);

/// `agent_id` and `tool`.
type Caller<'m> = (&'m str, &'m str);
type ByVerdict = [u64; Verdict::ALL.len()];

impl<'m> Evaluations<'m> {
    pub(super) fn read(metrics: &'m Metrics) -> Self {
        let mut callers = BTreeMap::new();
        for caller in (0..CallerId::COUNT).map(CallerId::from_index) {
            let counted = Verdict::ALL.map(|verdict| metrics.evaluations(caller, verdict));
            if counted != ByVerdict::default() {
                let names = metrics.callers.names(caller);
                add(callers.entry(names).or_default(), &counted);
            }
        }
        Self(callers)
    }

    pub(super) fn total(&self) -> impl Iterator<Item = (Verdict, u64)> {
        let mut total = ByVerdict::default();
        for counted in self.0.values() {
            add(&mut total, counted);
        }
        Verdict::ALL.into_iter().zip(total)
    }

    /// Every verdict of everybody who has called, also those never given: what appears out of nothing has no rate.
    pub(super) fn by_caller(&self) -> impl Iterator<Item = (Caller<'m>, Verdict, u64)> {
        self.0.iter().flat_map(|(caller, counted)| {
            let (caller, counted) = (*caller, Verdict::ALL.into_iter().zip(*counted));
            counted.map(move |(verdict, count)| (caller, verdict, count))
        })
    }
}

fn add(sum: &mut ByVerdict, counted: &ByVerdict) {
    for (sum, count) in sum.iter_mut().zip(counted) {
        *sum += count;
    }
}
