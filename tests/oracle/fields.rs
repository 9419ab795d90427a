//! "Keys that gates read" (spec: contract §3), as a table, and what follows from it: which duplicates are errors.
use super::json::Node;

/// A key that a gate reads.
#[derive(Debug)]
pub(crate) struct Field {
    key: &'static str,
    kind: Kind,
    /// The gates that read it; none is every policy.
    gates: &'static [&'static str],
}

/// What a value consists of, as far as gates care.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A value without fields: read as a whole.
    Any,
    /// An object with these fields.
    Object(&'static [Field]),
    /// An array of objects with these fields.
    ListOf(&'static [Field]),
}

/// The gates that a policy lists, by their names.
pub(crate) type Listed<'p> = &'p [&'static str];

/// What a value consists of under a policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'p> {
    kind: Kind,
    listed: Listed<'p>,
}

impl<'p> Shape<'p> {
    /// A value that is read as a whole.
    pub(crate) const ANY: Shape<'static> = Shape {
        kind: Kind::Any,
        listed: &[],
    };

    pub(crate) fn request(listed: Listed<'p>) -> Self {
        Self {
            kind: Kind::Object(REQUEST),
            listed,
        }
    }

    pub(crate) fn response(listed: Listed<'p>) -> Self {
        Self {
            kind: Kind::Object(RESPONSE),
            listed,
        }
    }

    pub(crate) fn is_any(self) -> bool {
        matches!(self.kind, Kind::Any)
    }

    pub(crate) fn is_object(self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    /// The shape of a member, if a gate reads it.
    pub(crate) fn member(self, key: &str) -> Option<Self> {
        let Kind::Object(fields) = self.kind else {
            return None;
        };
        let is_read = |field: &&Field| {
            field.gates.is_empty() || field.gates.iter().any(|gate| self.listed.contains(gate))
        };
        let field = fields
            .iter()
            .filter(is_read)
            .find(|field| field.key == key)?;
        Some(Self {
            kind: field.kind,
            ..self
        })
    }

    /// The shape of an array's elements.
    pub(crate) fn element(self) -> Self {
        let kind = match self.kind {
            Kind::ListOf(fields) => Kind::Object(fields),
            Kind::Any | Kind::Object(_) => Kind::Any,
        };
        Self { kind, ..self }
    }
}

impl Field {
    const fn read_by(self, gates: &'static [&'static str]) -> Self {
        Self {
            key: self.key,
            kind: self.kind,
            gates,
        }
    }
}

const fn any(key: &'static str) -> Field {
    Field {
        key,
        kind: Kind::Any,
        gates: &[],
    }
}

const fn object(key: &'static str, fields: &'static [Field]) -> Field {
    Field {
        kind: Kind::Object(fields),
        ..any(key)
    }
}

const fn list_of(key: &'static str, fields: &'static [Field]) -> Field {
    Field {
        kind: Kind::ListOf(fields),
        ..any(key)
    }
}

const ADVERTISERS: &[&str] = &["advertiserBlock"];
const ATTRIBUTES: &[&str] = &["attributeBlock"];
const COPPA: &[&str] = &["coppaLeak"];
const DURATIONS: &[&str] = &["floorCompliance"];
const IDENTITY: &[&str] = &["creativeIdentity"];
const IDS: &[&str] = &["responseId"];
const MARKUP: &[&str] = &["creativeIdentity", "mediaMatch", "secureMarkup"];
const MEDIA: &[&str] = &["attributeBlock", "mediaMatch"];
const MTYPES: &[&str] = &["attributeBlock", "mediaMatch", "floorCompliance"];
const SEATS: &[&str] = &["seatMatch"];
const SIZES: &[&str] = &["mediaMatch"];

