//! A pull reader of JSON that builds nothing: it hands over the values somebody asks for and steps over the rest.
//! Where strings end and brackets stand it has been told by an [`Outline`]; it never looks into a string.
//!
//! Two ways to step over a value. [`Stepping::Strict`] checks it to the last byte, as an exchange will. With
//! [`Stepping::Balanced`] an object or array nobody reads is only followed to its matching bracket: strings must be
//! sound, brackets must match, and what stands between them is somebody else's concern.

mod check;
mod number;

use fearless_simd::Level;

use super::compact::Compact;
use super::escape::unescape;
use super::fault::{Fault, Read, What, fault};
use super::keys::Key;
use super::scan::Outline;
use super::text::{PAYLOAD_BYTES_MAX, Text, Texts};
use number::whole;

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

impl Memory {
    /// The widest vectors that the processor has.
    pub(crate) const fn level(&self) -> Level {
        self.outline.level()
    }
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
    let valid = if traced.is_ok() && outline.is_ascii() {
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
    simdutf8::compat::from_utf8(payload).map_or_else(|error| error.valid_up_to(), str::len)
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
    #[inline]
    pub(crate) fn object<K: Key>(
        &mut self,
        member: impl FnMut(&mut Self, K) -> Read<()>,
    ) -> Read<bool> {
        self.object_of(u64::MAX, member)
    }

    /// The same, as if `K` named those keys only of which the bit is in `wanted`.
    #[inline]
    pub(crate) fn object_of<K: Key>(
        &mut self,
        wanted: u64,
        mut member: impl FnMut(&mut Self, K) -> Read<()>,
    ) -> Read<bool> {
        if self.peek() != Some(b'{') {
            return self.check().map(|()| false);
        }
        let mut at = self.enter()?;
        let mut expected = wanted;
        let mut more = self.byte(at) != b'}';
        while more {
            let (key, value) = self.key::<K>(at)?;
            match key {
                Some(key) if key.bit() & !expected == 0 => {
                    expected ^= key.bit();
                    self.at = value;
                    member(self, key)?;
                    at = self.at;
                }
                Some(key) if key.bit() & !wanted == 0 => return Err(fault(What::KeyTwice, at)),
                _ => at = self.step_from(value)?,
            }
            (more, at) = self.another(at, b'}', What::NoCommaOrBrace)?;
        }
        self.leave(at);
        Ok(true)
    }

    /// The elements of an array, in document order. False when the value is not an array.
    /// `element` must read or step over the value it is called at.
    #[inline]
    pub(crate) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Read<()>) -> Read<bool> {
        if self.peek() != Some(b'[') {
            return self.check().map(|()| false);
        }
        let mut at = self.enter()?;
        let mut more = self.byte(at) != b']';
        while more {
            self.at = at;
            element(self)?;
            (more, at) = self.another(self.at, b']', What::NoCommaOrBracket)?;
        }
        self.leave(at);
        Ok(true)
    }

    /// The elements of an array of strings: each with its bytes, and none for what is no string. False when the value is
    /// not an array.
    #[inline(always)]
    pub(crate) fn entries(&mut self, mut take: impl FnMut(Option<(Text, &[u8])>)) -> Read<bool> {
        if self.peek() != Some(b'[') {
            return self.check().map(|()| false);
        }
        let mut at = self.enter()?;
        let mut more = self.byte(at) != b']';
        while more {
            let entry = if self.byte(at) == b'"' {
                let (start, end, escaped) = self.content(at)?;
                at = end + 1;
                Some(if escaped {
                    let text = self.decode(start, end);
                    (text, self.texts().bytes(text))
                } else {
                    (Text::of_payload(start, end), self.slice(start, end))
                })
            } else {
                self.at = at;
                self.check()?;
                at = self.at;
                None
            };
            take(entry);
            (more, at) = self.another(at, b']', What::NoCommaOrBracket)?;
        }
        self.leave(at);
        Ok(true)
    }

    /// An array, if it is a [compact](Compact) list of category ids. None, and nothing is read, when the value is anything
    /// else.
    pub(crate) fn compact(&mut self) -> Option<Compact> {
        if self.peek() != Some(b'[') || self.depth == self.depth_max {
            return None;
        }
        let start = self.at + 1;
        let end = self.outline.plain_until_bracket(start)?;
        let compact = Compact::new(self.outline.level(), self.bytes, start, end);
        if compact.is_some() && self.byte(end) == b']' {
            self.at = end + 1;
            return compact;
        }
        None
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
        let value = match self.short_number(start) {
            Some((value, end)) => {
                self.at = end;
                value
            }
            None => {
                self.at = self.behind_number(start)?;
                let written = str::from_utf8(self.slice(start, self.at));
                written
                    .ok()
                    .and_then(|written| written.parse().ok())
                    .unwrap_or_default()
            }
        };
        Ok(Some((value, Text::of_payload(start, self.at))))
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
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.at = self.behind_space(self.at);
        self.bytes.get(self.at).copied()
    }

