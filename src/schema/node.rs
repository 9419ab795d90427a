//! A schema as it is run: nodes that name each other by number, so that schemas may refer to themselves.

use super::decimal::Divisor;
use super::pattern::Pattern;
use crate::openrtb::Written;

/// The number of a node in its schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) u32);

/// The schema `false`: it allows nothing, and every schema has it under this number.
pub(super) const NOTHING: NodeId = NodeId(0);
/// The schema `true`: it allows anything.
pub(super) const ANYTHING: NodeId = NodeId(1);

/// One schema. A rule that is not there allows everything.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// `type`.
    pub(super) types: Types,
    /// `enum` and `const`: a value must be in each of the lists.
    pub(super) constants: Vec<Vec<Constant>>,
    pub(super) number: Option<Box<NumberRules>>,
    pub(super) text: Option<Box<TextRules>>,
    pub(super) array: Option<Box<ArrayRules>>,
    pub(super) object: Option<Box<ObjectRules>>,
    /// `$ref`, and `allOf`.
    pub(super) all: Vec<NodeId>,
    /// `anyOf`, `oneOf`, `not`, and `if`.
    pub(super) combinations: Vec<Combination>,
}

/// Which JSON types a value may have, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    /// A number without a fraction.
    pub(super) const INTEGER: Self = Self(4);
    /// A number with a fraction.
    pub(super) const FRACTION: Self = Self(8);
    pub(super) const TEXT: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    pub(super) const NONE: Self = Self(0);

    /// The type with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::INTEGER.or(Self::FRACTION),
            "string" => Self::TEXT,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => return None,
        })
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Default for Types {
    fn default() -> Self {
        Self(0x7f)
    }
}

/// A value of `enum` or `const`, as JSON.
#[derive(Debug)]
pub(super) struct Constant(pub(super) Box<[u8]>);

/// What numbers must be. Bounds are JSON numbers.
#[derive(Debug, Default)]
pub(super) struct NumberRules {
    pub(super) minimum: Option<Box<[u8]>>,
    pub(super) maximum: Option<Box<[u8]>>,
    pub(super) above: Option<Box<[u8]>>,
    pub(super) below: Option<Box<[u8]>>,
    pub(super) multiple_of: Option<Divisor>,
}

/// What strings must be. Lengths are in characters.
#[derive(Debug, Default)]
pub(super) struct TextRules {
    pub(super) length: Size,
    pub(super) pattern: Option<Pattern>,
}

/// What arrays must be.
#[derive(Debug, Default)]
pub(super) struct ArrayRules {
    pub(super) size: Size,
    pub(super) unique: bool,
    /// `prefixItems`, for the first elements.
    pub(super) first: Vec<NodeId>,
    /// `items`, for the others.
    pub(super) others: Option<NodeId>,
    pub(super) contains: Option<NodeId>,
    /// How many elements `contains` must hold for.
    pub(super) contained: Size,
}

/// What objects must be.
#[derive(Debug, Default)]
pub(super) struct ObjectRules {
    pub(super) size: Size,
    /// The keys that a rule names, in the order of [`Written::compare`].
    pub(super) keys: Vec<NamedKey>,
    pub(super) required: KeySet,
    pub(super) patterns: Vec<(Pattern, NodeId)>,
    /// For members that neither `properties` nor `patternProperties` name.
    pub(super) others: Option<NodeId>,
    pub(super) names: Option<NodeId>,
    pub(super) dependents: Vec<Dependent>,
}

/// A key that a rule names.
#[derive(Debug)]
pub(super) struct NamedKey {
    pub(super) name: Box<str>,
    /// What `properties` says of it.
    pub(super) value: Option<NodeId>,
    /// The set of this key alone, when it matters whether the key is there.
    pub(super) presence: KeySet,
}

/// What must hold when a key is there.
#[derive(Debug)]
pub(super) struct Dependent {
    pub(super) key: KeySet,
    pub(super) required: KeySet,
    pub(super) schema: Option<NodeId>,
}

/// Some of the keys of one schema whose presence matters, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeySet(pub(super) u128);

impl KeySet {
    /// Keys whose presence matters that one schema may have.
    pub(super) const KEYS: u32 = u128::BITS;

    pub(super) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) const fn has_all(self, of: Self) -> bool {
        of.0 & !self.0 == 0
    }
}

impl ObjectRules {
    /// The rule for a key, if one names it.
    #[inline]
    pub(super) fn key(&self, key: Written<'_>) -> Option<&NamedKey> {
        let compare = |named: &NamedKey| key.compare(named.name.as_bytes()).reverse();
        let found = self.keys.binary_search_by(compare).ok()?;
        self.keys.get(found)
    }
}

/// How many there may be, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) min: u64,
    pub(super) max: u64,
}

impl Size {
    pub(super) const fn allows(self, count: u64) -> bool {
        self.min <= count && count <= self.max
    }

    /// True when there may be any number.
    pub(super) const fn is_any(self) -> bool {
        self.min == 0 && self.max == u64::MAX
    }
}

impl Default for Size {
    fn default() -> Self {
        Self {
            min: 0,
            max: u64::MAX,
        }
    }
}

/// Schemas of which it matters how many hold.
#[derive(Debug)]
pub(super) enum Combination {
    /// `anyOf`.
    Any(Vec<NodeId>),
    /// `oneOf`.
    One(Vec<NodeId>),
    /// `not`.
    Not(NodeId),
    /// `if`, with `then` and `else`.
    If {
        test: NodeId,
        then: Option<NodeId>,
        otherwise: Option<NodeId>,
    },
}
