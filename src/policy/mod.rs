//! What the gates enforce: a document for people, compiled into rules for the hot path.

use std::fmt;
use std::sync::Arc;

use crate::document::{Document, Effective, Problems, Section};
use crate::gate::{Expression, GATES, Gate, Row, TmaxGuard};
use crate::limits::{GATE_NAME_BYTES, GATES_MAX};

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
    names: Vec<Arc<str>>,
    effective: Effective,
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

    /// Compiles the mapping, recording what is wrong in it.
    pub fn compile(section: &mut Section) -> Self {
        Self::compile_with(section, &[])
    }

    /// Compiles a mapping that may name gates which the program brings along.
    pub fn compile_with(section: &mut Section, rows: &[Row]) -> Self {
        let fail_fast = section.flag("fail_fast", true);
        let timeout_ms = section.integer("timeout_ms", 15, 1..=60_000);
        let mut compiling = Compiling::new(rows, section);
        let gates: Vec<_> = std::iter::once(TmaxGuard::NAME)
            .chain(GATES.iter().map(|row| row.name))
            .map(|name| ("name", name))
            .collect();
        section.list("gates", &gates, |gate| compiling.gate(gate));
        if compiling.gates.len() >= GATES_MAX {
            section.reject("gates", &format!("more than {GATES_MAX} gates"));
        }
        let effective = section.effective();
        let guard = compiling.tmax_guard.map(|_| TmaxGuard::NAME.into());
        let (names, gates): (Vec<_>, _) = compiling.gates.into_iter().unzip();
        Self {
            fail_fast,
            timeout_ns: timeout_ms * 1_000_000,
            tmax_guard: compiling.tmax_guard,
            names: guard.into_iter().chain(names).collect(),
            gates,
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
    pub fn gate_names(&self) -> &[Arc<str>] {
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
    /// Every gate with its defaults, in the order of [`GATES`] behind [`TmaxGuard`].
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
struct Compiling<'r> {
    /// Gates that the program brings along.
    rows: &'r [Row],
    tmax_guard: Option<TmaxGuard>,
    gates: Vec<(Arc<str>, Box<dyn Gate>)>,
}

impl<'r> Compiling<'r> {
    fn new(rows: &'r [Row], section: &mut Section) -> Self {
        let compiling = Self {
            rows,
            tmax_guard: None,
            gates: Vec::new(),
        };
        for (position, row) in rows.iter().enumerate() {
            let twice = rows
                .iter()
                .take(position)
                .any(|other| other.name == row.name);
            if twice || !is_name(row.name) || is_built_in(row.name) {
                let name = row.name;
                section.reject(
                    "gates",
                    &format!("the program brings a gate along as {name:?}: {NAMES}"),
                );
            }
        }
        compiling
    }

    fn gate(&mut self, options: &mut Section) {
        if options.holds(Expression::KEY) {
            return self.expression(options);
        }
        let guard = (TmaxGuard::NAME, None);
        let rows = GATES.iter().chain(self.rows);
        let known: Vec<_> = std::iter::once(guard)
            .chain(rows.map(|row| (row.name, Some(row))))
            .collect();
        match options.required_choice("name", &known) {
            None => options.skip_rest(),
            Some(chosen) if self.has(chosen.map_or(TmaxGuard::NAME, |row| row.name)) => {
                options.reject("name", TWICE);
                options.skip_rest();
            }
            Some(None) => self.tmax_guard = Some(TmaxGuard::compile(options)),
            Some(Some(row)) => self.gates.push((row.name.into(), (row.compile)(options))),
        }
    }

    /// A gate of the policy's own, under a name of its own.
    fn expression(&mut self, options: &mut Section) {
        let has_name = options.holds("name");
        let name = options.optional_string("name");
        let problem = match &name {
            None if has_name => None,
            None => Some("is missing; give the gate a name of its own"),
            Some(name) if self.has(name) => Some(TWICE),
            Some(name) if !is_name(name) || self.is_taken(name) => Some(NAMES),
            Some(_) => None,
        };
        if let Some(problem) = problem {
            options.reject("name", problem);
        }
        let gate = Expression::compile(options);
        if let (Some(name), Some(gate)) = (name, gate) {
            self.gates.push((name.into(), Box::new(gate)));
        }
    }

    /// Whether the gate is there already.
    fn has(&self, name: &str) -> bool {
        let guard = name == TmaxGuard::NAME && self.tmax_guard.is_some();
        guard || self.gates.iter().any(|(known, _)| **known == *name)
    }

    fn is_taken(&self, name: &str) -> bool {
        is_built_in(name) || self.rows.iter().any(|row| row.name == name)
    }
}

const TWICE: &str = "the gate stands in the list already";
const NAMES: &str = "a name of a gate of one's own is a lower-case letter, then letters and digits, at most 64, and \
    not the name of a gate that there is already";

/// A name that reads well in replies and metrics.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && name.len() <= GATE_NAME_BYTES
}

fn is_built_in(name: &str) -> bool {
    name == TmaxGuard::NAME || GATES.iter().any(|row| row.name == name)
}
