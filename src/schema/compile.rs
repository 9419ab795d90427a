//! From a schema's JSON to nodes, with every flaw at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::keywords::{KEYWORDS, NOT_SUPPORTED};
use super::node::{
    ANYTHING, Combination, Dependent, KeySet, NOTHING, NamedKey, Node, NodeId, ObjectRules, Types,
};
use super::{Flaw, Schema};

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub(crate) fn compile(text: &str) -> Result<Self, Vec<Flaw>> {
        let document: Value = serde_json::from_str(text).map_err(|error| {
            vec![Flaw {
                pointer: String::new(),
                message: format!("is not JSON: {error}"),
            }]
        })?;
        let mut compiler = Compiler::new();
        let root = compiler.schema(&document, "");
        compiler.resolve();
        compiler.refuse_loops();
        if compiler.flaws.is_empty() {
            let nodes = compiler.nodes;
            Ok(Self { nodes, root })
        } else {
            Err(compiler.flaws)
        }
    }
}

/// A schema while it is compiled.
pub(super) struct Compiler {
    nodes: Vec<Node>,
    /// Where each node stands.
    pointers: Vec<String>,
    /// Nodes by JSON pointer, and by anchor: no anchor begins like a pointer, or is empty.
    by_name: BTreeMap<String, NodeId>,
    references: Vec<Reference>,
    flaws: Vec<Flaw>,
}

/// A `$ref`, whose target may stand further down.
struct Reference {
    from: NodeId,
    /// Pointer or anchor.
    target: String,
    at: String,
}

/// A node while its keywords are read.
pub(super) struct Draft {
    pub(super) id: NodeId,
    pub(super) node: Node,
    pub(super) test: Option<NodeId>,
    pub(super) then: Option<NodeId>,
    pub(super) otherwise: Option<NodeId>,
    pub(super) min_contains: Option<u64>,
}

impl Compiler {
    fn new() -> Self {
        let nothing = Node {
            types: Types::NONE,
            ..Node::default()
        };
        Self {
            nodes: vec![nothing, Node::default()],
            pointers: vec![String::new(); 2],
            by_name: BTreeMap::new(),
            references: Vec::new(),
            flaws: Vec::new(),
        }
    }

    /// Compiles the schema at a pointer.
    pub(super) fn schema(&mut self, schema: &Value, at: &str) -> NodeId {
        let id = match schema {
            Value::Bool(true) => ANYTHING,
            Value::Bool(false) => NOTHING,
            Value::Object(keywords) => self.node(keywords, at),
            other @ (Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                self.flaw(
                    at,
                    format!(
                        "must be a schema: an object, true or false; found {}",
                        kind(other)
                    ),
                );
                ANYTHING
            }
        };
        self.by_name.insert(at.to_owned(), id);
        id
    }

