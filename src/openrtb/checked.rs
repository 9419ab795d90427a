//! Values of a text that is known to be JSON, by position: what can be read again and again, at any place.
//!
//! The reader of payloads goes from front to back once and finds what is wrong. Whoever comes after it may trust the
//! bytes: nothing here looks for mistakes, and in bytes that are no JSON every walk still ends.

use std::cmp::Ordering;

use memchr::{memchr, memchr2};

use super::escape::unescape;

/// A text that is JSON. Values in it are named by the position of their first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<'p> {
    bytes: &'p [u8],
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

/// What stands behind an opening bracket, or behind an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next element, or the key of the next member.
    Item(usize),
    /// Nothing: the byte behind the closing bracket.
    End(usize),
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'p> {
    pub(crate) key: Written<'p>,
    pub(crate) key_at: usize,
    pub(crate) value_at: usize,
}

impl<'p> Checked<'p> {
    /// `bytes` have been read to the end and found to be JSON.
    pub(crate) const fn new(bytes: &'p [u8]) -> Self {
        Self { bytes }
    }

    /// Where the root begins.
    pub(crate) fn root(self) -> usize {
        self.behind_space(0)
    }

    pub(crate) fn kind(self, at: usize) -> Kind {
        match self.bytes.get(at) {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::Text,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// The byte behind the value at `at`.
    pub(crate) fn end(self, at: usize) -> usize {
        match self.bytes.get(at) {
            Some(b'{' | b'[') => self.end_of_brackets(at),
            Some(b'"') => self.end_of_text(at),
            _ => self.end_of_word(at),
        }
    }

    /// The number, `true`, `false` or `null` at `at`, as it is written.
    pub(crate) fn word(self, at: usize) -> &'p [u8] {
        self.slice(at, self.end_of_word(at))
    }

    /// The string at `at`.
    pub(crate) fn text(self, at: usize) -> Written<'p> {
        let end = self.end_of_text(at);
        Written(self.slice(at + 1, end.saturating_sub(1)))
    }

    /// What comes next in an object or array: `at` is behind its opening bracket, or behind an item.
    #[inline]
    pub(crate) fn next(self, at: usize) -> Next {
        let at = self.behind_space(at);
        match self.bytes.get(at) {
            Some(b',') => Next::Item(self.behind_space(at + 1)),
            Some(b'}' | b']') => Next::End(at + 1),
            Some(_) => Next::Item(at),
            None => Next::End(at),
        }
    }

    /// The byte behind the closing bracket that follows the last item; `at` is behind that item.
    pub(crate) fn close(self, at: usize) -> usize {
        self.behind_space(at) + 1
    }

    /// The member whose key is at `key_at`.
    #[inline]
    pub(crate) fn member(self, key_at: usize) -> Member<'p> {
        let end = self.end_of_text(key_at);
        let colon = self.behind_space(end);
        Member {
            key: Written(self.slice(key_at + 1, end.saturating_sub(1))),
            key_at,
            value_at: self.behind_space(colon + 1),
        }
    }

    fn end_of_brackets(self, at: usize) -> usize {
        let (mut at, mut open) = (at, 0_u32);
        while let Some(byte) = self.bytes.get(at) {
            match byte {
                b'"' => {
                    at = self.end_of_text(at);
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            at += 1;
            if open == 0 {
                return at;
            }
        }
        at
    }

    /// A quote ends a string unless a backslash stands before it, which may itself be escaped.
    #[inline]
    fn end_of_text(self, at: usize) -> usize {
        let mut at = at + 1;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let Some(found) = memchr2(b'"', b'\\', rest) else {
                return self.bytes.len().max(at);
            };
            if rest.get(found) == Some(&b'"') {
                return at + found + 1;
            }
            at += found + 2;
        }
    }

    fn end_of_word(self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        // At least one byte, so that whoever walks gets on.
        at + rest.iter().position(ends).unwrap_or(rest.len()).max(1)
    }

    #[inline]
    fn behind_space(self, mut at: usize) -> usize {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(at) {
            at += 1;
        }
        at
    }

    fn slice(self, start: usize, end: usize) -> &'p [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }
}

