//! What differs for some agents and tools.

use super::rules::{GATE_LIST, RuleSet, default_gates};
use super::selection::{Pattern, Selection};
use crate::document::Section;
use crate::limits::{AGENT_ID_BYTES, OVERRIDES_MAX, TOOL_BYTES};

/// The rule sets of a policy's overrides, and which calls get them.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// In document order.
    rules: Vec<RuleSet>,
    selection: Selection,
}

const KEY: &str = "overrides";

impl Overrides {
    /// Compiles the overrides of a policy of which everything else has been read.
    pub(super) fn compile(policy: &mut Section) -> Self {
        let mut rules = Vec::new();
        let mut patterns = Vec::new();
        let mut positions = Vec::new();
        policy.layers(KEY, GATE_LIST, &default_gates(), |layer, position| {
            patterns.push(compile_patterns(layer));
            rules.push(RuleSet::compile(layer));
            positions.push(position);
        });
        if rules.len() > OVERRIDES_MAX {
            policy.reject(KEY, &format!("more than {OVERRIDES_MAX} overrides"));
            return Self::default();
        }
        let selection = Selection::new(&patterns);
        for unreachable in selection.unreachable() {
            if let Some(position) = positions.get(unreachable) {
                policy.reject(&format!("{KEY}[{position}]"), UNREACHABLE);
            }
        }
        Self { rules, selection }
    }

    /// The rules of the first override that matches.
    pub(super) fn rules(&self, agent_id: &str, tool: &str) -> Option<&RuleSet> {
        if self.rules.is_empty() {
            return None;
        }
        self.rules.get(self.selection.first(agent_id, tool)?)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut RuleSet> {
        self.rules.iter_mut()
    }
}

const UNREACHABLE: &str = "every call that matches also matches an override further up, and the first one counts; move it up or remove it";

/// Which calls an override is for: by `agent_id`, and by `tool`.
fn compile_patterns(layer: &mut Section) -> (Pattern, Pattern) {
    let tool = compile_pattern(layer, "tool", TOOL_BYTES);
    let agent_id = compile_pattern(layer, "agent_id", AGENT_ID_BYTES);
    if agent_id == Some(Pattern::Exact(String::new())) {
        layer.reject(
            "agent_id",
            "no call has an empty agent_id; name one, or remove the key",
        );
    }
    if [&tool, &agent_id].map(|pattern| pattern.as_ref().is_none_or(Pattern::is_any)) == [true; 2] {
        layer.reject(
            "",
            "matches every call; add a `tool` or an `agent_id`, or change the policy itself",
        );
    }
    (
        agent_id.unwrap_or(Pattern::ANY),
        tool.unwrap_or(Pattern::ANY),
    )
}

/// A text, or the beginning of one with a `*` behind it.
fn compile_pattern(layer: &mut Section, key: &str, bytes_max: usize) -> Option<Pattern> {
    let text = layer.optional_string(key)?;
    let pattern = match text.strip_suffix('*') {
        Some(prefix) => Pattern::Prefix(prefix.to_owned()),
        None => Pattern::Exact(text),
    };
    if pattern.text().contains('*') {
        layer.reject(
            key,
            "has a `*` that is not its end; only what a text begins with can be matched",
        );
    }
    if pattern.text().len() > bytes_max {
        layer.reject(
            key,
            &format!("is longer than the {bytes_max} bytes that a call can have"),
        );
    }
    Some(pattern)
}
