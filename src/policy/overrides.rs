//! What differs for some agents and tools.

use std::ops::RangeInclusive;

use super::known::KnownGates;
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

/// Where overrides stand.
pub(super) const KEY: &str = "overrides";

impl Overrides {
    /// Compiles the overrides of a policy of which everything else has been read.
    pub(super) fn compile(policy: &mut Section, known: KnownGates<'_>) -> Self {
        let mut rules = Vec::new();
        let mut patterns = Vec::new();
        let mut positions = Vec::new();
        policy.layers(
            (KEY, OVERRIDES_MAX),
            GATE_LIST,
            &default_gates(),
            |layer, position| {
                let pattern = compile_patterns(layer);
                let rule_set = RuleSet::compile(layer, known);
                // Nothing is said of the order of overrides that are for no calls.
                if let Some(pattern) = pattern {
                    patterns.push(pattern);
                    rules.push(rule_set);
                    positions.push(position);
                }
            },
        );
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
        self.rules.get(self.position(agent_id, tool)?)
    }

    /// The position of the first override that matches.
    pub(super) fn position(&self, agent_id: &str, tool: &str) -> Option<usize> {
        if self.rules.is_empty() {
            return None;
        }
        self.selection.first(agent_id, tool)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut RuleSet> {
        self.rules.iter_mut()
    }
}

const UNREACHABLE: &str = "every call that matches also matches an override further up, and the first one counts; move it up or remove it";

/// Which calls an override is for: by `agent_id`, and by `tool`. None when that is not said well.
fn compile_patterns(layer: &mut Section) -> Option<(Pattern, Pattern)> {
    let tool = compile_pattern(layer, "tool", 0..=TOOL_BYTES);
    let agent_id = compile_pattern(layer, "agent_id", 1..=AGENT_ID_BYTES);
    let (agent_id, tool) = (agent_id?, tool?);
    if agent_id.is_any() && tool.is_any() {
        layer.reject("", MATCHES_ALL);
        return None;
    }
    Some((agent_id, tool))
}

const MATCHES_ALL: &str =
    "matches every call; add a `tool` or an `agent_id`, or change the policy itself";

/// A text, or the beginning of one with a `*` behind it. Absent is every text. `bytes` is how long texts of calls are.
fn compile_pattern(
    layer: &mut Section,
    key: &str,
    bytes: RangeInclusive<usize>,
) -> Option<Pattern> {
    let Some(text) = layer.optional_string(key) else {
        return Some(Pattern::ANY);
    };
    let pattern = match text.strip_suffix('*') {
        Some(prefix) => Pattern::Prefix(prefix.to_owned()),
        None => Pattern::Exact(text),
    };
    let problem = match &pattern {
        Pattern::Exact(text) | Pattern::Prefix(text) if text.contains('*') => {
            "has a `*` that is not its end; only what a text begins with can be matched".to_owned()
        }
        Pattern::Exact(text) | Pattern::Prefix(text) if text.len() > *bytes.end() => {
            format!(
                "is longer than the {} bytes that a call can have; shorten it",
                bytes.end()
            )
        }
        Pattern::Exact(text) if text.len() < *bytes.start() => {
            "is empty, which that of a call never is; give it a text or remove the key".to_owned()
        }
        Pattern::Exact(_) | Pattern::Prefix(_) => return Some(pattern),
    };
    layer.reject(key, &problem);
    None
}