    fn node(&mut self, keywords: &Map<String, Value>, at: &str) -> NodeId {
        let mut draft = Draft::new(NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)));
        self.nodes.push(Node::default());
        self.pointers.push(at.to_owned());
        for (keyword, value) in keywords {
            let at = below(at, keyword);
            match KEYWORDS.iter().find(|(known, _)| known == keyword) {
                Some((_, read)) => read(self, &mut draft, value, &at),
                None => self.unknown(keyword, &at),
            }
        }
        let id = draft.id;
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            *node = draft.finish();
        }
        id
    }

    fn unknown(&mut self, keyword: &str, at: &str) {
        let known = NOT_SUPPORTED.iter().find(|(known, _)| *known == keyword);
        let message = match known {
            Some((_, advice)) => format!("is not supported; {advice}"),
            None => "is no keyword of draft 2020-12; remove it, or put what it says in `$comment`"
                .to_owned(),
        };
        self.flaw(at, message);
    }

    /// Records what is wrong at a pointer.
    pub(super) fn flaw(&mut self, at: &str, message: impl Into<String>) {
        self.flaws.push(Flaw {
            pointer: at.to_owned(),
            message: message.into(),
        });
    }

    /// The schemas of a non-empty array.
    pub(super) fn schemas(&mut self, list: &Value, at: &str) -> Vec<NodeId> {
        match list.as_array() {
            Some(schemas) if !schemas.is_empty() => (0..)
                .zip(schemas)
                .map(|(index, schema): (u32, _)| self.schema(schema, &format!("{at}/{index}")))
                .collect(),
            _ => {
                self.flaw(
                    at,
                    format!(
                        "must be a list of at least one schema; found {}",
                        kind(list)
                    ),
                );
                Vec::new()
            }
        }
    }

    /// The members of an object, each with its pointer.
    pub(super) fn members<'v>(
        &mut self,
        object: &'v Value,
        at: &str,
    ) -> Vec<(&'v str, &'v Value, String)> {
        let Some(members) = object.as_object() else {
            self.flaw(at, format!("must be an object; found {}", kind(object)));
            return Vec::new();
        };
        let member = |(key, value): (&'v String, &'v Value)| (key.as_str(), value, below(at, key));
        members.iter().map(member).collect()
    }

    /// The strings of an array, none of them twice.
    pub(super) fn strings<'v>(&mut self, list: &'v Value, at: &str) -> Vec<&'v str> {
        let strings: Option<Vec<&str>> =
            (list.as_array()).and_then(|list| list.iter().map(Value::as_str).collect());
        let Some(strings) = strings else {
            self.flaw(
                at,
                format!("must be a list of strings; found {}", kind(list)),
            );
            return Vec::new();
        };
        for (position, string) in strings.iter().enumerate() {
            if strings.iter().take(position).any(|other| other == string) {
                self.flaw(at, format!("names {string:?} twice; remove one"));
            }
        }
        strings
    }

    /// A whole number of at least 0.
    pub(super) fn count(&mut self, value: &Value, at: &str) -> Option<u64> {
        let whole = value
            .as_f64()
            .filter(|value| value.fract() == 0.0 && (0.0..=COUNT_MAX).contains(value));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 0 and COUNT_MAX, and whole"
        )]
        let count = whole.map(|count| count as u64);
        if count.is_none() {
            self.flaw(
                at,
                format!(
                    "must be a whole number of at least 0; found {}",
                    kind(value)
                ),
            );
        }
        count
    }

    /// A number, as JSON.
    pub(super) fn number(&mut self, value: &Value, at: &str) -> Option<Box<[u8]>> {
        if value.is_number() {
            return Some(value.to_string().into_bytes().into());
        }
        self.flaw(at, format!("must be a number; found {}", kind(value)));
        None
    }

    /// The set of one key of a node, whose presence matters.
    pub(super) fn presence(&mut self, rules: &mut ObjectRules, key: &str, at: &str) -> KeySet {
        let presence = rules.presence(key);
        presence.unwrap_or_else(|| {
            self.flaw(
                at,
                format!("asks for more than {} keys of one object; divide the keys between schemas with `allOf`", KeySet::KEYS),
            );
            KeySet::default()
        })
    }

    /// Gives a node another name.
    pub(super) fn anchor(&mut self, id: NodeId, name: &str, at: &str) {
        let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let other = |byte: u8| first(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        if !(name.bytes().next().is_some_and(first) && name.bytes().all(other)) {
            self.flaw(
                at,
                "must be a letter or `_`, followed by letters, digits, `_`, `-` and `.`",
            );
        } else if self.by_name.insert(name.to_owned(), id).is_some() {
            self.flaw(at, "names two schemas; rename one");
        }
    }

    /// Takes note of a `$ref`.
    pub(super) fn reference(&mut self, from: NodeId, target: &str, at: &str) {
        let name = target.strip_prefix('#').and_then(percent_decoded);
        let Some(name) = name else {
            self.flaw(at, format!("refers to {target:?}, which is not in this file; copy it into `$defs` and refer to `#/$defs/...`"));
            return;
        };
        self.references.push(Reference {
            from,
            target: name,
            at: at.to_owned(),
        });
    }

    fn resolve(&mut self) {
        for Reference { from, target, at } in std::mem::take(&mut self.references) {
            let target = self.by_name.get(&target).copied();
            match (target, self.nodes.get_mut(from.0 as usize)) {
                (Some(target), Some(node)) => node.all.push(target),
                _ => self.flaw(
                    &at,
                    "refers to a place where there is no schema; correct the pointer or anchor",
                ),
            }
        }
    }

    /// Schemas that come back to themselves on one and the same value would never end.
    fn refuse_loops(&mut self) {
        let on_same_value: Vec<Vec<NodeId>> = self.nodes.iter().map(Node::on_same_value).collect();
        // A node ends when all those that it goes on to do: what is left at last does not. What a node goes on to
        // mostly stands behind it, so one round from the back is mostly enough, and a second one to see that.
        let mut endless = vec![true; self.nodes.len()];
        let mut found = true;
        while std::mem::take(&mut found) {
            for (id, next) in on_same_value.iter().enumerate().rev() {
                let ends = |id: &NodeId| endless.get(id.0 as usize) == Some(&false);
                let newly = endless.get(id) == Some(&true) && next.iter().all(ends);
                if let Some(endless) = endless.get_mut(id).filter(|_| newly) {
                    *endless = false;
                    found = true;
                }
            }
        }
        let looping = self
            .pointers
            .iter()
            .zip(endless)
            .filter(|(_, endless)| *endless);
        let pointers: Vec<String> = looping.map(|(pointer, _)| pointer.clone()).collect();
        for pointer in pointers {
            self.flaw(&pointer, "comes back to itself on the same value; let one of the references stand in `properties` or `items`");
        }
    }
}

