//! What a key may hold, in words.
use std::fmt;
use std::ops::RangeInclusive;

use saphyr_parser::ScalarStyle;

use super::node::Value;
use super::suggest::closest;
use super::yaml::scalar;

/// What a key may hold.
#[derive(Clone, Debug)]
pub(super) enum Wanted<'a> {
    Flag,
    Integer(RangeInclusive<u64>),
    Positive,
    NonNegative,
    Choice(Vec<&'a str>),
    Text,
    List,
    Mapping,
    /// A mapping in a list, of which these key and text pairs are well known.
    Item(&'a [(&'a str, &'a str)]),
}

impl<'a> Wanted<'a> {
    pub(super) fn choice<T>(choices: &[(&'a str, T)]) -> Self {
        Self::Choice(choices.iter().map(|(word, _)| *word).collect())
    }

    /// The message for a value that is something else.
    pub(super) fn message(&self, found: &Value) -> String {
        format!("must be {self}, found {found}{}", self.advice(found))
    }

    fn advice(&self, found: &Value) -> String {
        match (self, found) {
            (Self::Choice(words), Value::Text(word)) => {
                match closest(word, words.iter().copied()) {
                    Some(word) => format!("; did you mean `{word}`?"),
                    None => String::new(),
                }
            }
            (
                Self::Text | Self::Choice(_),
                Value::Flag(_) | Value::Integer(_) | Value::Number(_),
            ) => "; put it in quotes".to_owned(),
            (
                Self::Flag | Self::Integer(_) | Self::Positive | Self::NonNegative,
                Value::Text(text),
            ) if !matches!(scalar(text, ScalarStyle::Plain), Value::Text(_)) => {
                "; remove the quotes".to_owned()
            }
            (Self::Item(known), Value::Text(text)) => {
                match known.iter().find(|(_, known)| known == text) {
                    Some((key, text)) => format!("; write {{ {key}: {text} }}"),
                    None => String::new(),
                }
            }
            (Self::List, Value::Null) => {
                "; write [] for an empty list or remove the key".to_owned()
            }
            (_, Value::Null) => "; give it a value or remove the key".to_owned(),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Integer(range) => write!(
                f,
                "a whole number from {} to {}",
                range.start(),
                range.end()
            ),
            Self::Positive => f.write_str("a finite number above 0"),
            Self::NonNegative => f.write_str("a finite number of at least 0"),
            Self::Choice(words) => match words.as_slice() {
                [first @ .., last] if !first.is_empty() => {
                    write!(f, "`{}` or `{last}`", first.join("`, `"))
                }
                words => write!(f, "`{}`", words.concat()),
            },
            Self::Text => f.write_str("a string"),
            Self::List => f.write_str("a list"),
            Self::Mapping | Self::Item(_) => f.write_str("a mapping"),
        }
    }
}
