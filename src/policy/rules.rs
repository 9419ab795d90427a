//! The gates with their options, as they judge one call.

use crate::document::{NamedList, Section};
use crate::gate::{GATES, Gate, Mode, Row, TmaxGuard};
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
    names: Vec<&'static str>,
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
    pub(super) fn compile(section: &mut Section) -> Self {
        let fail_fast = section.flag("fail_fast", true);
        let timeout_ms = section.integer("timeout_ms", 15, 1..=60_000);
        let mut compiling = Compiling::default();
        section.list(GATE_LIST.key, &default_gates(), |gate| compiling.gate(gate));
        if compiling.listed.len() > GATES_MAX {
            section.reject(GATE_LIST.key, &format!("more than {GATES_MAX} gates"));
        }
        let guard = compiling.guard;
        let rolled_out = guard.iter().map(|(_, rollout)| (TmaxGuard::NAME, *rollout));
        let (names, rollouts) = rolled_out
            .chain(
                compiling
                    .gates
                    .iter()
                    .map(|(row, rollout, _)| (row.name, *rollout)),
            )
            .unzip();
        Self {
            fail_fast,
            timeout_ns: timeout_ms * 1_000_000,
            wanted: Wanted::new(compiling.fields()),
            tmax_guard: guard.map(|(guard, _)| guard),
            gates: compiling.gates.into_iter().map(|(.., gate)| gate).collect(),
            names,
            rollouts,
        }
    }

    /// The names of its gates in the order of a reply: `tmaxGuard` first, then in policy order.
    pub(crate) fn names(&self) -> &[&'static str] {
        &self.names
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
}

/// The gates of a document that lists none, by key and name.
pub(super) fn default_gates() -> Vec<(&'static str, &'static str)> {
    std::iter::once(TmaxGuard::NAME)
        .chain(default_rows().map(|row| row.name))
        .map(|name| (GATE_LIST.name, name))
        .collect()
}

fn default_rows() -> impl Iterator<Item = &'static Row> {
    GATES.iter().filter(|row| row.by_default)
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
#[derive(Default)]
struct Compiling {
    /// Names of all, also of those that are off.
    listed: Vec<&'static str>,
    guard: Option<(TmaxGuard, Rollout)>,
    gates: Vec<(&'static Row, Rollout, Box<dyn Gate>)>,
}

impl Compiling {
    fn gate(&mut self, options: &mut Section) {
        let guard = (TmaxGuard::NAME, (TmaxGuard::NAME, None));
        let known: Vec<_> = std::iter::once(guard)
            .chain(GATES.iter().map(|row| (row.name, (row.name, Some(row)))))
            .collect();
        let Some((name, row)) = options.required_choice(GATE_LIST.name, &known) else {
            return options.skip_rest();
        };
        if self.listed.contains(&name) {
            options.reject(GATE_LIST.name, "the gate stands in the list already");
            return options.skip_rest();
        }
        self.listed.push(name);
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

    fn judge_of_bids(&mut self, row: &'static Row, options: &mut Section) {
        let rollout = Rollout::compile(options, row.default_mode);
        let gate = (row.compile)(options);
        self.gates
            .extend(rollout.map(|rollout| (row, rollout, gate)));
    }
    /// What the gates read beside what is always read.
    fn fields(&self) -> Fields {
        let fields = self.gates.iter().map(|(row, ..)| row.fields);
        fields.fold(Fields::NONE, Fields::or)
    }
}
