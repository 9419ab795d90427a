//! Writes compact JSON.

use std::fmt::{Display, Write as _};

/// A document while it is written: a value after a value, or a key and its value.
#[derive(Debug, Default)]
pub(crate) struct Json {
    text: String,
    /// Whether `/` is written `\/`, as many encoders do.
    pub(crate) escapes_slashes: bool,
}

impl Json {
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    pub(crate) fn key(&mut self, key: &str) -> &mut Self {
        self.text(key);
        self.text.push(':');
        self
    }

    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.separate();
        self.text.push('{');
        members(self);
        self.text.push('}');
    }

    pub(crate) fn array(&mut self, elements: impl FnOnce(&mut Self)) {
        self.separate();
        self.text.push('[');
        elements(self);
        self.text.push(']');
    }

    pub(crate) fn texts<T: AsRef<str>>(&mut self, texts: impl IntoIterator<Item = T>) {
        self.array(|json| texts.into_iter().for_each(|text| json.text(text.as_ref())));
    }

    pub(crate) fn numbers<N: Display>(&mut self, numbers: impl IntoIterator<Item = N>) {
        self.array(|json| numbers.into_iter().for_each(|number| json.number(number)));
    }

    pub(crate) fn number(&mut self, number: impl Display) {
        self.separate();
        // Writing to a string cannot fail.
        let _written = write!(self.text, "{number}");
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.separate();
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\t' => self.text.push_str("\\t"),
                '/' if self.escapes_slashes => self.text.push_str("\\/"),
                plain => self.text.push(plain),
            }
        }
        self.text.push('"');
    }

    /// A comma, unless a bracket has just been opened or a key written.
    fn separate(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(['{', '[', ':']) {
            self.text.push(',');
        }
    }
}

/// Hundredths, as a number with two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cents(pub(crate) u64);

impl Display for Cents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}
