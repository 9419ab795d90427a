//! Which override a call gets, found by two binary searches and one AND, however many there are.

use crate::limits::OVERRIDES_MAX;

/// Texts that an override is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// This text.
    Exact(String),
    /// All texts that begin so.
    Prefix(String),
}

impl Pattern {
    /// Every text.
    pub(super) const ANY: Self = Self::Prefix(String::new());

    /// What is written before the `*`.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) => text,
        }
    }

    pub(super) fn is_any(&self) -> bool {
        *self == Self::ANY
    }

    /// In byte order, the first text that matches.
    fn begin(&self) -> &[u8] {
        self.text().as_bytes()
    }

    /// In byte order, the first text that comes behind all that match; none when nothing does.
    fn end(&self) -> Option<Vec<u8>> {
        let mut end = self.begin().to_vec();
        match self {
            Self::Exact(_) => end.push(0),
            // UTF-8 has no byte 0xff, so that there is always one above.
            Self::Prefix(_) => *end.last_mut()? += 1,
        }
        Some(end)
    }

    fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => text == exact.as_bytes(),
            Self::Prefix(prefix) => text.starts_with(prefix.as_bytes()),
        }
    }
}

/// Overrides by their number: bit n is the n-th.
type Set = u128;

const _: () = assert!(OVERRIDES_MAX <= Set::BITS as usize);

/// For every pair of an agent and a tool, which overrides match.
#[derive(Debug, Default)]
pub(super) struct Selection {
    agents: Stretches,
    tools: Stretches,
}

impl Selection {
    /// Patterns of agents and tools, one pair an override; at most [`OVERRIDES_MAX`].
    pub(super) fn new(overrides: &[(Pattern, Pattern)]) -> Self {
        let (agents, tools): (Vec<_>, Vec<_>) = overrides
            .iter()
            .map(|(agent_id, tool)| (agent_id, tool))
            .unzip();
        Self {
            agents: Stretches::new(&agents),
            tools: Stretches::new(&tools),
        }
    }

    /// The number of the first override that matches.
    pub(super) fn first(&self, agent_id: &str, tool: &str) -> Option<usize> {
        first(self.agents.matching(agent_id) & self.tools.matching(tool))
    }

    /// The overrides that no call gets, for an earlier one matches whatever they match.
    pub(super) fn unreachable(&self) -> impl Iterator<Item = usize> {
        let mut reached: Set = 0;
        for (_, agents) in &self.agents.0 {
            for (_, tools) in &self.tools.0 {
                let matching = agents & tools;
                reached |= matching & matching.wrapping_neg();
            }
        }
        let all = self.agents.0.iter().fold(0, |all, (_, set)| all | set);
        let unreachable = all & !reached;
        (0..OVERRIDES_MAX).filter(move |number| unreachable >> number & 1 == 1)
    }
}

fn first(matching: Set) -> Option<usize> {
    (matching != 0).then_some(matching.trailing_zeros() as usize)
}

/// All texts in byte order, cut wherever a pattern begins or ends to match. Each stretch is given by its first text and
/// the patterns that match all of it; the first stretch begins with the empty text.
#[derive(Debug, Default)]
struct Stretches(Vec<(Vec<u8>, Set)>);

impl Stretches {
    fn new(patterns: &[&Pattern]) -> Self {
        let begins = patterns.iter().map(|pattern| pattern.begin().to_vec());
        let ends = patterns.iter().filter_map(|pattern| pattern.end());
        let mut cuts: Vec<_> = begins.chain(ends).chain([Vec::new()]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let stretches = cuts.into_iter().map(|cut| {
            let matching = patterns.iter().zip(0..).filter(|(it, _)| it.matches(&cut));
            let set = matching.fold(0, |set, (_, number)| set | 1 << number);
            (cut, set)
        });
        Self(stretches.collect())
    }

    /// The patterns that match a text.
    fn matching(&self, text: &str) -> Set {
        let behind = self
            .0
            .partition_point(|(first, _)| first.as_slice() <= text.as_bytes());
        behind
            .checked_sub(1)
            .and_then(|stretch| self.0.get(stretch))
            .map_or(0, |(_, set)| *set)
    }
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the error of a property is not ours to shrink"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first pattern that matches, one after another.
    fn naive(overrides: &[(Pattern, Pattern)], agent_id: &str, tool: &str) -> Option<usize> {
        overrides.iter().position(|(agents, tools)| {
            agents.matches(agent_id.as_bytes()) && tools.matches(tool.as_bytes())
        })
    }

    fn pattern() -> impl Strategy<Value = Pattern> {
        let text = "[ab\u{7f}\u{e9}]{0,3}";
        prop_oneof![
            text.prop_map(Pattern::Exact),
            text.prop_map(Pattern::Prefix)
        ]
    }

    proptest! {
        #[test]
        fn the_lookup_finds_what_a_search_finds(
            overrides in prop::collection::vec((pattern(), pattern()), 0..8),
            agent_id in "[ab\u{7f}\u{e9}\u{0}]{0,4}",
            tool in "[ab\u{7f}\u{e9}\u{0}]{0,4}",
        ) {
            let selection = Selection::new(&overrides);
            let found = selection.first(&agent_id, &tool);
            prop_assert_eq!(found, naive(&overrides, &agent_id, &tool));
            prop_assert!(selection.unreachable().all(|number| Some(number) != found));
        }
    }

    #[test]
    fn an_override_is_unreachable_when_those_before_it_take_all_its_calls() {
        let exact = |text: &str| Pattern::Exact(text.to_owned());
        let prefix = |text: &str| Pattern::Prefix(text.to_owned());
        let selection = Selection::new(&[
            (Pattern::ANY, prefix("open")),
            (exact("a"), Pattern::ANY),
            (prefix("a"), exact("openx")),
            (exact("a"), exact("x")),
            (prefix("a"), exact("x")),
        ]);
        assert_eq!(selection.unreachable().collect::<Vec<_>>(), [2, 3]);
    }
}
