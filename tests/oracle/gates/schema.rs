//! Is the bid response what its schema says? (docs/gates/schema.md) The schema is read by the crate `jsonschema`.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::Finding;
use crate::oracle::auction::{Auction, Bid};
use crate::oracle::json::Node;

/// The schema of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Schema(Arc<Validator>);

/// In the order in which they are told of one value.
const REASONS: [(&str, &[&str]); 9] = [
    ("schema_type", &["type"]),
    ("schema_enum", &["enum", "const"]),
    (
        "schema_range",
        &[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ],
    ),
    (
        "schema_size",
        &[
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
        ],
    ),
    ("schema_pattern", &["pattern"]),
    ("schema_required", &["required", "dependentRequired"]),
    (
        "schema_unknown_key",
        &["additionalProperties", "propertyNames"],
    ),
    (
        "schema_items",
        &["uniqueItems", "contains", "minContains", "maxContains"],
    ),
    ("schema_combination", &["anyOf", "oneOf", "not"]),
];

impl Schema {
    /// Of the option `file`, or the one that ships.
    pub(crate) fn read(file: Option<&str>) -> Self {
        thread_local!(static READ: RefCell<BTreeMap<String, Schema>> = const { RefCell::new(BTreeMap::new()) });
        let file = file.unwrap_or("schema/openrtb-2.6-bid-response.json");
        READ.with_borrow_mut(|read| {
            let schema = read
                .entry(file.to_owned())
                .or_insert_with(|| Self::compile(file));
            schema.clone()
        })
    }

    fn compile(file: &str) -> Self {
        let schema: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        Self(Arc::new(jsonschema::draft202012::new(&schema).unwrap()))
    }
}

/// "A bid with issues of its own is rejected (F) for the first of them. If the response has issues, every other bid is
/// rejected too, for the first of those."
pub(crate) fn judge(schema: &Schema, auction: &Auction<'_>, bid: &Bid<'_>) -> Option<Finding> {
    let issues = issues(schema, auction.response);
    let is_within = |pointer: &str, bid: &Bid<'_>| {
        let root = format!("/seatbid/{}/bid/{}", bid.seatbid_index, bid.bid_index);
        pointer == root || pointer.starts_with(&format!("{root}/"))
    };
    let own = issues.iter().find(|issue| is_within(&issue.pointer, bid));
    let of_response = || {
        let of_no_bid = |pointer: &str| auction.bids.iter().all(|bid| !is_within(pointer, bid));
        issues.iter().find(|issue| of_no_bid(&issue.pointer))
    };
    own.or_else(of_response)
        .map(|issue| Finding::Fails(REASONS[issue.reason].0))
}

/// By position, then by reason.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Issue {
    position: usize,
    reason: usize,
    pointer: String,
}

/// "First is what begins first in the response." "A key that stands twice in one object is judged each time": once
/// with the first of them left, and once with the last.
fn issues(schema: &Schema, response: &Node) -> Vec<Issue> {
    let mut issues = Vec::new();
    for keep in [Keep::First, Keep::Last] {
        let mut numbering = Numbering {
            keep,
            next: 0,
            positions: BTreeMap::new(),
        };
        let value = numbering.value(response, "");
        for error in schema.0.iter_errors(&value) {
            for (pointer, reason) in told(&error) {
                let position = numbering.positions[&pointer];
                issues.push(Issue {
                    position,
                    reason,
                    pointer,
                });
            }
        }
    }
    issues.sort();
    issues
}

/// Where an error is told, and for which reason.
fn told(error: &ValidationError<'_>) -> Vec<(String, usize)> {
    let at = error.instance_path().as_str();
    if let Kind::AdditionalProperties { unexpected } = error.kind() {
        let unknown_key = |key: &String| (below(at, key), reason_of("additionalProperties"));
        return unexpected.iter().map(unknown_key).collect();
    }
    if let Kind::PropertyNames { error } = error.kind() {
        let key = error.instance().as_str().unwrap();
        return vec![(below(at, key), reason_of("propertyNames"))];
    }
    let keyword = if matches!(error.kind(), Kind::FalseSchema) {
        keyword_of_false(error.schema_path().as_str())
    } else {
        error.kind().keyword()
    };
    vec![(at.to_owned(), reason_of(keyword))]
}

fn reason_of(keyword: &str) -> usize {
    let reason = REASONS
        .iter()
        .position(|(_, keywords)| keywords.contains(&keyword));
    reason.unwrap_or_else(|| panic!("no reason is told for {keyword}"))
}

/// A keyword with the reason of a schema that is `false`: as a member's, as an element's, or anywhere else.
fn keyword_of_false(path: &str) -> &'static str {
    let keywords: Vec<&str> = path.rsplit('/').collect();
    match keywords[..] {
        ["items", ..] | [_, "prefixItems", ..] => "contains",
        ["additionalProperties", ..] | [_, "properties" | "patternProperties", ..] => {
            "additionalProperties"
        }
        _ => "not",
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    First,
    Last,
}

/// Turns a tree into one without keys that stand twice, and numbers its values in document order.
struct Numbering {
    keep: Keep,
    next: usize,
    positions: BTreeMap<String, usize>,
}

impl Numbering {
    fn value(&mut self, node: &Node, at: &str) -> Value {
        let is_kept = self.keep == Keep::Last || !self.positions.contains_key(at);
        if is_kept {
            self.positions.insert(at.to_owned(), self.next);
        }
        self.next += 1;
        match node {
            Node::Null | Node::Skipped => Value::Null,
            Node::Bool(flag) => (*flag).into(),
            Node::Number(_) => number(node),
            Node::Text(text) => text.clone().into(),
            Node::Array(elements) => {
                let elements = elements.iter().enumerate();
                elements
                    .map(|(index, element)| self.value(element, &format!("{at}/{index}")))
                    .collect()
            }
            Node::Object(members) => {
                let mut object = serde_json::Map::new();
                for (key, value) in members {
                    let value = self.value(value, &below(at, key));
                    if self.keep == Keep::Last || !object.contains_key(key) {
                        object.insert(key.clone(), value);
                    }
                }
                Value::Object(object)
            }
        }
    }
}

/// The nearest double that is a whole number if and only if the number is.
fn number(node: &Node) -> Value {
    let number = node.number().unwrap();
    if let Some(Ok(integer)) = node.integer().map(|digits| digits.parse::<i64>()) {
        return integer.into();
    }
    if node.integer().is_none() && number.fract() == 0.0 {
        return f64::MIN_POSITIVE.copysign(number).into();
    }
    number.clamp(f64::MIN, f64::MAX).into()
}

fn below(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}
