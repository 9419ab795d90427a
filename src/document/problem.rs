//! What is wrong with a document.

use std::fmt;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands: `bidgate.yaml:12:7`, `--policy-timeout-ms` or `BIDGATE_POLICY_TIMEOUT_MS`.
    pub place: String,
    /// Path of the key: `policy.gates[3].max_price`. Empty when the problem is with the document as a whole.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A problem at a place. A path that holds a key of telemetry is not told, nor is a key in the name of a place; control
    /// characters in both are escaped, for they are shown on terminals.
    pub fn new(
        place: impl Into<String>,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let path = path.into();
        Self {
            place: visible(&without_keys(&place.into())),
            path: if holds_key(&path) {
                A_KEY.to_owned()
            } else {
                visible(&path)
            },
            message: message.into(),
        }
    }

    /// The place to sort by: its name, then line and column as numbers.
    pub(super) fn position(&self) -> (String, u32, u32) {
        let mut parts = self.place.rsplitn(3, ':');
        let column = parts.next().and_then(|column| column.parse().ok());
        let line = parts.next().and_then(|line| line.parse().ok());
        match (parts.next(), line, column) {
            (Some(name), Some(line), Some(column)) => (name.to_owned(), line, column),
            _ => (self.place.clone(), 0, 0),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            path,
            message,
        } = self;
        if path.is_empty() {
            write!(f, "{place}: {message}")
        } else {
            write!(f, "{place}: {path}: {message}")
        }
    }
}

/// A text with escapes in place of what breaks a line or speaks to a terminal.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether a text holds a key of telemetry, which no message may quote (spec: telemetry §4).
pub(crate) fn holds_key(text: &str) -> bool {
    KEY_PREFIXES.iter().any(|prefix| text.contains(prefix))
}

/// A text with the prefix alone in place of each key of telemetry.
pub(crate) fn without_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = KEY_PREFIXES.iter().filter_map(|key| rest.find(key)).min() {
        let (before, key) = rest.split_at(at);
        let (prefix, behind) = key.split_at(KEY_PREFIX_BYTES);
        let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.~".contains(c)));
        shown.push_str(before);
        shown.push_str(prefix);
        shown.push_str("..");
        rest = behind.split_at(end.unwrap_or(behind.len())).1;
    }
    shown.push_str(rest);
    shown
}

const KEY_PREFIXES: [&str; 2] = ["pk_live_", "sk_live_"];
const KEY_PREFIX_BYTES: usize = 8;

/// What stands for a text that holds one.
pub(super) const A_KEY: &str = "a key";

/// Everything that is wrong with a document; never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    /// One problem a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|problem| writeln!(f, "{problem}"))
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