const REQUEST: &[Field] = &[
    list_of("imp", IMP),
    any("tmax"),
    any("bcat"),
    any("acat"),
    any("cattax"),
    object("regs", REGS),
    object("site", SITE),
    object("app", APP),
    any("id").read_by(IDS),
    any("cur").read_by(&["currencyAllowed"]),
    any("badv").read_by(ADVERTISERS),
    any("bapp").read_by(&["appBlock"]),
    any("wseat").read_by(SEATS),
    any("bseat").read_by(SEATS),
    object("device", DEVICE).read_by(COPPA),
    object("user", USER).read_by(COPPA),
];
const IMP: &[Field] = &[
    any("id"),
    any("bidfloor"),
    any("bidfloorcur"),
    object("pmp", PMP),
    any("secure").read_by(&["secureMarkup"]),
    any("instl").read_by(SIZES),
    object("banner", BANNER).read_by(MEDIA),
    object("video", STREAM).read_by(MTYPES),
    object("audio", STREAM).read_by(MTYPES),
    object("native", NATIVE).read_by(MEDIA),
];
const BANNER: &[Field] = &[
    any("battr").read_by(ATTRIBUTES),
    any("w").read_by(SIZES),
    any("h").read_by(SIZES),
    list_of("format", FORMAT).read_by(SIZES),
];
const FORMAT: &[Field] = &[any("w"), any("h")];
const STREAM: &[Field] = &[
    any("battr").read_by(ATTRIBUTES),
    list_of("durfloors", DURFLOOR).read_by(DURATIONS),
];
const DURFLOOR: &[Field] = &[any("mindur"), any("maxdur"), any("bidfloor")];
const NATIVE: &[Field] = &[any("battr").read_by(ATTRIBUTES)];
const PMP: &[Field] = &[
    list_of("deals", DEAL),
    any("private_auction").read_by(&["dealMatch"]),
];
const DEAL: &[Field] = &[
    any("id"),
    any("bidfloor"),
    any("bidfloorcur"),
    any("wadomain").read_by(ADVERTISERS),
    any("wseat").read_by(SEATS),
];
const REGS: &[Field] = &[any("coppa"), object("ext", REGS_EXT)];
const REGS_EXT: &[Field] = &[any("coppa")];
const SITE: &[Field] = &[object("content", CONTENT)];
const APP: &[Field] = &[object("content", CONTENT), any("bundle"), any("name")];
const CONTENT: &[Field] = &[any("cat"), any("cattax"), any("contentrating")];
const DEVICE: &[Field] = &[
    any("ifa"),
    any("didsha1"),
    any("didmd5"),
    any("dpidsha1"),
    any("dpidmd5"),
    any("macsha1"),
    any("macmd5"),
    any("ip"),
    any("ipv6"),
    object("geo", GEO),
];
const USER: &[Field] = &[
    any("id"),
    any("buyeruid"),
    any("yob"),
    any("gender"),
    any("eids"),
    object("geo", GEO),
    object("ext", USER_EXT),
];
const USER_EXT: &[Field] = &[any("eids")];
const GEO: &[Field] = &[any("lat"), any("lon"), any("zip")];

const RESPONSE: &[Field] = &[
    any("cur"),
    list_of("seatbid", SEATBID),
    any("id").read_by(IDS),
];
const SEATBID: &[Field] = &[list_of("bid", BID), any("seat").read_by(SEATS)];
const BID: &[Field] = &[
    any("id"),
    any("impid"),
    any("price"),
    any("adomain"),
    any("cat"),
    any("cattax"),
    any("dealid"),
    any("qagmediarating"),
    any("crid").read_by(IDENTITY),
    any("adid").read_by(IDENTITY),
    any("nurl").read_by(IDENTITY),
    any("adm").read_by(MARKUP),
    any("bundle").read_by(&["appBlock"]),
    any("mtype").read_by(MTYPES),
    any("w").read_by(SIZES),
    any("h").read_by(SIZES),
    any("dur").read_by(DURATIONS),
    any("attr").read_by(ATTRIBUTES),
];

/// "A key that a gate reads stands twice in one object."
pub(crate) fn has_duplicate(node: &Node, shape: Shape<'_>) -> bool {
    match node {
        Node::Object(members) => members.iter().any(|(key, value)| {
            shape.member(key).is_some_and(|member| {
                members.iter().filter(|(other, _)| other == key).count() > 1
                    || has_duplicate(value, member)
            })
        }),
        Node::Array(elements) => elements
            .iter()
            .any(|element| has_duplicate(element, shape.element())),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Skipped => false,
    }
}
