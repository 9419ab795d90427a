//! The policy that judges, replaced whole while calls are judged.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::clock::Moment;
use crate::document::{Problems, visible};
use crate::policy::Policy;
use crate::telemetry::GateNames;

/// The policy that judges, and what became of the attempts to replace it.
///
/// A worker borrows the policy for one call by a note in a slot of its own thread ([`arc_swap`]): it takes no lock,
/// waits for nobody and writes nothing that another worker reads. One thread at a time replaces or refuses.
#[derive(Debug)]
pub struct LivingPolicy {
    judging: ArcSwap<Policy>,
    gate_names: Arc<GateNames>,
    standing: ArcSwap<Standing>,
}

/// How things stand, for those who look on.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) policy: Arc<Policy>,
    /// Since when it judges.
    pub(super) loaded: Moment,
    /// Policies that took the place of another.
    pub(super) reloads: u64,
    /// Attempts that left the policy in its place.
    pub(super) refusals: u64,
    /// The latest attempt, if it was refused.
    pub(super) refused: Option<Refused>,
    /// Kept until the next one, so that no worker is the last to hold a policy and has to take it apart.
    #[expect(dead_code, reason = "held for its drop")]
    predecessor: Option<Arc<Policy>>,
}

/// An attempt to replace the policy that failed.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// UTC, ISO 8601.
    pub(super) at: String,
    problems: Problems,
}

impl LivingPolicy {
    /// A policy that judges from this moment on.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let policy = Arc::new(policy);
        Self {
            gate_names: Arc::new(GateNames::new(&policy)),
            judging: ArcSwap::new(Arc::clone(&policy)),
            standing: ArcSwap::from_pointee(Standing {
                policy,
                loaded: Moment::now(),
                reloads: 0,
                refusals: 0,
                refused: None,
                predecessor: None,
            }),
        }
    }

    /// Lets another policy judge all calls that are not yet being judged.
    pub fn replace(&self, policy: Policy) {
        let policy = Arc::new(policy);
        // Before the first record of it.
        self.gate_names.add(&policy);
        let predecessor = self.judging.swap(Arc::clone(&policy));
        let before = self.standing.load();
        self.standing.store(Arc::new(Standing {
            policy,
            loaded: Moment::now(),
            reloads: before.reloads + 1,
            refusals: before.refusals,
            refused: None,
            predecessor: Some(predecessor),
        }));
    }

    /// Leaves the policy in its place, and remembers why.
    pub fn refuse(&self, problems: Problems) {
        let mut standing = Standing::clone(&self.standing.load());
        standing.refusals += 1;
        standing.refused = Some(Refused {
            at: Moment::now().at,
            problems,
        });
        self.standing.store(Arc::new(standing));
    }

    /// The digest of the policy that judges.
    #[must_use]
    pub fn version(&self) -> String {
        self.load().version().to_owned()
    }

    /// The policy for one call.
    pub(super) fn load(&self) -> Guard<Arc<Policy>> {
        self.judging.load()
    }

    /// What its gates and those of its predecessors are called.
    pub(super) const fn gate_names(&self) -> &Arc<GateNames> {
        &self.gate_names
    }

    pub(super) fn standing(&self) -> Arc<Standing> {
        self.standing.load_full()
    }
}

impl Refused {
    /// One problem a line, without anything that would break one, and a last line for those that are too many.
    pub(super) fn lines(&self) -> Vec<String> {
        let Problems(problems) = &self.problems;
        let shown = problems.iter().take(PROBLEMS_SHOWN);
        let more = problems.len().saturating_sub(PROBLEMS_SHOWN);
        let more = (more > 0)
            .then(|| format!("and {more} more: `bidgate policy validate` tells all of them"));
        shown
            .map(|problem| visible(&problem.to_string()))
            .chain(more)
            .collect()
    }
}

/// Somebody who has mended these tries again.
const PROBLEMS_SHOWN: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Problem;

    #[test]
    fn a_refusal_stands_until_a_policy_is_accepted() {
        let living = LivingPolicy::new(Policy::default());
        let version = living.load().version().to_owned();
        living.refuse(Problem::new("f:1:1", "a\nb", "c").into());
        let standing = living.standing();
        assert_eq!(
            standing.refused.as_ref().unwrap().lines(),
            ["f:1:1: a\\nb: c"]
        );
        assert_eq!((standing.reloads, standing.refusals), (0, 1));
        assert_eq!(living.load().version(), version);
        living.replace(Policy::from_yaml("fail_fast: false", "t").unwrap());
        let standing = living.standing();
        assert!(standing.refused.is_none());
        assert_eq!((standing.reloads, standing.refusals), (1, 1));
        assert_ne!(living.load().version(), version);
    }
}