impl Draft {
    fn new(id: NodeId) -> Self {
        Self {
            id,
            node: Node::default(),
            test: None,
            then: None,
            otherwise: None,
            min_contains: None,
        }
    }

    fn finish(self) -> Node {
        let mut node = self.node;
        if let Some(test) = self.test {
            node.combinations.push(Combination::If {
                test,
                then: self.then,
                otherwise: self.otherwise,
            });
        }
        if let Some(array) = &mut node.array {
            array.contained.min = self.min_contains.unwrap_or(1);
        }
        if let Some(object) = &mut node.object {
            object
                .keys
                .sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        }
        node
    }
}

impl ObjectRules {
    /// The entry for a key, made if need be.
    pub(super) fn named(&mut self, name: &str) -> Option<&mut NamedKey> {
        let position = self.keys.iter().position(|key| &*key.name == name);
        let position = position.unwrap_or(self.keys.len());
        if position == self.keys.len() {
            self.keys.push(NamedKey {
                name: name.into(),
                value: None,
                presence: KeySet::default(),
            });
        }
        self.keys.get_mut(position)
    }

    /// The set of this key alone; none when there are too many.
    fn presence(&mut self, name: &str) -> Option<KeySet> {
        let none = KeySet::default();
        let taken = self.keys.iter().filter(|key| key.presence != none).count();
        let key = self.named(name)?;
        if key.presence == none {
            let bit = u32::try_from(taken)
                .ok()
                .filter(|taken| *taken < KeySet::KEYS)?;
            key.presence = KeySet(1 << bit);
        }
        Some(key.presence)
    }
}

impl Node {
    /// The nodes that are run on the same value as this one.
    fn on_same_value(&self) -> Vec<NodeId> {
        let mut next = self.all.clone();
        for combination in &self.combinations {
            match combination {
                Combination::Any(schemas) | Combination::One(schemas) => next.extend(schemas),
                Combination::Not(schema) => next.push(*schema),
                Combination::If {
                    test,
                    then,
                    otherwise,
                } => {
                    next.push(*test);
                    next.extend(then.iter().chain(otherwise));
                }
            }
        }
        let dependents = self.object.iter().flat_map(|rules| &rules.dependents);
        next.extend(dependents.filter_map(|Dependent { schema, .. }| *schema));
        next
    }
}

/// The largest count that a double holds exactly.
const COUNT_MAX: f64 = 9_007_199_254_740_992.0;

/// The pointer of a member.
fn below(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A value in the words of a message.
pub(super) fn kind(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The fragment of a URI as text; none when it is not.
fn percent_decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit()? << 4 | digit()?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}
