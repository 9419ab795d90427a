//! What the gates enforce: a document for people, compiled into rules for the hot path.
//!
//! A policy is one [`RuleSet`], and one more for each of its overrides: what differs for some agents and tools is
//! worked out when the policy is loaded, and an evaluation picks its rules in one lookup.

mod known;
mod overrides;
mod rules;
mod selection;
mod slots;

use std::fmt;
use std::sync::Arc;

pub(crate) use rules::RuleSet;
pub use slots::GateSlot;

use crate::document::{Document, Effective, Problems, Section};
use crate::gate::{GATES, Row, TmaxGuard};
use known::KnownGates;
use overrides::Overrides;
use slots::OwnGates;

/// Compiled rules: immutable, shared by all workers, replaced whole.
pub struct Policy {
    /// Of calls that no override matches.
    pub(crate) base: RuleSet,
    overrides: Overrides,
    own_gates: OwnGates,
    effective: Effective,
    digest: u64,
    version: String,
}

impl Policy {
    /// Compiles a policy document (the mapping below `policy:` of spec: contract §5).
    ///
    /// # Errors
    /// Every problem of the document, each with its place and path.
    pub fn from_yaml(text: &str, origin: &str) -> Result<Self, Problems> {
        Self::from_yaml_with(text, origin, &[])
    }

    /// Compiles a policy document that may name gates which the program brings along.
    ///
    /// # Errors
    /// Every problem of the document, and a row whose name is not one for a gate of one's own.
    pub fn from_yaml_with(text: &str, origin: &str, rows: &[Row]) -> Result<Self, Problems> {
        Document::parse(text, origin)?.read(|section| Self::compile_with(section, rows))
    }

    /// JSON Schema of a policy document. It knows keys, types, words and ranges; that a gate does not stand twice, say,
    /// only [`Self::from_yaml`] knows.
    #[must_use]
    pub fn schema() -> Effective {
        Document::schema("bidgate policy", Self::compile)
    }

    /// Compiles the mapping, recording what is wrong in it.
    pub fn compile(section: &mut Section) -> Self {
        Self::compile_with(section, &[])
    }

    /// Compiles a mapping that may name gates which the program brings along.
    pub fn compile_with(section: &mut Section, rows: &[Row]) -> Self {
        let gates = KnownGates::new(rows, section);
        let mut base = RuleSet::compile(section, gates);
        let mut overrides = Overrides::compile(section, gates);
        let mut own_gates = OwnGates::default();
        for rules in overrides.all_mut().chain([&mut base]) {
            rules.number(&mut own_gates);
        }
        let effective = section.effective();
        let digest = effective.digest();
        Self {
            base,
            overrides,
            own_gates,
            effective,
            digest,
            version: version(digest),
        }
    }

    /// The rules for a call: those of the first override that matches it, else the policy's own.
    pub(crate) fn rules(&self, agent_id: &str, tool: &str) -> &RuleSet {
        self.overrides.rules(agent_id, tool).unwrap_or(&self.base)
    }

    /// The same rules without `timeout_ms` and `holdback`: for judging where no bidder waits, and where the same
    /// auction is to get the same answer each time.
    #[must_use]
    pub(crate) fn offline(mut self) -> Self {
        for rules in self.overrides.all_mut().chain([&mut self.base]) {
            rules.take_offline();
        }
        self
    }

    /// The same rules with what only warns enforced, to see what it would reject; None when nothing only warns.
    #[must_use]
    pub(crate) fn rehearsal(mut self) -> Option<Self> {
        let mut warns = false;
        for rules in self.overrides.all_mut().chain([&mut self.base]) {
            warns |= rules.warns();
            rules.rehearse();
        }
        warns.then_some(self)
    }

    /// The names of the gates that judge calls without an override, in the order of a reply: `tmaxGuard` first, then
    /// in policy order.
    #[must_use]
    pub fn gate_names(&self) -> &[Arc<str>] {
        self.base.names()
    }

    /// The time that an evaluation of a call without an override may take, in nanoseconds.
    #[must_use]
    pub const fn timeout_ns(&self) -> u64 {
        self.base.timeout_ns
    }

    /// The names of all gates that any policy can have: `tmaxGuard`, then in their default order.
    pub fn known_gates() -> impl Iterator<Item = &'static str> {
        std::iter::once(TmaxGuard::NAME).chain(GATES.iter().map(|row| row.name))
    }

    /// The document with its defaults filled in, its overrides merged.
    #[must_use]
    pub const fn effective(&self) -> &Effective {
        &self.effective
    }

    /// What of the effective document judges a call: that of the first override that matches it, else the whole one.
    #[must_use]
    pub fn effective_for(&self, agent_id: &str, tool: &str) -> &Effective {
        self.overrides
            .position(agent_id, tool)
            .and_then(|position| self.effective.get(overrides::KEY)?.items().get(position))
            .unwrap_or(&self.effective)
    }

    /// The name of a gate by its number; none for a number that this policy has not given.
    #[must_use]
    pub fn gate_name(&self, slot: GateSlot) -> Option<&str> {
        match slot.built_in() {
            Some(position) => Self::known_gates().nth(position),
            None => self.own_gates.name(slot),
        }
    }

    /// Digest of the effective document: policies of one version judge alike. 16 hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The number that [`Self::version`] writes.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }
}

/// How a digest is written.
#[must_use]
pub fn version(digest: u64) -> String {
    format!("{digest:016x}")
}

impl Default for Policy {
    /// Every gate of the default policy with its defaults, in the order of [`GATES`] behind [`TmaxGuard`].
    fn default() -> Self {
        Document::defaults(Self::compile)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("version", &self.version)
            .field("gates", &self.base.names())
            .finish_non_exhaustive()
    }
}
