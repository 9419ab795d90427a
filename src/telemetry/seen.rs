//! A record as those see it who make something of it: with names in place of numbers.

use std::fmt;

use super::names::{GateNames, NamesNow};
use super::record::{Record, is_notable};
use super::trace_parent::TraceParent;
use crate::callers::Callers;
use crate::policy::version;
use crate::verdict::{GateOutcome, Verdict};
use crate::wire::EvaluationId;

/// One recorded evaluation.
#[derive(Debug)]
pub struct Seen<'s> {
    record: &'s Record,
    callers: &'s Callers,
    names: NamesNow<'s>,
}

/// What one gate did in it.
#[derive(Clone, Copy, Debug)]
pub struct SeenGate<'s> {
    /// Its name.
    pub name: &'s str,
    /// How it ended.
    pub outcome: GateOutcome,
}

impl<'s> Seen<'s> {
    pub(super) fn new(record: &'s Record, callers: &'s Callers, names: &'s GateNames) -> Self {
        Self {
            record,
            callers,
            names: names.now(),
        }
    }

    /// As in the reply.
    #[must_use]
    pub const fn evaluation_id(&self) -> EvaluationId {
        self.record.id
    }

    /// Who asked; `other` when there are too many to tell apart.
    #[must_use]
    pub fn agent_id(&self) -> &str {
        self.callers.names(self.record.caller).0
    }

    /// For which integration; `other` when there are too many to tell apart.
    #[must_use]
    pub fn tool(&self) -> &str {
        self.callers.names(self.record.caller).1
    }

    /// The answer as a whole.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.record.verdict
    }

    /// As in the reply.
    #[must_use]
    pub const fn passed(&self) -> bool {
        !matches!(self.record.verdict, Verdict::Fail | Verdict::Error)
    }

    /// True when something went wrong, also if it was only warned of.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        let outcomes = self.record.gates.iter().map(|(_, outcome)| outcome);
        is_notable(self.record.verdict, outcomes)
    }

    /// When the call arrived, microseconds since the Unix epoch.
    #[must_use]
    pub const fn arrived_unix_us(&self) -> u64 {
        self.record.arrived_unix_us
    }

    /// Wall clock of the evaluation, nanoseconds.
    #[must_use]
    pub const fn total_ns(&self) -> u64 {
        self.record.total_ns
    }

    /// Digest of the policy that judged.
    #[must_use]
    pub fn policy_version(&self) -> String {
        version(self.record.policy)
    }

    /// The number that [`Self::policy_version`] writes.
    pub(super) const fn policy(&self) -> u64 {
        self.record.policy
    }

    /// Where in a trace the call stands, if it says so.
    #[must_use]
    pub const fn trace_parent(&self) -> Option<TraceParent> {
        self.record.trace_parent
    }

    /// The gates in the order of the reply; none with [`Verdict::Error`].
    pub fn gates(&self) -> impl Iterator<Item = SeenGate<'_>> {
        self.record.gates.iter().map(|(slot, outcome)| SeenGate {
            name: self.names.name(self.record.policy, *slot),
            outcome: *outcome,
        })
    }
}

/// One who is told of evaluations on the telemetry thread, one after another. Whoever takes long holds up the batches.
pub struct Listener {
    /// What it is told of.
    pub hears: Hears,
    /// What it does then.
    pub tell: Box<dyn FnMut(&Seen<'_>) + Send>,
}

/// Which evaluations somebody wants to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hears {
    /// Those in which something went wrong: failed, not judged, or warned of.
    Notable,
    /// All.
    All,
}

impl Listener {
    pub(super) fn hear(&mut self, seen: &Seen<'_>) {
        if self.hears == Hears::All || seen.is_notable() {
            (self.tell)(seen);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("hears", &self.hears)
            .finish_non_exhaustive()
    }
}
