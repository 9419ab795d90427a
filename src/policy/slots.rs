//! Gates by number, for those who count and record them: settled when the policy is loaded.

use std::sync::Arc;

use super::Policy;

/// The number of a gate. Those that are built in have the same one in every policy, in the order of
/// [`Policy::known_gates`]; a policy's own follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateSlot(u16);

impl GateSlot {
    /// The position among [`Policy::known_gates`]; none for a policy's own gate.
    #[must_use]
    pub fn built_in(self) -> Option<usize> {
        let position = usize::from(self.0);
        (position < built_in()).then_some(position)
    }

    /// From 0: what is built in, then a policy's own.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The gate of a number that [`Self::number`] gave.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }
}

fn built_in() -> usize {
    Policy::known_gates().count()
}

/// The names of the gates that are a policy's own, each once, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct OwnGates(Vec<Arc<str>>);

impl OwnGates {
    /// The number of a gate; an own gate that has none gets the next.
    pub(super) fn slot(&mut self, name: &Arc<str>) -> GateSlot {
        let known = Policy::known_gates().position(|known| *known == **name);
        let position = known.unwrap_or_else(|| built_in() + self.position(name));
        // GATES_MAX gates in each of OVERRIDES_MAX overrides and the policy itself: some eight thousand at most.
        GateSlot(u16::try_from(position).unwrap_or(u16::MAX))
    }

    fn position(&mut self, name: &Arc<str>) -> usize {
        let known = self.0.iter().position(|own| own == name);
        known.unwrap_or_else(|| {
            self.0.push(Arc::clone(name));
            self.0.len() - 1
        })
    }

    pub(super) fn name(&self, slot: GateSlot) -> Option<&str> {
        let position = usize::from(slot.0).checked_sub(built_in())?;
        self.0.get(position).map(|name| &**name)
    }
}
