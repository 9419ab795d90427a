//! The tree of a document.

use std::fmt;
use std::path::Path;

use super::problem::{A_KEY, holds_key};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    /// `file:line:column`, or the name of the flag or variable that gave the value.
    pub(super) place: String,
    /// Its path in the document, where it is read as part of something else than what it is written in.
    pub(super) path: Option<String>,
}

/// What a document can say.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Flag(bool),
    /// Wide enough for every `u64` and its negation.
    Integer(i128),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    /// In document order; no key stands twice.
    Mapping(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: String,
    pub(super) node: Node,
}

/// A value, at this place, that stands where a mapping is needed.
#[derive(Debug)]
pub(super) struct NotAMapping {
    pub(super) place: String,
}

impl Node {
    pub(super) fn new(value: Value, place: &str) -> Self {
        Self {
            value,
            place: place.to_owned(),
            path: None,
        }
    }

    /// The folder of the file in which the value stands; the working directory for flags and variables.
    pub(super) fn folder(&self) -> &Path {
        let file = self.place.rsplitn(3, ':').nth(2).unwrap_or_default();
        Path::new(file).parent().unwrap_or_else(|| Path::new(""))
    }

    /// The entries of a mapping; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Value::Mapping(entries) = &self.value {
            entries
        } else {
            &[]
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Value::Mapping(entries) = &mut self.value {
            entries.retain(|entry| entry.key != key);
        }
    }

    /// Puts `node` at a path of mapping keys, making the mappings on the way.
    ///
    /// # Errors
    /// When a value on the way is not a mapping.
    pub(super) fn put(&mut self, path: &str, node: Self) -> Result<(), NotAMapping> {
        let place = node.place.clone();
        let mut node = Some(node);
        let mut parent = self;
        for key in path.split('.') {
            parent = parent.entry_or_insert(key, &place)?;
        }
        if let Some(node) = node.take() {
            *parent = node;
        }
        Ok(())
    }

    fn entry_or_insert(&mut self, key: &str, place: &str) -> Result<&mut Self, NotAMapping> {
        if matches!(self.value, Value::Null) {
            self.value = Value::Mapping(Vec::new());
        }
        let Value::Mapping(entries) = &mut self.value else {
            return Err(NotAMapping {
                place: self.place.clone(),
            });
        };
        let position = entries
            .iter()
            .position(|entry| entry.key == key)
            .unwrap_or(entries.len());
        if position == entries.len() {
            entries.push(Entry {
                key: key.to_owned(),
                key_place: place.to_owned(),
                node: Self::new(Value::Null, place),
            });
        }
        entries
            .get_mut(position)
            .map(|entry| &mut entry.node)
            .ok_or_else(|| NotAMapping {
                place: place.to_owned(),
            })
    }

    /// The node at a path such as `rates.EUR` or `listen[1]`, or the deepest one on the way that exists.
    pub(super) fn nearest(&self, path: &str) -> &Self {
        let mut node = self;
        for step in path.split(['.', '[']) {
            let next = match &node.value {
                Value::List(items) => step
                    .trim_end_matches(']')
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get(index)),
                Value::Mapping(_) => node.entry(step).map(|entry| &entry.node),
                Value::Null
                | Value::Flag(_)
                | Value::Integer(_)
                | Value::Number(_)
                | Value::Text(_) => None,
            };
            let Some(next) = next else { break };
            node = next;
        }
        node
    }
}

impl Value {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number, if it is one without a fraction, however it is written: `15`, `15.0` and `1.5e1` are one number in
    /// JSON Schema too. Adding 0 makes one zero of the two.
    pub(super) fn whole(&self) -> Option<u64> {
        match self {
            Self::Integer(integer) => u64::try_from(*integer).ok(),
            Self::Number(number) if number.fract() == 0.0 => {
                format!("{:.0}", number + 0.0).parse().ok()
            }
            Self::Null
            | Self::Flag(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Mapping(_) => None,
        }
    }

    /// The number, if it is one and finite.
    pub(super) fn finite(&self) -> Option<f64> {
        let number = match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number written without a fraction is meant as the nearest double"
            )]
            Self::Integer(integer) => *integer as f64,
            Self::Number(number) => *number,
            Self::Null | Self::Flag(_) | Self::Text(_) | Self::List(_) | Self::Mapping(_) => {
                return None;
            }
        };
        number.is_finite().then_some(number)
    }
}

impl fmt::Display for Value {
    /// As a message names it; long text is cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("nothing"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Text(text) if holds_key(text) => f.write_str(A_KEY),
            Self::Text(text) if text.chars().nth(SHOWN_CHARS).is_some() => {
                write!(
                    f,
                    "the text {:?}...",
                    text.chars().take(SHOWN_CHARS).collect::<String>()
                )
            }
            Self::Text(text) => write!(f, "the text {text:?}"),
            Self::List(_) => f.write_str("a list"),
            Self::Mapping(_) => f.write_str("a mapping"),
        }
    }
}

/// Characters of a text that a message shows: enough to recognise it, and the line stays short.
const SHOWN_CHARS: usize = 40;
