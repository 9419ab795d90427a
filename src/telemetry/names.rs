//! What gates are called: a record has their numbers only.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::policy::{GateSlot, Policy};

/// The names of the gates that are built in, and of the own gates of recent policies.
///
/// Who replaces the policy adds to it; the telemetry thread reads it. Workers do neither.
#[derive(Debug)]
pub struct GateNames {
    built_in: Box<[&'static str]>,
    recent: ArcSwap<Recent>,
}

/// The latest first.
#[derive(Debug)]
struct Recent(Vec<OwnGates>);

/// The own gates of one policy.
#[derive(Clone, Debug)]
struct OwnGates {
    /// Digest.
    policy: u64,
    names: Arc<[Box<str>]>,
}

impl GateNames {
    /// The names that a policy and those to come need.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self {
            built_in: Policy::known_gates().collect(),
            recent: ArcSwap::from_pointee(Recent(vec![OwnGates::of(policy)])),
        }
    }

    /// Adds the names of a policy that is about to judge. The policies before it are remembered for a while, because
    /// records of theirs may be on their way.
    pub fn add(&self, policy: &Policy) {
        let mut recent = self.recent.load().0.clone();
        recent.retain(|own| own.policy != policy.digest());
        recent.truncate(POLICIES - 1);
        recent.insert(0, OwnGates::of(policy));
        self.recent.store(Arc::new(Recent(recent)));
    }

    /// The digest of the policy that was added last.
    pub(super) fn latest(&self) -> u64 {
        self.recent.load().0.first().map_or(0, |own| own.policy)
    }

    /// The names as they are now: enough for every record that is there by now.
    pub(super) fn now(&self) -> NamesNow<'_> {
        NamesNow {
            built_in: &self.built_in,
            recent: self.recent.load(),
        }
    }
}

/// Policies whose gates have names: minutes of somebody who saves the file every other second.
const POLICIES: usize = 32;

impl OwnGates {
    fn of(policy: &Policy) -> Self {
        let first = u16::try_from(Policy::known_gates().count()).unwrap_or(u16::MAX);
        let names = (first..=u16::MAX)
            .map_while(|number| policy.gate_name(GateSlot::from_number(number)))
            .map(Box::from);
        Self {
            policy: policy.digest(),
            names: names.collect(),
        }
    }
}

/// The names at one moment.
#[derive(Debug)]
pub(super) struct NamesNow<'n> {
    built_in: &'n [&'static str],
    recent: Guard<Arc<Recent>>,
}

impl NamesNow<'_> {
    /// The name of a gate of a policy.
    pub(super) fn name(&self, policy: u64, slot: GateSlot) -> &str {
        let number = usize::from(slot.number());
        match self.built_in.get(number) {
            Some(name) => name,
            None => self
                .own(policy, number - self.built_in.len())
                .unwrap_or(CUSTOM),
        }
    }

    fn own(&self, policy: u64, position: usize) -> Option<&str> {
        let own = self.recent.0.iter().find(|own| own.policy == policy)?;
        own.names.get(position).map(|name| &**name)
    }
}

/// A gate of a policy that was forgotten, by the name that metrics have for all of its kind.
const CUSTOM: &str = "custom";

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(number: usize) -> Policy {
        let text = format!("gates: [{{name: own{number}, expression: 'bid.price < {number}'}}]");
        Policy::from_yaml(&text, "t").unwrap()
    }

    #[test]
    fn own_gates_have_names_until_their_policy_is_forgotten() {
        let policies: Vec<_> = (1..POLICIES + 2).map(policy).collect();
        let names = GateNames::new(&policies[0]);
        let own = policies[0].base.slots()[0];
        let name = |policy: &Policy| names.now().name(policy.digest(), own).to_owned();
        assert_eq!(name(&policies[0]), "own1");
        for policy in &policies[1..] {
            assert_eq!(name(policy), "custom");
            names.add(policy);
        }
        assert_eq!(names.latest(), policies[POLICIES].digest());
        assert_eq!(name(&policies[0]), "custom");
        assert_eq!(name(&policies[1]), "own2");
        names.add(&policies[1]);
        assert_eq!(names.latest(), policies[1].digest());
        assert_eq!(name(&policies[2]), "own3");
        assert_eq!(names.now().name(0, GateSlot::from_number(0)), "tmaxGuard");
    }
}
