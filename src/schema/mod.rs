//! JSON Schema, draft 2020-12, on checked JSON: compiled once, run without a tree and without memory.
//!
//! A schema is compiled into nodes ([`node`]). It is run by walking the text ([`check`]); where several schemas speak
//! of one value, the value is read once for each of them. That costs steps, which are counted and limited, and saves
//! the tree that a validator of parsed values needs.

mod check;
mod compile;
mod decimal;
mod equal;
mod keywords;
mod node;
mod pattern;

use node::{Node, NodeId};

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    nodes: Vec<Node>,
    root: NodeId,
}

/// Something in a schema that keeps it from being compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// JSON pointer of the keyword; empty for the root.
    pub(crate) pointer: String,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

/// A value that a schema does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Issue {
    /// Position of the value's first byte.
    pub(crate) at: u32,
    /// The rule it breaks.
    pub(crate) breach: Breach,
}

/// The kinds of rules that a value can break, in the order in which they are told of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breach {
    /// `type`.
    Type,
    /// `enum`, `const`.
    Enum,
    /// `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`.
    Range,
    /// `minLength`, `maxLength`, `minItems`, `maxItems`, `minProperties`, `maxProperties`.
    Size,
    /// `pattern`.
    Pattern,
    /// `required`, `dependentRequired`.
    Required,
    /// A member where the schema for it is `false`, and `propertyNames`.
    UnknownKey,
    /// `uniqueItems`, `contains`, `minContains`, `maxContains`, and an element where the schema for it is `false`.
    Items,
    /// `anyOf`, `oneOf`, `not`, and `false` anywhere else.
    Combination,
    /// The steps of one check are used up: what stands here and behind it was not checked.
    Budget,
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests;
