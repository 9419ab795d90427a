//! What the gates enforce: a document for people, compiled into rules for the hot path.

use std::fmt;

use crate::document::{Document, Effective, Problems, Section};
use crate::gate::{DEFAULT_GATES, GATES, Gate, Row, TmaxGuard};
use crate::limits::GATES_MAX;

/// Compiled rules: immutable, shared by all workers, replaced whole.
pub struct Policy {
    /// Whether the first failed gate ends the evaluation.
    pub(crate) fail_fast: bool,
    /// The evaluation's budget from the moment its message is complete, nanoseconds.
    pub(crate) timeout_ns: u64,
    /// Runs first, whatever its place in the document.
    pub(crate) tmax_guard: Option<TmaxGuard>,
    /// The gates that judge bids, in the order in which they run.
    pub(crate) gates: Vec<Box<dyn Gate>>,
    names: Vec<&'static str>,
    effective: Effective,
    version: String,
}

impl Policy {
    /// Compiles a policy document (the mapping below `policy:` of spec: contract §5).
    ///
    /// # Errors
    /// Every problem of the document, each with its place and path.
    pub fn from_yaml(text: &str, origin: &str) -> Result<Self, Problems> {
        Document::parse(text, origin)?.read(Self::compile)
    }

    /// Compiles the mapping, recording what is wrong in it.
    pub fn compile(section: &mut Section) -> Self {
        let fail_fast = section.flag("fail_fast", true);
        let timeout_ms = section.integer("timeout_ms", 15, 1..=60_000);
        let mut compiling = Compiling::default();
        let gates: Vec<_> = std::iter::once(TmaxGuard::NAME)
            .chain(GATES.iter().take(DEFAULT_GATES).map(|row| row.name))
            .map(|name| ("name", name))
            .collect();
        section.list("gates", &gates, |gate| compiling.gate(gate));
        if compiling.gates.len() >= GATES_MAX {
            section.reject("gates", &format!("more than {GATES_MAX} gates"));
        }
        let effective = section.effective();
        let guard = compiling.tmax_guard.map(|_| TmaxGuard::NAME);
        Self {
            fail_fast,
            timeout_ns: timeout_ms * 1_000_000,
            tmax_guard: compiling.tmax_guard,
            names: guard
                .into_iter()
                .chain(compiling.gates.iter().map(|(row, _)| row.name))
                .collect(),
            gates: compiling.gates.into_iter().map(|(_, gate)| gate).collect(),
            version: effective.digest(),
            effective,
        }
    }

    /// The same rules without `timeout_ms`: for judging where no bidder waits.
    #[must_use]
    pub(crate) fn without_time_budget(self) -> Self {
        Self {
            timeout_ns: u64::MAX,
            ..self
        }
    }

    /// The names of its gates in the order of a reply: `tmaxGuard` first, then in policy order.
    #[must_use]
    pub fn gate_names(&self) -> &[&'static str] {
        &self.names
    }

    /// The document with its defaults filled in.
    #[must_use]
    pub const fn effective(&self) -> &Effective {
        &self.effective
    }

    /// Digest of the effective document: policies of one version judge alike.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl Default for Policy {
    /// The [`DEFAULT_GATES`] with their defaults, in the order of [`GATES`] behind [`TmaxGuard`].
    fn default() -> Self {
        Document::defaults(Self::compile)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("version", &self.version)
            .field("gates", &self.names)
            .finish_non_exhaustive()
    }
}

/// The gates compiled so far.
#[derive(Default)]
struct Compiling {
    tmax_guard: Option<TmaxGuard>,
    gates: Vec<(&'static Row, Box<dyn Gate>)>,
}

impl Compiling {
    fn gate(&mut self, options: &mut Section) {
        let guard = (TmaxGuard::NAME, None);
        let known: Vec<_> = std::iter::once(guard)
            .chain(GATES.iter().map(|row| (row.name, Some(row))))
            .collect();
        match options.required_choice("name", &known) {
            None => options.skip_rest(),
            Some(chosen) if self.has(chosen) => {
                options.reject("name", "the gate stands in the list already");
                options.skip_rest();
            }
            Some(None) => self.tmax_guard = Some(TmaxGuard::compile(options)),
            Some(Some(row)) => self.gates.push((row, (row.compile)(options))),
        }
    }

    /// Whether the gate, none being tmaxGuard, is there already.
    fn has(&self, gate: Option<&Row>) -> bool {
        match gate {
            None => self.tmax_guard.is_some(),
            Some(row) => self.gates.iter().any(|(known, _)| known.name == row.name),
        }
    }
}
