//! Regular expressions of policies and schemas, built in full when they are loaded: a search takes one step a byte,
//! whatever the expression, and needs no memory.

use std::error::Error;
use std::fmt;

use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

use crate::limits::PATTERN_BYTES_MAX;

/// An automaton that finds an expression anywhere in a text. It knows every state, so that a search cannot fail.
pub(crate) type Automaton = dense::DFA<Vec<u32>>;

/// Builds the automaton of an expression in the syntax of `regex_automata`.
///
/// # Errors
/// When the text is no expression, or the automaton would be larger than [`PATTERN_BYTES_MAX`].
pub(crate) fn build(expression: &str) -> Result<Automaton, BuildFault> {
    let states = thompson::Config::new()
        .utf8(false)
        .nfa_size_limit(Some(PATTERN_BYTES_MAX));
    let table = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(PATTERN_BYTES_MAX))
        .determinize_size_limit(Some(PATTERN_BYTES_MAX));
    let states = thompson::Compiler::new()
        .syntax(syntax::Config::new().utf8(false))
        .configure(states)
        .build(expression)
        .map_err(|error| BuildFault::new(error.size_limit().is_some(), &error))?;
    dense::Builder::new()
        .configure(table)
        .build_from_nfa(&states)
        .map_err(|error| BuildFault::new(error.is_size_limit_exceeded(), &error))
}

/// Why there is no automaton.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BuildFault {
    /// It would be too large.
    TooLarge,
    /// What is wrong with the expression.
    Syntax(String),
}

impl BuildFault {
    fn new(too_large: bool, error: &(dyn Error + 'static)) -> Self {
        if too_large {
            return Self::TooLarge;
        }
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let text = cause.to_string();
        // Of an error that shows the expression with a mark below, the last line says what is wrong.
        let last = text.lines().last().unwrap_or_default();
        Self::Syntax(last.trim_start_matches("error: ").to_owned())
    }
}

impl fmt::Display for BuildFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(
                f,
                "needs an automaton of more than {PATTERN_BYTES_MAX} bytes; make its repetitions or classes smaller"
            ),
            Self::Syntax(fault) => write!(f, "is not a regular expression: {fault}"),
        }
    }
}
