//! The gates with their options, as they judge one call.

use std::sync::Arc;

use super::known::{KnownGates, NAME_PATTERN, NAMES};
use super::slots::{GateSlot, OwnGates};
use crate::document::{NamedList, Section};
use crate::gate::{Expression, GATES, Gate, Mode, Row, TmaxGuard};
use crate::limits::GATES_MAX;
use crate::openrtb::{Fields, Wanted};
use crate::verdict::GateMode;

/// What judges a call: of a policy, or of one of its overrides.
#[derive(Debug)]
pub(crate) struct RuleSet {
    /// Whether the first failed gate ends the evaluation.
    pub(crate) fail_fast: bool,
    /// The evaluation's budget from the moment its message is complete, nanoseconds.
    pub(crate) timeout_ns: u64,
    /// Runs first, whatever its place in the document.
    pub(crate) tmax_guard: Option<TmaxGuard>,
    /// The gates that judge bids, in the order in which they run.
    pub(crate) gates: Vec<Box<dyn Gate>>,
    /// What they read of the payloads.
    pub(crate) wanted: Wanted,
    /// Of all gates, tmaxGuard first.
    names: Vec<Arc<str>>,
    /// Likewise.
    slots: Vec<GateSlot>,
    /// Likewise.
    rollouts: Vec<Rollout>,
}

/// The gates of a document: a list of mappings, each with a name. Absent is every gate of the default policy.
pub(super) const GATE_LIST: NamedList = NamedList {
    key: "gates",
    name: "name",
};

impl RuleSet {
    /// Compiles a mapping with `fail_fast`, `timeout_ms` and `gates`, recording what is wrong in it.
    pub(super) fn compile(section: &mut Section, known: KnownGates<'_>) -> Self {
        let fail_fast = section.flag("fail_fast", true);
        let timeout_ms = section.integer("timeout_ms", 15, 1..=60_000);
        let mut compiling = Compiling::new(known);
        section.list(GATE_LIST.key, &default_gates(), |gate| compiling.gate(gate));
        if compiling.listed.len() > GATES_MAX {
            section.reject(GATE_LIST.key, &format!("more than {GATES_MAX} gates"));
        }
        let Compiling {
            fields,
            guard,
            gates,
            names,
            rollouts,
            ..
        } = compiling;
        let rolled_out = guard.map(|(_, rollout)| (TmaxGuard::NAME.into(), rollout));
        let (names, rollouts) = rolled_out
            .into_iter()
            .chain(names.into_iter().zip(rollouts))
            .unzip();
        Self {
            fail_fast,
            timeout_ns: timeout_ms * 1_000_000,
            wanted: Wanted::new(fields),
            tmax_guard: guard.map(|(guard, _)| guard),
            gates,
            names,
            slots: Vec::new(),
            rollouts,
        }
    }

    /// Gives each gate its number.
    pub(super) fn number(&mut self, own_gates: &mut OwnGates) {
        self.slots = self.names.iter().map(|name| own_gates.slot(name)).collect();
    }

    /// The names of its gates in the order of a reply: `tmaxGuard` first, then in policy order.
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The numbers of its gates, in the same order.
    pub(crate) fn slots(&self) -> &[GateSlot] {
        &self.slots
    }

    /// The mode in which the gate at `position` judges an evaluation of this percentile.
    pub(crate) fn mode(&self, position: usize, percentile: u64) -> GateMode {
        self.rollouts
            .get(position)
            .map_or(GateMode::Enforce, |rollout| rollout.mode(percentile))
    }

    /// Lifts what depends on the time or on the evaluations before.
    pub(super) fn take_offline(&mut self) {
        self.timeout_ns = u64::MAX;
        for rollout in &mut self.rollouts {
            rollout.holdback_percent = 0;
        }
    }

    /// Whether a gate that judges bids only warns.
    pub(super) fn warns(&self) -> bool {
        let guard = usize::from(self.tmax_guard.is_some());
        self.rollouts.iter().skip(guard).any(|rollout| rollout.warn)
    }

    /// Enforces every gate that judges bids and lets each have its word. What `tmaxGuard` rejects the others would not
    /// see, so it stays as it is.
    pub(super) fn rehearse(&mut self) {
        self.fail_fast = false;
        let guard = usize::from(self.tmax_guard.is_some());
        for rollout in self.rollouts.iter_mut().skip(guard) {
            rollout.warn = false;
        }
    }
}

/// The gates of a document that lists none, by key and name.
pub(super) fn default_gates() -> Vec<(&'static str, &'static str)> {
    std::iter::once(TmaxGuard::NAME)
        .chain(
            GATES
                .iter()
                .filter(|row| row.by_default)
                .map(|row| row.name),
        )
        .map(|name| (GATE_LIST.name, name))
        .collect()
}

