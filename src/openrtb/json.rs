//! A pull reader of JSON that builds nothing: it hands over the values somebody asks for and steps over the rest.
//! Where strings end and brackets stand it has been told by an [`Outline`]; it never looks into a string.
//!
//! Two ways to step over a value. [`Stepping::Strict`] checks it to the last byte, as an exchange will. With
//! [`Stepping::Balanced`] an object or array nobody reads is only followed to its matching bracket: strings must be
//! sound, brackets must match, and what stands between them is somebody else's concern.

use super::escape::unescape;
use super::fault::{Fault, Read, What, fault};
use super::keys::Key;
use super::scan::Outline;
use super::text::{PAYLOAD_BYTES_MAX, Text, Texts};

/// How values that nobody reads are stepped over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stepping {
    /// Every byte is checked.
    Strict,
    /// Objects and arrays are followed to their end.
    Balanced,
}

/// Reads one payload from front to back.
#[derive(Debug)]
pub(crate) struct Reader<'p> {
    /// Valid UTF-8.
    bytes: &'p [u8],
    at: usize,
    depth: u32,
    depth_max: u32,
    stepping: Stepping,
    outline: &'p Outline,
    /// Where strings with escapes are decoded to.
    decoded: &'p mut Vec<u8>,
}

/// What reading a payload needs beside it, kept from one payload to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    outline: Outline,
    /// What strings with escapes decode to.
    pub(crate) decoded: Vec<u8>,
}

/// Reads a whole payload whose root is an object, with `root` called at its opening brace.
///
/// Invalid UTF-8 counts where it stands: a fault before it is reported first.
pub(crate) fn read_payload<'p>(
    payload: &'p [u8],
    stepping: Stepping,
    depth_max: u32,
    memory: &'p mut Memory,
    root: impl FnOnce(&mut Reader<'p>) -> Read<()>,
) -> Read<()> {
    let Memory { outline, decoded } = memory;
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(fault(What::TooLong, PAYLOAD_BYTES_MAX));
    }
    decoded.clear();
    let mut traced = outline.trace(payload);
    let valid = if outline.is_ascii() {
        payload.len()
    } else {
        valid_utf8(payload)
    };
    let bytes = payload.get(..valid).unwrap_or_default();
    if valid < payload.len() {
        traced = outline.trace(bytes);
    }
    let read = traced.and_then(|()| {
        let mut reader = Reader {
            bytes,
            at: 0,
            depth: 0,
            depth_max,
            stepping,
            outline,
            decoded,
        };
        reader.root(root)
    });
    match read {
        Err(fault) if (fault.at as usize) < valid => Err(fault),
        _ if valid < payload.len() => Err(fault(What::InvalidUtf8, valid)),
        _ => read,
    }
}

/// Reads a payload once more that was read just before, without a fault and into the same `memory`. What is decoded
/// goes behind what was decoded then, so that earlier texts stay good.
pub(crate) fn read_payload_again<'p>(
    payload: &'p [u8],
    depth_max: u32,
    memory: &'p mut Memory,
    root: impl FnOnce(&mut Reader<'p>) -> Read<()>,
) -> Read<()> {
    let Memory { outline, decoded } = memory;
    let mut reader = Reader {
        bytes: payload,
        at: 0,
        depth: 0,
        depth_max,
        stepping: Stepping::Balanced,
        outline,
        decoded,
    };
    reader.root(root)
}

/// Bytes up to which `payload` is UTF-8.
fn valid_utf8(payload: &[u8]) -> usize {
    str::from_utf8(payload).map_or_else(|error| error.valid_up_to(), str::len)
}