/// The content of a string as it is written, with its escapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'p>(&'p [u8]);

impl<'p> Written<'p> {
    /// The bytes the string takes up, escapes as written.
    pub(crate) const fn len(self) -> usize {
        self.0.len()
    }

    /// The string itself, when there is no escape in it.
    #[inline]
    pub(crate) fn plain(self) -> Option<&'p [u8]> {
        memchr(b'\\', self.0).is_none().then_some(self.0)
    }

    /// The characters that are meant.
    pub(crate) fn chars(self) -> Decoded<'p> {
        Decoded {
            rest: str::from_utf8(self.0).unwrap_or_default(),
        }
    }

    /// Shorter before longer, then by bytes; without a copy of either.
    #[inline]
    pub(crate) fn compare(self, text: &[u8]) -> Ordering {
        let Some(plain) = self.plain() else {
            return self.compare_escaped(text);
        };
        (plain.len().cmp(&text.len())).then_with(|| plain.cmp(text))
    }

    fn compare_escaped(self, text: &[u8]) -> Ordering {
        let len: usize = self.chars().map(char::len_utf8).sum();
        let other = str::from_utf8(text).unwrap_or_default();
        (len.cmp(&text.len())).then_with(|| self.chars().cmp(other.chars()))
    }
}

/// The characters of a string, escapes decoded.
#[derive(Clone, Debug)]
pub(crate) struct Decoded<'p> {
    rest: &'p str,
}

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let mut character = chars.next()?;
        let mut rest = chars.as_str();
        if character == '\\' {
            let (meant, length) = unescape(self.rest.as_bytes());
            character = meant;
            rest = self.rest.get(length..).unwrap_or_default();
        }
        self.rest = rest;
        Some(character)
    }
}

#[cfg(test)]
mod tests {
    use super::{Checked, Kind, Next};
    use std::cmp::Ordering;

    #[test]
    fn a_value_ends_where_the_next_begins() {
        let text = br#" { "a\"]" : [ {"b":"}"} , -1.5e3,true ,"\\" ] , "c":null}  "#;
        let json = Checked::new(text);
        let root = json.root();
        assert_eq!(
            (json.kind(root), json.end(root)),
            (Kind::Object, text.len() - 2)
        );
        let Next::Item(key_at) = json.next(root + 1) else {
            panic!("no member")
        };
        let member = json.member(key_at);
        assert_eq!(member.key.compare(b"a\"]"), Ordering::Equal);
        let mut kinds = Vec::new();
        let mut at = member.value_at + 1;
        while let Next::Item(item) = json.next(at) {
            kinds.push((json.kind(item), json.slice(item, json.end(item))));
            at = json.end(item);
        }
        let expected: [(Kind, &[u8]); 4] = [
            (Kind::Object, br#"{"b":"}"}"#),
            (Kind::Number, b"-1.5e3"),
            (Kind::Boolean, b"true"),
            (Kind::Text, br#""\\""#),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn escapes_are_the_characters_they_stand_for() {
        let text = br#""a\u00e9\ud83d\ude00\n\/\\""#;
        let written = Checked::new(text).text(0);
        assert_eq!(written.chars().collect::<String>(), "a\u{e9}\u{1f600}\n/\\");
        assert_eq!(
            written.compare("a\u{e9}\u{1f600}\n/\\".as_bytes()),
            Ordering::Equal
        );
        assert_eq!(written.compare(b"zzzzzzzzzzzzzzzzzzzzz"), Ordering::Less);
    }

    #[test]
    fn a_walk_through_bytes_that_are_no_json_ends() {
        for text in [
            "", "{", "[", "\"", "\"\\", "[\"", "{\"a", "{\"a\":", "[,", ":", "[:",
        ] {
            let json = Checked::new(text.as_bytes());
            let mut at = json.root();
            for _ in 0..20 {
                at = match json.next(at) {
                    Next::Item(item) => json.end(json.member(item).value_at),
                    Next::End(_) => break,
                };
            }
            assert!(at >= text.len(), "{text}");
        }
    }
}