/// On which evaluations a gate is enforced; on the others it warns.
#[derive(Clone, Copy, Debug)]
struct Rollout {
    warn: bool,
    holdback_percent: u64,
}

impl Rollout {
    /// None when the gate is off. The gate's options are read either way, so that their mistakes are found before
    /// somebody turns it on.
    fn compile(options: &mut Section, default: Mode) -> Option<Self> {
        let modes = [
            ("off", Mode::Off),
            ("warn", Mode::Warn),
            ("enforce", Mode::Enforce),
        ];
        let mode = options.choice("mode", &modes, default);
        let rollout = Self {
            warn: mode == Mode::Warn,
            holdback_percent: options.integer("holdback", 0, 0..=100),
        };
        (mode != Mode::Off).then_some(rollout)
    }

    const fn mode(self, percentile: u64) -> GateMode {
        if self.warn {
            GateMode::Warn
        } else if percentile < self.holdback_percent {
            GateMode::Holdback
        } else {
            GateMode::Enforce
        }
    }
}

/// The gates compiled so far.
struct Compiling<'r> {
    known: KnownGates<'r>,
    /// Names of all, also of those that are off.
    listed: Vec<Arc<str>>,
    /// What the gates read beside what is always read.
    fields: Fields,
    guard: Option<(TmaxGuard, Rollout)>,
    gates: Vec<Box<dyn Gate>>,
    /// Of `gates`; so are the rollouts.
    names: Vec<Arc<str>>,
    rollouts: Vec<Rollout>,
}

impl<'r> Compiling<'r> {
    const fn new(known: KnownGates<'r>) -> Self {
        Self {
            known,
            listed: Vec::new(),
            fields: Fields::NONE,
            guard: None,
            gates: Vec::new(),
            names: Vec::new(),
            rollouts: Vec::new(),
        }
    }

    fn gate(&mut self, options: &mut Section) {
        if options.holds(Expression::KEY) {
            return self.expression(options);
        }
        let guard = (TmaxGuard::NAME, (TmaxGuard::NAME, None));
        let rows = self.known.rows();
        let known: Vec<_> = std::iter::once(guard)
            .chain(rows.map(|row| (row.name, (row.name, Some(row)))))
            .collect();
        let Some((name, row)) = options.required_choice(GATE_LIST.name, &known) else {
            return options.skip_rest();
        };
        if self.is_listed(name) {
            options.reject(GATE_LIST.name, TWICE);
            return options.skip_rest();
        }
        self.listed.push(name.into());
        match row {
            None => self.guard(options),
            Some(row) => self.judge_of_bids(row, options),
        }
    }

    fn guard(&mut self, options: &mut Section) {
        let rollout = Rollout::compile(options, TmaxGuard::DEFAULT_MODE);
        let guard = TmaxGuard::compile(options);
        self.guard = rollout.map(|rollout| (guard, rollout));
    }

    fn judge_of_bids(&mut self, row: &Row, options: &mut Section) {
        let rollout = Rollout::compile(options, row.default_mode);
        let gate = (row.compile)(options);
        self.add(row.name.into(), rollout, row.fields, gate);
    }

    /// A gate of the policy's own, under a name of its own.
    fn expression(&mut self, options: &mut Section) {
        let has_name = options.holds(GATE_LIST.name);
        let name: Option<Arc<str>> = options.optional_string(GATE_LIST.name).map(Arc::from);
        let problem = match &name {
            None if has_name => None,
            None => Some("is missing; give the gate a name of its own"),
            Some(name) if self.is_listed(name) => Some(TWICE),
            Some(name) if !self.known.is_free(name) => Some(NAMES),
            Some(_) => None,
        };
        if let Some(problem) = problem {
            options.reject(GATE_LIST.name, problem);
        }
        options.spelled(GATE_LIST.name, NAME_PATTERN);
        let rollout = Rollout::compile(options, Mode::Enforce);
        let gate = Expression::compile(options);
        if let (Some(name), Some(gate)) = (name, gate) {
            self.listed.push(Arc::clone(&name));
            self.add(name, rollout, Fields::NONE, Box::new(gate));
        }
    }

    fn add(
        &mut self,
        name: Arc<str>,
        rollout: Option<Rollout>,
        fields: Fields,
        gate: Box<dyn Gate>,
    ) {
        if let Some(rollout) = rollout {
            self.fields = self.fields.or(fields);
            self.names.push(name);
            self.rollouts.push(rollout);
            self.gates.push(gate);
        }
    }

    fn is_listed(&self, name: &str) -> bool {
        self.listed.iter().any(|listed| **listed == *name)
    }
}

const TWICE: &str = "the gate stands in the list already";