impl<'p> Reader<'p> {
    fn root(&mut self, root: impl FnOnce(&mut Self) -> Read<()>) -> Read<()> {
        if self.peek() != Some(b'{') {
            return Err(self.fault(What::NotAnObject));
        }
        root(self)?;
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault(What::TrailingBytes)),
        }
    }

    /// The members of an object that `K` names, in document order; any other member is stepped over.
    /// False when the value is not an object. `member` must read or step over the value it is called at.
    ///
    /// A key of `K` that stands twice is malformed: receivers disagree on which one counts (spec: contract §3).
    pub(crate) fn object<K: Key>(
        &mut self,
        mut member: impl FnMut(&mut Self, K) -> Read<()>,
    ) -> Read<bool> {
        if self.peek() != Some(b'{') {
            return self.check().map(|()| false);
        }
        let mut seen = 0;
        self.enter()?;
        let mut more = !self.take(b'}');
        while more {
            let start = self.at;
            match self.key()? {
                None => self.step()?,
                Some(key) if seen & K::bit(key) != 0 => return Err(fault(What::KeyTwice, start)),
                Some(key) => {
                    seen |= key.bit();
                    member(self, key)?;
                }
            }
            more = self.another(b'}', What::NoCommaOrBrace)?;
        }
        self.depth -= 1;
        Ok(true)
    }

    /// The elements of an array, in document order. False when the value is not an array.
    /// `element` must read or step over the value it is called at.
    pub(crate) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Read<()>) -> Read<bool> {
        if self.peek() != Some(b'[') {
            return self.check().map(|()| false);
        }
        self.enter()?;
        let mut more = !self.take(b']');
        while more {
            element(self)?;
            more = self.another(b']', What::NoCommaOrBracket)?;
        }
        self.depth -= 1;
        Ok(true)
    }

    /// A string. None when the value is anything else.
    #[inline]
    pub(crate) fn text(&mut self) -> Read<Option<Text>> {
        if self.peek() != Some(b'"') {
            return self.check().map(|()| None);
        }
        self.string().map(Some)
    }

    /// A number and how it is written. None when the value is anything else.
    /// A number beyond the range of a double is infinite.
    pub(crate) fn number(&mut self) -> Read<Option<(f64, Text)>> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return self.check().map(|()| None);
        }
        let start = self.at;
        self.check_number()?;
        let written = self.bytes.get(start..self.at).unwrap_or_default();
        let value = str::from_utf8(written)
            .ok()
            .and_then(|written| written.parse().ok());
        Ok(value.map(|value| (value, Text::of_payload(start, self.at))))
    }

    /// A number without a fraction (`1`, `1.0`, `1e0`). None when the value is anything else.
    /// Numbers beyond 64 bits are the nearest of 64 bits.
    pub(crate) fn integer(&mut self) -> Read<Option<i64>> {
        Ok(self.written_integer()?.map(|(value, _)| value))
    }

    /// The same, and how it is written.
    pub(crate) fn written_integer(&mut self) -> Read<Option<(i64, Text)>> {
        let number = self.number()?;
        Ok(number.and_then(|(value, written)| Some((whole(value)?, written))))
    }

    /// A flag: `1`, `true` or `"1"` (spec: contract §3, JSON flags). Anything else is false.
    pub(crate) fn flag(&mut self) -> Read<bool> {
        match self.peek() {
            Some(b't') => self.check().map(|()| true),
            Some(b'"') => self.string().map(|text| self.texts().bytes(text) == b"1"),
            _ => Ok(self.integer()? == Some(1)),
        }
    }

    /// The first byte of the next value; None at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.peek_behind_space(),
        }
    }

    #[inline(never)]
    fn peek_behind_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    /// Steps over the next value, which nobody reads.
    #[inline]
    pub(crate) fn step(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'"') => self.check_string(),
            Some(b'{' | b'[') if self.stepping == Stepping::Balanced => self.balance(),
            _ => self.check(),
        }
    }

    /// The bytes behind the texts read so far.
    pub(crate) fn texts(&self) -> Texts<'_> {
        Texts::new(self.bytes, self.decoded)
    }

    /// What is wrong at this place.
    #[cold]
    pub(crate) fn fault(&self, what: What) -> Fault {
        let ended = self.at >= self.bytes.len() && !what.is_limit();
        let what = if ended { What::EndsTooEarly } else { what };
        fault(what, self.at.min(self.bytes.len()))
    }

    /// Steps over the next value and checks every byte of it.
    fn check(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'"') => self.check_string(),
            Some(b'{') => self.check_object(),
            Some(b'[') => self.array(Self::check).map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.check_number(),
            Some(b't') => self.check_word(b"true"),
            Some(b'f') => self.check_word(b"false"),
            Some(b'n') => self.check_word(b"null"),
            _ => Err(self.fault(What::NotAValue)),
        }
    }

    fn check_object(&mut self) -> Read<()> {
        self.enter()?;
        let mut more = !self.take(b'}');
        while more {
            self.peek();
            self.check_string()?;
            self.colon()?;
            self.check()?;
            more = self.another(b'}', What::NoCommaOrBrace)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn check_word(&mut self, word: &[u8]) -> Read<()> {
        if !self.rest().starts_with(word) {
            return Err(self.fault(What::NotAWord));
        }
        self.at += word.len();
        Ok(())
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn check_number(&mut self) -> Read<()> {
        self.take_byte(b'-');
        if !self.take_byte(b'0') {
            self.digits()?;
        }
        if let Some(b'.') = self.bytes.get(self.at) {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            let _signed = self.take_byte(b'+') || self.take_byte(b'-');
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        let mut at = start;
        while let Some(b'0'..=b'9') = self.bytes.get(at) {
            at += 1;
        }
        self.at = at;
        if at == start {
            Err(self.fault(What::NoDigit))
        } else {
            Ok(())
        }
    }

    /// Steps over a string. Its content is sound: the outline says so.
    #[inline]
    fn check_string(&mut self) -> Read<()> {
        self.content().map(|_| ())
    }

    /// Steps over an object or array: brackets outside strings are matched, the rest passes by.
    fn balance(&mut self) -> Read<()> {
        let mut open = Open::default();
        let room = self.depth_max - self.depth;
        for at in self.outline.brackets(self.at) {
            let bracket = self.bytes.get(at).copied().unwrap_or_default();
            match bracket {
                b'{' | b'[' if open.count < room => open.push(bracket),
                b'{' | b'[' => return Err(fault(What::TooDeep, at)),
                _ if open.pop(bracket) => {}
                _ => return Err(fault(What::WrongBracket, at)),
            }
            if open.count == 0 {
                self.at = at + 1;
                return Ok(());
            }
        }
        Err(fault(What::EndsTooEarly, self.bytes.len()))
    }

    /// An object's key with its colon. None when `K` does not name it.
    #[inline]
    fn key<K: Key>(&mut self) -> Read<Option<K>> {
        self.peek();
        let (start, end) = self.content()?;
        let key = if self.outline.has_escape(start, end) {
            let name = self.decode(start, end);
            K::find(self.texts().bytes(name))
        } else {
            K::find(self.bytes.get(start..end).unwrap_or_default())
        };
        self.colon()?;
        Ok(key)
    }

    #[inline]
    fn colon(&mut self) -> Read<()> {
        if !self.take(b':') {
            return Err(self.fault(What::NoColon));
        }
        Ok(())
    }

    /// A string somebody reads.
    #[inline]
    fn string(&mut self) -> Read<Text> {
        let (start, end) = self.content()?;
        if self.outline.has_escape(start, end) {
            return Ok(self.decode(start, end));
        }
        Ok(Text::of_payload(start, end))
    }

    /// Where the content of the string at this place begins and ends.
    #[inline]
    fn content(&mut self) -> Read<(usize, usize)> {
        if !self.take_byte(b'"') {
            return Err(self.fault(What::NotAString));
        }
        let start = self.at;
        let end = self.outline.quote(start);
        self.at = end.map_or(self.bytes.len(), |end| end + 1);
        end.map(|end| (start, end))
            .ok_or_else(|| self.fault(What::EndsTooEarly))
    }

    /// Decodes the content of a string. Its escapes are sound.
    #[cold]
    fn decode(&mut self, start: usize, end: usize) -> Text {
        let first = self.decoded.len();
        let mut rest = self.bytes.get(start..end).unwrap_or_default();
        while let Some(backslash) = rest.iter().position(|&byte| byte == b'\\') {
            let (plain, escape) = rest.split_at(backslash);
            self.decoded.extend_from_slice(plain);
            let (character, length) = unescape(escape);
            self.decoded
                .extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = escape.get(length..).unwrap_or_default();
        }
        self.decoded.extend_from_slice(rest);
        Text::of_decoded(first, self.decoded.len())
    }

    #[inline]
    fn enter(&mut self) -> Read<()> {
        if self.depth == self.depth_max {
            return Err(self.fault(What::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// After a member or element: true when another one follows, false when `close` does.
    #[inline]
    fn another(&mut self, close: u8, expected: What) -> Read<bool> {
        let next = self.peek();
        if next == Some(b',') || next == Some(close) {
            self.at += 1;
            return Ok(next == Some(b','));
        }
        Err(self.fault(expected))
    }

    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        self.peek();
        self.take_byte(byte)
    }

    #[inline]
    fn take_byte(&mut self, byte: u8) -> bool {
        let there = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn rest(&self) -> &'p [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

/// `value` when it has no fraction; beyond 64 bits, the nearest of 64 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, which is what the doc says"
)]
fn whole(value: f64) -> Option<i64> {
    (value.trunc().to_bits() == value.to_bits()).then_some(value as i64)
}

/// The brackets that are open within a value, one bit each, the innermost lowest: set for `[`.
#[derive(Debug, Default)]
struct Open {
    kinds: u64,
    count: u32,
}

impl Open {
    #[inline]
    fn push(&mut self, bracket: u8) {
        self.kinds = self.kinds << 1 | u64::from(bracket == b'[');
        self.count += 1;
    }

    /// False when the innermost open bracket is of the other kind.
    #[inline]
    fn pop(&mut self, bracket: u8) -> bool {
        let matches = self.kinds & 1 == u64::from(bracket == b']');
        self.kinds >>= 1;
        self.count -= 1;
        matches
    }
}
