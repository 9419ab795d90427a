//! "Keys that gates read" (spec: contract §3), as a table, and what follows from it: which duplicates are errors.
use super::json::Node;

/// A key that a gate reads.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) shape: Shape,
}

/// What a value consists of, as far as gates care.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A value without fields: read as a whole.
    Any,
    /// An object with these fields.
    Object(&'static [Field]),
    /// An array of objects with these fields.
    ListOf(&'static [Field]),
}

impl Shape {
    /// The shape of a member, if a gate reads it.
    pub(crate) fn member(self, key: &str) -> Option<Self> {
        let Self::Object(fields) = self else {
            return None;
        };
        fields
            .iter()
            .find(|field| field.key == key)
            .map(|field| field.shape)
    }

    /// The shape of an array's elements.
    pub(crate) fn element(self) -> Self {
        match self {
            Self::ListOf(fields) => Self::Object(fields),
            Self::Any | Self::Object(_) => Self::Any,
        }
    }
}

const fn any(key: &'static str) -> Field {
    Field {
        key,
        shape: Shape::Any,
    }
}

const fn object(key: &'static str, fields: &'static [Field]) -> Field {
    Field {
        key,
        shape: Shape::Object(fields),
    }
}

const fn list_of(key: &'static str, fields: &'static [Field]) -> Field {
    Field {
        key,
        shape: Shape::ListOf(fields),
    }
}

pub(crate) const REQUEST: &[Field] = &[
    list_of("imp", IMP),
    any("tmax"),
    any("bcat"),
    any("acat"),
    any("cattax"),
    object("regs", REGS),
    object("site", SITE),
    object("app", APP),
];
const IMP: &[Field] = &[
    any("id"),
    any("bidfloor"),
    any("bidfloorcur"),
    object("pmp", PMP),
];
const PMP: &[Field] = &[list_of("deals", DEAL)];
const DEAL: &[Field] = &[any("id"), any("bidfloor"), any("bidfloorcur")];
const REGS: &[Field] = &[any("coppa"), object("ext", REGS_EXT)];
const REGS_EXT: &[Field] = &[any("coppa")];
const SITE: &[Field] = &[object("content", CONTENT)];
const APP: &[Field] = &[object("content", CONTENT), any("bundle"), any("name")];
const CONTENT: &[Field] = &[any("cat"), any("cattax"), any("contentrating")];

pub(crate) const RESPONSE: &[Field] = &[any("cur"), list_of("seatbid", SEATBID)];
const SEATBID: &[Field] = &[list_of("bid", BID)];
const BID: &[Field] = &[
    any("id"),
    any("impid"),
    any("price"),
    any("adomain"),
    any("cat"),
    any("cattax"),
    any("dealid"),
    any("qagmediarating"),
];

/// "A key that a gate reads stands twice in one object."
pub(crate) fn has_duplicate(node: &Node, shape: Shape) -> bool {
    match (node, shape) {
        (Node::Object(members), Shape::Object(fields)) => {
            fields
                .iter()
                .any(|field| members.iter().filter(|(key, _)| key == field.key).count() > 1)
                || members.iter().any(|(key, value)| {
                    shape
                        .member(key)
                        .is_some_and(|shape| has_duplicate(value, shape))
                })
        }
        (Node::Array(elements), Shape::ListOf(_)) => elements
            .iter()
            .any(|element| has_duplicate(element, shape.element())),
        _ => false,
    }
}
