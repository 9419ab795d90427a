//! Patterns to be found in strings. All that a gate looks for is compiled into one table of states, so that a search
//! is a single pass over the bytes and takes no memory, and no string can be made to delay it.

use regex_automata::dfa::{Automaton, OverlappingState, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

/// A pattern for each kind of thing to be found. Patterns are of bytes and of ASCII: letters compare without case, and
/// the classes and boundaries of words know no others.
#[derive(Debug)]
pub(super) struct Patterns {
    states: dense::DFA<Vec<u32>>,
}

/// Where something was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    /// Position of its pattern among those compiled.
    pub(super) kind: usize,
    /// The byte behind the first place that the pattern matches.
    pub(super) end: usize,
}

impl Patterns {
    /// Compiles patterns without look-around. None when one is malformed, or the table would be larger than
    /// `table_bytes_max`.
    pub(super) fn compile(patterns: &[&str], table_bytes_max: usize) -> Option<Self> {
        let table = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(table_bytes_max))
            .determinize_size_limit(Some(table_bytes_max));
        let machine = thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(table_bytes_max));
        let syntax = syntax::Config::new()
            .unicode(false)
            .utf8(false)
            .case_insensitive(true);
        let states = dense::Builder::new()
            .configure(table)
            .syntax(syntax)
            .thompson(machine)
            .build_many(patterns)
            .ok()?;
        Some(Self { states })
    }

    /// The first of the `wanted` kinds that `text` holds, in the order of the patterns.
    pub(super) fn first(&self, text: &[u8], wanted: Kinds) -> Option<Hit> {
        let input = Input::new(text);
        let mut search = OverlappingState::start();
        let mut first: Option<Hit> = None;
        let mut wanted = wanted;
        while wanted.any() {
            // Only tables that give up on some bytes fail, and this is none.
            self.states
                .try_search_overlapping_fwd(&input, &mut search)
                .ok()?;
            let Some(found) = search.get_match() else {
                break;
            };
            let kind = found.pattern().as_usize();
            if wanted.has(kind) {
                wanted = wanted.before(kind);
                let end = found.offset();
                first = Some(Hit { kind, end });
            }
        }
        first
    }
}

/// Some of the kinds, one bit each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kinds(u32);

impl Kinds {
    /// Those whose flag is set.
    pub(super) fn of(flags: &[bool]) -> Self {
        let bits = flags
            .iter()
            .zip(0..)
            .map(|(&flag, kind)| u32::from(flag) << kind);
        Self(bits.sum())
    }

    const fn any(self) -> bool {
        self.0 != 0
    }

    const fn has(self, kind: usize) -> bool {
        self.0 >> kind & 1 == 1
    }

    /// Those that come before `kind`.
    const fn before(self, kind: usize) -> Self {
        Self(self.0 & !(!0 << kind))
    }
}
