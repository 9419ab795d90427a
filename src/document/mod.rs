//! YAML documents read with every error at once, each with its place and path.
//!
//! A [`Document`] is parsed text, overlaid with single keys from flags and environment variables. Reading it goes
//! through one [`Section`] for each mapping, which checks and records every key asked for. What was recorded is the
//! [`Effective`] tree: the document with its defaults filled in, and the text that printing and digests use.

mod effective;
mod layer;
mod node;
mod problem;
mod section;
mod shape;
mod suggest;
mod wanted;
mod yaml;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

pub use effective::Effective;
pub use layer::NamedList;
pub use problem::{Problem, Problems};
pub use section::{Section, TextFile};

pub(crate) use problem::{holds_key, visible, without_keys};
pub(crate) use suggest::closest;

use crate::limits::DOCUMENT_BYTES_MAX;
use node::{Node, NotAMapping, Value};

/// A parsed document, not yet understood.
#[derive(Clone, Debug)]
pub struct Document {
    root: Node,
    /// What is wrong so far; reported by [`Document::read`] with everything else.
    problems: Vec<Problem>,
}

impl Document {
    /// A document without keys, of which everything is at its default.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            root: Node::new(Value::Mapping(Vec::new()), "defaults"),
            problems: Vec::new(),
        }
    }

    /// Reads a document without keys: everything is at its default. Nothing can be wrong with what nobody wrote.
    pub fn defaults<T>(read: impl FnOnce(&mut Section) -> T) -> T {
        let Self { root, problems } = Self::empty();
        read(&mut Section::root(root, problems))
    }

    /// JSON Schema (draft 2020-12) of the documents that `read` accepts, as far as a schema can tell: made of what
    /// `read` asks for.
    pub fn schema<T>(title: &str, read: impl FnOnce(&mut Section) -> T) -> Effective {
        let mut section = Section::declaring();
        read(&mut section);
        let head = [("$schema", JSON_SCHEMA), ("title", title)]
            .map(|(key, text)| (key.to_owned(), Effective::Text(text.to_owned())));
        let schema = section.declared().schema(true);
        let entries = head.into_iter().chain(schema.entries().iter().cloned());
        Effective::Mapping(entries.collect())
    }

    /// Parses YAML text; `origin` names the text in the places of problems. Text without content is an empty mapping.
    ///
    /// # Errors
    /// The first syntax error. Keys that stand twice are reported later, by [`Document::read`].
    pub fn parse(text: &str, origin: &str) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let root = yaml::parse(text, &yaml::Origin::File(origin), &mut problems)?;
        Ok(Self { root, problems })
    }

    /// Reads and parses a file.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than [`DOCUMENT_BYTES_MAX`], is not UTF-8 or not YAML.
    pub fn open(path: &Path) -> Result<Self, Problems> {
        let origin = path.display().to_string();
        match read_text(path) {
            Ok(text) => Self::parse(&text, &origin),
            Err(error) => {
                Err(Problem::new(origin, "", format!("cannot read the file: {error}")).into())
            }
        }
    }

    /// Overlays the key at `path`, such as `policy.timeout_ms`, with a value given as YAML text. `origin` is the flag
    /// or variable that said so. Text that is not YAML is reported by [`Document::read`].
    pub fn set(&mut self, path: &str, text: &str, origin: &str) {
        match self.parse_setting(path, text, origin) {
            Ok(node) => self.put(path, node),
            Err(problems) => self.add_problems(problems),
        }
    }

    /// Overlays the key at `path` with a text, which need not be quoted: `0660` is the text of those four digits.
    pub fn set_text(&mut self, path: &str, text: &str, origin: &str) {
        let setting = yaml::Origin::Setting { name: origin, path };
        let node = match yaml::parse(text, &setting, &mut Vec::new()) {
            Ok(node) if matches!(node.value, Value::Text(_)) => node,
            _ => Node::new(Value::Text(text.to_owned()), origin),
        };
        self.put(path, node);
    }

    /// Overlays the key at `path` with a list. Each text is a YAML list in brackets, or words with commas between.
    pub fn set_list(&mut self, path: &str, texts: &[&str], origin: &str) {
        let mut items = Vec::new();
        for text in texts.iter().map(|text| text.trim()) {
            if !(text.starts_with('[') && text.ends_with(']')) {
                items.extend(
                    text.split(',')
                        .map(|word| Node::new(Value::Text(word.trim().to_owned()), origin)),
                );
                continue;
            }
            match self.parse_setting(path, text, origin) {
                Ok(Node {
                    value: Value::List(listed),
                    ..
                }) => items.extend(listed),
                Ok(other) => items.push(other),
                Err(problems) => return self.add_problems(problems),
            }
        }
        self.put(path, Node::new(Value::List(items), origin));
    }

    /// True when the root mapping has a key that `accept` accepts.
    #[must_use]
    pub fn has_key(&self, accept: impl Fn(&str) -> bool) -> bool {
        self.root.entries().iter().any(|entry| accept(&entry.key))
    }

    /// The text at a key of the root mapping, if it is a text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.root.entry(key)?.node.value.text()
    }

    /// Removes a key of the root mapping.
    pub fn remove(&mut self, key: &str) {
        self.root.remove(key);
    }

    /// Puts the whole of another document at a key of the root mapping.
    pub fn graft(&mut self, key: &str, other: Self) {
        self.problems.extend(other.problems);
        self.put(key, other.root);
    }

    /// Records problems found elsewhere.
    pub fn add_problems(&mut self, problems: Problems) {
        self.problems.extend(problems.0);
    }

    /// Reads the root mapping.
    ///
    /// # Errors
    /// Every problem of the document: those of its text, those that `read` met, and keys that `read` did not ask
    /// for; in the order of their places.
    pub fn read<T>(self, read: impl FnOnce(&mut Section) -> T) -> Result<T, Problems> {
        let mut root = Section::root(self.root, self.problems);
        let value = read(&mut root);
        let (_, mut problems) = root.finish();
        // What stands in one place and is read as part of several mappings is wrong once.
        let mut known = BTreeSet::new();
        problems.retain(|problem| known.insert(problem.clone()));
        problems.sort_by_cached_key(Problem::position);
        if problems.is_empty() {
            Ok(value)
        } else {
            Err(Problems(problems))
        }
    }

    fn parse_setting(&mut self, path: &str, text: &str, origin: &str) -> Result<Node, Problems> {
        let origin = yaml::Origin::Setting { name: origin, path };
        yaml::parse(text, &origin, &mut self.problems)
    }

    fn put(&mut self, path: &str, node: Node) {
        if let Err(NotAMapping { place }) = self.root.put(path, node) {
            let message =
                "lies below a value that is not a mapping; make that a mapping or remove it";
            self.problems.push(Problem::new(place, path, message));
        }
    }
}

const JSON_SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";

/// The text of a file of at most [`DOCUMENT_BYTES_MAX`] bytes.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(DOCUMENT_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is larger than {DOCUMENT_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
