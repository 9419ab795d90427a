//! A strict JSON reader (RFC 8259) that recurses, copies and keeps everything: duplicate keys, the text of numbers.
//!
//! A fault does not discard what was read before it: the tree so far stays, because a limit that was exceeded
//! before the fault may be answered too.
use std::ops::Range;

use super::fields::Shape;

/// Levels of nesting; the root is level 1 (spec: contract §3, "nesting deeper than 64").
const LEVELS: usize = 64;

/// Levels that are read at all, to see what else is wrong with a payload that is nested too deep.
const RECURSION: usize = 400;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(String),
    Text(String),
    Array(Vec<Self>),
    /// Members in document order, duplicates included.
    Object(Vec<(String, Self)>),
    /// A value that no gate reads, skipped by [`Care::WhereGatesRead`].
    Skipped,
}

impl Node {
    /// The value of a key. "Absent" = the key is missing or null.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
            .filter(|value| **value != Self::Null)
    }

    /// The elements of the array at a key; a wrong type counts as absent.
    pub(crate) fn list(&self, key: &str) -> Option<&[Self]> {
        if let Some(Self::Array(elements)) = self.get(key) {
            Some(elements)
        } else {
            None
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// A number as a double; `1e400` is infinite.
    pub(crate) fn number(&self) -> Option<f64> {
        if let Self::Number(text) = self {
            text.parse().ok()
        } else {
            None
        }
    }

    /// "An integer field accepts any JSON number without a fraction (`1`, `1.0`, `1e0`)." In plain decimal digits,
    /// or with an exponent where the digits would fill a page.
    pub(crate) fn integer(&self) -> Option<String> {
        if let Self::Number(text) = self {
            integer_digits(text)
        } else {
            None
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}

fn integer_digits(text: &str) -> Option<String> {
    let (sign, unsigned) = text
        .strip_prefix('-')
        .map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let far_away = if exponent.starts_with('-') {
        i64::MIN / 2
    } else {
        i64::MAX / 2
    };
    let exponent = exponent.parse().unwrap_or(far_away);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    let trailing_zeros = digits.len() - digits.trim_end_matches('0').len();
    let shift =
        exponent + i64::try_from(trailing_zeros).unwrap() - i64::try_from(fraction.len()).unwrap();
    match usize::try_from(shift) {
        Err(_) => None,
        Ok(zeros) if zeros <= 30 => Some(format!("{sign}{significant}{}", "0".repeat(zeros))),
        Ok(zeros) => Some(format!("{sign}{significant}e{zeros}")),
    }
}

/// How much of a payload has to be flawless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// All of it.
    Everywhere,
    /// What a gate reads and what stands around it. Of the rest: balanced brackets and terminated strings.
    WhereGatesRead,
}

/// What a payload was read as.
#[derive(Debug)]
pub(crate) struct Document {
    /// As far as it could be read.
    pub(crate) root: Node,
    /// Position of the first fault in the JSON.
    pub(crate) fault: Option<usize>,
    /// Nested deeper than allowed, be it before or after the fault.
    pub(crate) too_deep: bool,
}

/// Reads a payload whose root is an object of this shape.
pub(crate) fn read(bytes: &[u8], shape: Shape<'_>, care: Care) -> Document {
    let mut reader = Reader {
        bytes,
        at: 0,
        care,
        fault: None,
        too_deep: false,
    };
    let root = reader.value(shape, 1);
    reader.blanks();
    if reader.at < bytes.len() {
        reader.fail(reader.at);
    }
    Document {
        root,
        fault: reader.fault,
        too_deep: reader.too_deep || (reader.faulty() && deepest(bytes) > LEVELS),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    care: Care,
    fault: Option<usize>,
    too_deep: bool,
}

impl Reader<'_> {
    /// Remembers the first fault; every loop ends when there is one.
    fn fail(&mut self, at: usize) {
        self.fault.get_or_insert(at);
    }

    fn faulty(&self) -> bool {
        self.fault.is_some()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes one byte if it is this one.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) {
        self.blanks();
        if !self.take(byte) {
            self.fail(self.at);
        }
    }

    /// A value that stands at `level` if it is an object or array.
    fn value(&mut self, shape: Shape<'_>, level: usize) -> Node {
        self.blanks();
        self.too_deep |= level > LEVELS && matches!(self.peek(), Some(b'{' | b'['));
        match self.peek() {
            Some(b'{' | b'[') if level > RECURSION => {
                self.skip(Shape::ANY, level);
                Node::Skipped
            }
            Some(b'{') => Node::Object(self.object(shape, level)),
            Some(b'[') => Node::Array(self.array(shape, level)),
            Some(b'"') => Node::Text(self.string().unwrap_or_default()),
            Some(b't') => self.word("true", Node::Bool(true)),
            Some(b'f') => self.word("false", Node::Bool(false)),
            Some(b'n') => self.word("null", Node::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, shape: Shape<'_>, level: usize) -> Vec<(String, Node)> {
        let mut members = Vec::new();
        self.at += 1;
        self.blanks();
        if self.take(b'}') {
            return members;
        }
        while !self.faulty() {
            members.extend(self.member(shape, level));
            self.blanks();
            if self.take(b'}') {
                break;
            }
            self.expect(b',');
        }
        members
    }

    fn member(&mut self, shape: Shape<'_>, level: usize) -> Option<(String, Node)> {
        self.blanks();
        let key = self.key(shape)?;
        self.expect(b':');
        if self.faulty() {
            return None;
        }
        let value = match shape.member(&key) {
            None if shape.is_object() && self.care == Care::WhereGatesRead => {
                self.blanks();
                self.skip(shape, level + 1);
                Node::Skipped
            }
            member => self.value(member.unwrap_or(Shape::ANY), level + 1),
        };
        Some((key, value))
    }

    /// A key, unescaped. A faulty one names no field, so that it matters only where everything does.
    fn key(&mut self, shape: Shape<'_>) -> Option<String> {
        if self.care == Care::Everywhere || shape.is_any() {
            return self.string();
        }
        let quoted = self.quoted()?;
        Some(unescape(self.bytes, quoted).unwrap_or_default())
    }

    fn array(&mut self, shape: Shape<'_>, level: usize) -> Vec<Node> {
        let mut elements = Vec::new();
        self.at += 1;
        self.blanks();
        if self.take(b']') {
            return elements;
        }
        while !self.faulty() {
            let element = self.value(shape.element(), level + 1);
            elements.push(element);
            self.blanks();
            if self.take(b']') {
                break;
            }
            self.expect(b',');
        }
        elements
    }

    fn word(&mut self, word: &str, node: Node) -> Node {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
        } else {
            self.fail(self.at);
        }
        node
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Node {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits();
        }
        if self.take(b'.') {
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits();
        }
        Node::Number(String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned())
    }

    fn digits(&mut self) {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            self.fail(start);
        }
    }

    fn string(&mut self) -> Option<String> {
        let quoted = self.quoted()?;
        match unescape(self.bytes, quoted) {
            Ok(text) => Some(text),
            Err(at) => {
                self.fail(at);
                None
            }
        }
    }

    /// Steps over a string and returns what stands between its quotes.
    fn quoted(&mut self) -> Option<Range<usize>> {
        let start = self.at + 1;
        if !self.take(b'"') {
            self.fail(self.at);
            return None;
        }
        loop {
            match self.peek() {
                None => {
                    self.fail(self.at);
                    return None;
                }
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Some(start..self.at - 1)
    }

    /// Steps over a value that no gate reads, up to the comma or bracket that ends it. Nothing has to be right in
    /// there but brackets and quotes, and it must not swallow the key of a field that a gate reads.
    fn skip(&mut self, shape: Shape<'_>, level: usize) {
        let start = self.at;
        let mut open: Vec<u8> = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b'}' | b']' if open.is_empty() => return,
                b'"' if open.is_empty() && self.at > start => self.skip_stray_string(shape),
                b'"' => drop(self.quoted()),
                _ => self.skip_byte(byte, &mut open),
            }
            self.too_deep |= level + open.len() > LEVELS + 1;
            if self.faulty() {
                return;
            }
        }
        self.fail(self.at);
    }

    /// A string where the value should have ended: a comma is missing before it, or it is nothing at all.
    fn skip_stray_string(&mut self, shape: Shape<'_>) {
        let quoted = self.quoted().unwrap_or_default();
        let text = unescape(self.bytes, quoted).unwrap_or_default();
        if shape.member(&text).is_some() {
            self.fail(self.at);
        }
    }

    fn skip_byte(&mut self, byte: u8, open: &mut Vec<u8>) {
        match byte {
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' if open.pop() != Some(byte) => self.fail(self.at),
            _ => {}
        }
        self.at += 1;
    }
}

/// Levels of nesting by the brackets alone, whatever else is wrong.
fn deepest(bytes: &[u8]) -> usize {
    let (mut level, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            b'"' if !escaped => quoted = !quoted,
            b'{' | b'[' if !quoted => level += 1,
            b'}' | b']' if !quoted => level = level.saturating_sub(1),
            _ => {}
        }
        escaped = quoted && !escaped && *byte == b'\\';
        deepest = deepest.max(level);
    }
    deepest
}

/// What the bytes between two quotes stand for, or where they are wrong.
fn unescape(bytes: &[u8], quoted: Range<usize>) -> Result<String, usize> {
    let start = quoted.start;
    let raw = std::str::from_utf8(&bytes[quoted]).map_err(|error| start + error.valid_up_to())?;
    let mut text = String::new();
    let mut chars = raw.char_indices();
    while let Some((at, character)) = chars.next() {
        match character {
            '\0'..='\x1f' => return Err(start + at),
            '\\' => text.push(escape(&mut chars).ok_or(start + at)?),
            _ => text.push(character),
        }
    }
    Ok(text)
}

fn escape(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    Some(match chars.next()?.1 {
        plain @ ('"' | '\\' | '/') => plain,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = code_unit(chars)?;
            if !(0xd800..0xdc00).contains(&first) {
                return char::from_u32(first);
            }
            let second = match (chars.next()?.1, chars.next()?.1) {
                ('\\', 'u') => code_unit(chars)?,
                _ => return None,
            };
            if !(0xdc00..0xe000).contains(&second) {
                return None;
            }
            char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?
        }
        _ => return None,
    })
}

fn code_unit(chars: &mut std::str::CharIndices<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit * 16 + chars.next()?.1.to_digit(16)?))
}
