//! What a document may say, noted while it is read: a schema made of it cannot disagree with the reader.

use std::ops::RangeInclusive;

use super::effective::Effective;
use super::wanted::Wanted;

/// A key that a reader asked for.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    /// What it may hold; more than one if the reader knows several ways to read it.
    shapes: Vec<Shape>,
    required: bool,
    /// What its texts look like, a regular expression of ECMA-262.
    pattern: Option<&'static str>,
    /// What it holds when it is absent.
    pub(super) default: Option<Effective>,
}

/// What a key may hold.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Flag,
    Integer(RangeInclusive<u64>),
    Positive,
    NonNegative,
    Choice(Vec<String>),
    Text,
    Texts,
    Integers(RangeInclusive<u64>),
    Rates,
    Mapping(Keys),
    /// Mappings, each of one of these kinds.
    List(Vec<Keys>),
}

/// The keys of one mapping, in the order in which they were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(pub(super) Vec<Key>);

impl Keys {
    /// Notes that `key` may hold `shape`.
    pub(super) fn add(&mut self, key: &str, shape: Shape) {
        self.change(key, |key| key.shapes.push(shape));
    }

    pub(super) fn require(&mut self, key: &str) {
        self.change(key, |key| key.required = true);
    }

    pub(super) fn spell(&mut self, key: &str, pattern: &'static str) {
        self.change(key, |key| key.pattern = Some(pattern));
    }

    /// The key that must be there, and the words that it may hold: what tells the kinds of mappings apart.
    pub(super) fn kinds(&self) -> Option<(String, Vec<String>)> {
        let required = self.0.iter().find(|key| key.required)?;
        match required.shapes.as_slice() {
            [Shape::Choice(words)] => Some((required.name.clone(), words.clone())),
            _ => None,
        }
    }

    /// Narrows a key to one word.
    pub(super) fn fix(&mut self, key: &str, word: &str) {
        self.change(key, |key| {
            key.shapes = vec![Shape::Choice(vec![word.to_owned()])];
        });
    }

    /// JSON Schema of a mapping with these keys and no others. An absent mapping, written as nothing, is empty.
    pub(super) fn schema(&self, may_be_null: bool) -> Effective {
        let keys = self.0.iter().map(|key| (key.name.clone(), key.schema()));
        let required: Vec<_> = self
            .0
            .iter()
            .filter(|key| key.required)
            .map(|key| Effective::Text(key.name.clone()))
            .collect();
        let mut schema = vec![
            ("type", mapping_type(may_be_null)),
            ("properties", Effective::Mapping(keys.collect())),
        ];
        if !required.is_empty() {
            schema.push(("required", Effective::List(required)));
        }
        schema.push(("additionalProperties", Effective::Flag(false)));
        mapping(schema)
    }

    /// Lets `change` change a key, which it makes if there is none.
    fn change(&mut self, name: &str, change: impl FnOnce(&mut Key)) {
        if let Some(key) = self.0.iter_mut().find(|key| key.name == name) {
            return change(key);
        }
        let mut key = Key::new(name);
        change(&mut key);
        self.0.push(key);
    }
}

impl Key {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            shapes: Vec::new(),
            required: false,
            pattern: None,
            default: None,
        }
    }

    fn schema(&self) -> Effective {
        match self.shapes.as_slice() {
            [shape] => self.with_default(shape.schema(self.pattern, true)),
            shapes => {
                let shapes = shapes.iter().map(|shape| shape.schema(self.pattern, false));
                mapping(vec![("anyOf", Effective::List(shapes.collect()))])
            }
        }
    }

    /// The default of a mapping is that of its keys.
    fn with_default(&self, mut schema: Effective) -> Effective {
        if let Effective::Mapping(entries) = &mut schema
            && !matches!(self.shapes.as_slice(), [Shape::Mapping(_)])
            && !self.required
        {
            let default = self.default.iter().cloned();
            entries.extend(default.map(|default| ("default".to_owned(), default)));
        }
        schema
    }
}

impl Shape {
    fn schema(&self, pattern: Option<&'static str>, may_be_null: bool) -> Effective {
        match self {
            Self::Flag => mapping(vec![("type", text("boolean"))]),
            Self::Integer(range) => integer(range),
            Self::Positive => positive(),
            Self::NonNegative => mapping(vec![
                ("type", text("number")),
                ("minimum", Effective::Integer(0)),
            ]),
            Self::Choice(words) => match words.as_slice() {
                [word] => mapping(vec![("const", text(word))]),
                words => {
                    let words = words.iter().map(|word| text(word));
                    mapping(vec![("enum", Effective::List(words.collect()))])
                }
            },
            Self::Text => spelled(pattern),
            Self::Texts => mapping(vec![("type", text("array")), ("items", spelled(pattern))]),
            Self::Integers(range) => {
                mapping(vec![("type", text("array")), ("items", integer(range))])
            }
            Self::Rates => mapping(vec![
                ("type", mapping_type(may_be_null)),
                ("propertyNames", spelled(pattern)),
                ("additionalProperties", positive()),
            ]),
            Self::Mapping(keys) => keys.schema(may_be_null),
            Self::List(kinds) => mapping(vec![("type", text("array")), ("items", one_of(kinds))]),
        }
    }
}

impl From<&Wanted<'_>> for Shape {
    fn from(wanted: &Wanted<'_>) -> Self {
        match wanted {
            Wanted::Flag => Self::Flag,
            Wanted::Integer(range) => Self::Integer(range.clone()),
            Wanted::Positive => Self::Positive,
            Wanted::NonNegative => Self::NonNegative,
            Wanted::Choice(words) => {
                Self::Choice(words.iter().map(|word| (*word).to_owned()).collect())
            }
            Wanted::Text => Self::Text,
            Wanted::List => Self::Texts,
            Wanted::Mapping | Wanted::Item(_) => Self::Mapping(Keys::default()),
        }
    }
}

fn one_of(kinds: &[Keys]) -> Effective {
    match kinds {
        [kind] => kind.schema(false),
        kinds => {
            let kinds = kinds.iter().map(|kind| kind.schema(false));
            mapping(vec![("oneOf", Effective::List(kinds.collect()))])
        }
    }
}

fn mapping_type(may_be_null: bool) -> Effective {
    if may_be_null {
        Effective::List(vec![text("object"), text("null")])
    } else {
        text("object")
    }
}

fn integer(range: &RangeInclusive<u64>) -> Effective {
    mapping(vec![
        ("type", text("integer")),
        ("minimum", Effective::Integer((*range.start()).into())),
        ("maximum", Effective::Integer((*range.end()).into())),
    ])
}

fn positive() -> Effective {
    mapping(vec![
        ("type", text("number")),
        ("exclusiveMinimum", Effective::Integer(0)),
    ])
}

fn spelled(pattern: Option<&'static str>) -> Effective {
    let pattern = pattern.map(|pattern| ("pattern", text(pattern)));
    mapping(
        std::iter::once(("type", text("string")))
            .chain(pattern)
            .collect(),
    )
}

fn text(text: &str) -> Effective {
    Effective::Text(text.to_owned())
}

fn mapping(entries: Vec<(&str, Effective)>) -> Effective {
    let entries = entries.into_iter();
    Effective::Mapping(
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}
