//! A document as it was understood, defaults filled in.
use std::fmt::{self, Write as _};

use saphyr_parser::ScalarStyle;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::node::Value;
use super::yaml::scalar;

/// What a document means: every key that was asked for, with its value or its default.
///
/// There is one text for one meaning ([`Effective::to_yaml`]), whatever the document looked like.
#[derive(Clone, Debug, PartialEq)]
pub enum Effective {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i128),
    /// A finite number.
    Number(f64),
    /// A string.
    Text(String),
    /// Values in their order.
    List(Vec<Self>),
    /// Keys and values in the order they were asked for.
    Mapping(Vec<(String, Self)>),
}

impl Effective {
    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        if let Self::List(items) = self {
            items
        } else {
            &[]
        }
    }

    /// The keys and values of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        if let Self::Mapping(entries) = self {
            entries
        } else {
            &[]
        }
    }

    /// The value of a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.entries().iter();
        entries
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Paths of the values that differ, such as `limits.depth`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut paths = Vec::new();
        add_differences("", Some(self), Some(other), &mut paths);
        paths
    }

    /// YAML that parses back to this value: the canonical rendering.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        self.to_string()
    }

    /// The first 64 bits of the SHA-256 of the canonical rendering: enough to tell policies apart by eye.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let hash = Sha256::digest(self.to_yaml());
        hash.iter()
            .take(DIGEST_BYTES)
            .fold(0, |digest, byte| digest << 8 | u64::from(*byte))
    }
}

const DIGEST_BYTES: usize = 8;

/// As JSON, with keys in their order.
impl Serialize for Effective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Integer(integer) => serializer.serialize_i128(*integer),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Mapping(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

fn add_differences(
    path: &str,
    one: Option<&Effective>,
    other: Option<&Effective>,
    paths: &mut Vec<String>,
) {
    if one == other {
        return;
    }
    let (Some(Effective::Mapping(ours)), Some(Effective::Mapping(theirs))) = (one, other) else {
        return paths.push(path.to_owned());
    };
    let added = theirs
        .iter()
        .filter(|(key, _)| ours.iter().all(|(known, _)| known != key));
    for (key, _) in ours.iter().chain(added) {
        let dot = if path.is_empty() { "" } else { "." };
        let below = format!("{path}{dot}{key}");
        let ours = one.and_then(|one| one.get(key));
        let theirs = other.and_then(|other| other.get(key));
        add_differences(&below, ours, theirs, paths);
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Mapping(entries) = self
            && !entries.is_empty()
        {
            return write_mapping(f, entries, 0, "");
        }
        if let Self::List(items) = self
            && !items.is_empty()
        {
            return write_list(f, items, 0);
        }
        write_flow(f, self)?;
        f.write_str("\n")
    }
}

/// Writes one `key: value` a line. The first line begins with `lead`, which stands in for its indentation.
fn write_mapping(
    f: &mut fmt::Formatter<'_>,
    entries: &[(String, Effective)],
    indent: usize,
    lead: &str,
) -> fmt::Result {
    for (position, (key, value)) in entries.iter().enumerate() {
        match position {
            0 => f.write_str(lead)?,
            _ => write!(f, "{:indent$}", "")?,
        }
        write_text(f, key)?;
        f.write_str(":")?;
        write_below(f, value, indent)?;
    }
    Ok(())
}

fn write_list(f: &mut fmt::Formatter<'_>, items: &[Effective], indent: usize) -> fmt::Result {
    for item in items {
        write!(f, "{:indent$}-", "")?;
        if let Effective::Mapping(entries) = item
            && !entries.is_empty()
        {
            write_mapping(f, entries, indent + INDENT, " ")?;
        } else {
            write_below(f, item, indent)?;
        }
    }
    Ok(())
}

/// Writes what follows a key or a dash: on the same line if it is short, else on the lines below.
fn write_below(f: &mut fmt::Formatter<'_>, value: &Effective, indent: usize) -> fmt::Result {
    if let Effective::Mapping(entries) = value
        && !entries.is_empty()
    {
        write!(f, "\n{:1$}", "", indent + INDENT)?;
        return write_mapping(f, entries, indent + INDENT, "");
    }
    if value.items().iter().any(is_nested) {
        f.write_str("\n")?;
        return write_list(f, value.items(), indent + INDENT);
    }
    f.write_str(" ")?;
    write_flow(f, value)?;
    f.write_str("\n")
}

const INDENT: usize = 2;

fn is_nested(value: &Effective) -> bool {
    matches!(value, Effective::List(_) | Effective::Mapping(_))
}

/// Writes a value that stands on one line.
fn write_flow(f: &mut fmt::Formatter<'_>, value: &Effective) -> fmt::Result {
    match value {
        Effective::Flag(flag) => write!(f, "{flag}"),
        Effective::Integer(integer) => write!(f, "{integer}"),
        // Debug keeps the fraction of 50.0, so that a number reads back as one.
        Effective::Number(number) => write!(f, "{number:?}"),
        Effective::Text(text) => write_text(f, text),
        Effective::List(items) => {
            f.write_str("[")?;
            for (position, item) in items.iter().enumerate() {
                f.write_str(if position == 0 { "" } else { ", " })?;
                write_flow(f, item)?;
            }
            f.write_str("]")
        }
        Effective::Mapping(_) => f.write_str("{}"),
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if is_plain(text) {
        f.write_str(text)
    } else {
        write_quoted(f, text)
    }
}

/// True for a word that no reader of YAML, 1.1 or 1.2, takes for anything but this text.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let simple = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    let word = ["y", "n", "yes", "no", "on", "off"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text));
    begins && simple && !word && matches!(scalar(text, ScalarStyle::Plain), Value::Text(_))
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            ' '..='~' => f.write_char(c)?,
            c if c.is_alphanumeric() => f.write_char(c)?,
            c => write!(f, "\\U{:08x}", u32::from(c))?,
        }
    }
    f.write_str("\"")
}