    /// The position in the payload: behind the last value read, or at the next one after [`Self::peek`].
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Steps over the next value, which nobody reads.
    #[inline]
    pub(crate) fn step(&mut self) -> Read<()> {
        let at = self.behind_space(self.at);
        self.at = self.step_from(at)?;
        Ok(())
    }

    /// The bytes behind the texts read so far.
    #[inline]
    pub(crate) fn texts(&self) -> Texts<'_> {
        Texts::new(self.bytes, self.decoded)
    }

    /// What is wrong at this place.
    #[cold]
    pub(crate) fn fault(&self, what: What) -> Fault {
        self.fault_at(what, self.at)
    }

    #[cold]
    fn fault_at(&self, what: What, at: usize) -> Fault {
        let ended = at >= self.bytes.len() && !what.is_limit();
        let what = if ended { What::EndsTooEarly } else { what };
        fault(what, at.min(self.bytes.len()))
    }

    /// The byte at `at`; 0, which is nothing outside a string, behind the end.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The first position from `at` on without white space.
    #[inline(always)]
    fn behind_space(&self, at: usize) -> usize {
        if self.byte(at) > b' ' {
            return at;
        }
        self.behind_spaces(at)
    }

    #[inline(never)]
    fn behind_spaces(&self, mut at: usize) -> usize {
        while let b' ' | b'\t' | b'\n' | b'\r' = self.byte(at) {
            at += 1;
        }
        at
    }

    /// Steps over the value at `at`, to where it ends.
    #[inline(always)]
    fn step_from(&mut self, at: usize) -> Read<usize> {
        match self.byte(at) {
            b'"' => Ok(self.content(at)?.1 + 1),
            b'0'..=b'9' => self.behind_number(at),
            _ => {
                self.at = at;
                self.step_over()?;
                Ok(self.at)
            }
        }
    }

    /// The key at `at`, none when `K` does not name it, and where its value begins.
    #[inline(always)]
    fn key<K: Key>(&mut self, at: usize) -> Read<(Option<K>, usize)> {
        if self.byte(at) != b'"' {
            return Err(self.fault_at(What::NotAString, at));
        }
        let (start, end, escaped) = self.content(at)?;
        let key = if escaped {
            let name = self.decode(start, end);
            K::find(self.texts().bytes(name))
        } else {
            K::find(self.slice(start, end))
        };
        if self.byte(end + 1) == b':' && self.byte(end + 2) > b' ' {
            return Ok((key, end + 2));
        }
        Ok((key, self.behind_colon(end + 1)?))
    }

    /// From the end of a key to its value.
    #[inline(never)]
    fn behind_colon(&self, at: usize) -> Read<usize> {
        let colon = self.behind_space(at);
        if self.byte(colon) != b':' {
            return Err(self.fault_at(What::NoColon, colon));
        }
        Ok(self.behind_space(colon + 1))
    }

    /// A string somebody reads.
    #[inline]
    fn string(&mut self) -> Read<Text> {
        let (start, end, escaped) = self.content(self.at)?;
        self.at = end + 1;
        if escaped {
            return Ok(self.decode(start, end));
        }
        Ok(Text::of_payload(start, end))
    }

    /// Where the content of the string that begins at `at` starts and ends, and whether it has an escape. It is sound:
    /// the outline says so.
    #[inline(always)]
    fn content(&self, at: usize) -> Read<(usize, usize, bool)> {
        let (end, escaped) = self.outline.string(at + 1);
        if end >= self.bytes.len() {
            return Err(self.fault_at(What::EndsTooEarly, end));
        }
        Ok((at + 1, end, escaped))
    }

    #[inline(always)]
    fn slice(&self, start: usize, end: usize) -> &'p [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Decodes the content of a string. Its escapes are sound.
    #[cold]
    fn decode(&mut self, start: usize, end: usize) -> Text {
        let first = self.decoded.len();
        let mut rest = self.slice(start, end);
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

    /// Goes into an object or array, to its first member or element, or its end.
    #[inline(always)]
    fn enter(&mut self) -> Read<usize> {
        if self.depth == self.depth_max {
            return Err(self.fault(What::TooDeep));
        }
        self.depth += 1;
        Ok(self.behind_space(self.at + 1))
    }

    /// Goes out of an object or array that ends at `at`.
    #[inline(always)]
    fn leave(&mut self, at: usize) {
        self.depth -= 1;
        self.at = at + 1;
    }

    /// After a member or element: true and where the next one begins, or false and where `close` is.
    #[inline(always)]
    fn another(&self, at: usize, close: u8, expected: What) -> Read<(bool, usize)> {
        match self.byte(at) {
            b',' if self.byte(at + 1) > b' ' => Ok((true, at + 1)),
            byte if byte == close => Ok((false, at)),
            _ => self.another_behind_space(at, close, expected),
        }
    }

    #[inline(never)]
    fn another_behind_space(&self, at: usize, close: u8, expected: What) -> Read<(bool, usize)> {
        let at = self.behind_space(at);
        match self.byte(at) {
            b',' => Ok((true, self.behind_space(at + 1))),
            byte if byte == close => Ok((false, at)),
            _ => Err(self.fault_at(expected, at)),
        }
    }
}
