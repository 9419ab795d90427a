//! A pull reader of JSON that builds nothing: it hands over the values somebody asks for and steps over the rest.
//!
//! Two ways to step over a value. [`Stepping::Strict`] checks it to the last byte, as an exchange will. With
//! [`Stepping::Balanced`] an object or array nobody reads is only followed to its matching bracket, 64 bytes at a
//! time: strings must end, brackets must match, and what stands between them is somebody else's concern.

use super::scan::{self, Block};
use super::text::{Text, Texts};

/// How values that nobody reads are stepped over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stepping {
    /// Every byte is checked.
    Strict,
    /// Objects and arrays are followed to their end.
    Balanced,
}

/// Why a payload cannot be read, and at which byte. Small, for every step of a reader may return one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: What,
    pub(crate) at: u32,
}

macro_rules! whats {
    ($($what:ident = $message:literal,)*) => {
        /// What is wrong with a payload.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum What {
            $($what,)*
        }

        impl What {
            /// What is wrong, in words.
            pub(crate) const fn message(self) -> &'static str {
                match self {
                    $(Self::$what => $message,)*
                }
            }
        }
    };
}

whats! {
    NotAnObject = "expected an object",
    NotAString = "expected a string",
    NotAValue = "expected a value",
    NotAWord = "expected true, false or null",
    NoDigit = "expected a digit",
    NoColon = "expected a colon",
    NoCommaOrBrace = "expected a comma or a closing brace",
    NoCommaOrBracket = "expected a comma or a closing bracket",
    WrongBracket = "the closing bracket does not match the opening one",
    ControlCharacter = "a control character in a string",
    UnknownEscape = "an unknown escape in a string",
    NoHexDigits = "a \\u escape without four hex digits",
    LoneSurrogate = "a lone surrogate in a string",
    StrayBackslash = "a backslash outside a string",
    InvalidUtf8 = "invalid UTF-8",
    KeyTwice = "the key stands twice",
    EndsTooEarly = "the payload ends too early",
    TrailingBytes = "bytes after the end of the object",
    TooDeep = "nested too deeply",
    TooManyImps = "too many imps",
    TooManyBids = "too many bids",
    TooManyListEntries = "too many block-list entries",
}

impl What {
    /// True for more than a configured limit; everything else is not JSON, or JSON that receivers read differently.
    pub(crate) const fn is_limit(self) -> bool {
        matches!(
            self,
            Self::TooDeep | Self::TooManyImps | Self::TooManyBids | Self::TooManyListEntries
        )
    }
}

pub(crate) type Read<T> = Result<T, Fault>;

/// The keys of one kind of object that somebody reads.
pub(crate) trait Key: Copy {
    /// The key with this name, escapes decoded.
    fn find(name: &[u8]) -> Option<Self>;
    /// A bit of its own for every key.
    fn bit(self) -> u32;
}

/// Declares the keys of an object that are read; all others are stepped over.
macro_rules! keys {
    ($(#[$doc:meta])* $name:ident { $($key:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        enum $name { $($key),* }

        impl $crate::openrtb::json::Key for $name {
            fn find(name: &[u8]) -> Option<Self> {
                match name {
                    $($text => Some(Self::$key),)*
                    _ => None,
                }
            }

            fn bit(self) -> u32 {
                1 << (self as u8)
            }
        }
    };
}
pub(crate) use keys;

/// Reads one payload from front to back.
#[derive(Debug)]
pub(crate) struct Reader<'p> {
    /// Valid UTF-8.
    bytes: &'p [u8],
    at: usize,
    depth: u32,
    depth_max: u32,
    stepping: Stepping,
    /// Where strings with escapes are decoded to.
    decoded: &'p mut Vec<u8>,
}

/// Reads a whole payload whose root is an object, with `root` called at its opening brace.
///
/// Invalid UTF-8 counts where it stands: a fault before it is reported first.
pub(crate) fn read_payload<'p>(
    payload: &'p [u8],
    stepping: Stepping,
    depth_max: u32,
    decoded: &'p mut Vec<u8>,
    root: impl FnOnce(&mut Reader<'p>) -> Read<()>,
) -> Read<()> {
    let valid = match std::str::from_utf8(payload) {
        Ok(_) => payload.len(),
        Err(error) => error.valid_up_to(),
    };
    let bytes = payload.get(..valid).unwrap_or_default();
    let mut reader = Reader {
        bytes,
        at: 0,
        depth: 0,
        depth_max,
        stepping,
        decoded,
    };
    let read = reader.root(root);
    match read {
        Err(fault) if (fault.at as usize) < valid => Err(fault),
        _ if valid < payload.len() => Err(fault(What::InvalidUtf8, valid)),
        _ => read,
    }
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
        Ok(self.number()?.and_then(|(value, _)| whole(value)))
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
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte.copied(),
            }
        }
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
        if self.take_byte(b'.') {
            self.digits()?;
        }
        if self.take_byte(b'e') || self.take_byte(b'E') {
            let _signed = self.take_byte(b'+') || self.take_byte(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Read<()> {
        let count = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        if count == 0 {
            return Err(self.fault(What::NoDigit));
        }
        Ok(())
    }

    /// Steps over a string: its escapes are checked, not decoded.
    fn check_string(&mut self) -> Read<()> {
        self.quote()?;
        loop {
            self.at = scan::plain_end(self.bytes, self.at);
            if self.take_byte(b'"') {
                return Ok(());
            }
            match self.rest().first_chunk() {
                Some(
                    [
                        b'\\',
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    ],
                ) => self.at += 2,
                _ => drop(self.escape()?),
            }
        }
    }

    /// Steps over an object or array: brackets outside strings are matched, the rest passes by.
    fn balance(&mut self) -> Read<()> {
        let mut walk = Walk {
            depth: self.depth,
            depth_max: self.depth_max,
            ..Walk::default()
        };
        loop {
            let rest = self.rest();
            let end = match rest.first_chunk::<64>() {
                Some(block) => walk.block(block),
                None if rest.is_empty() => return Err(self.fault(What::EndsTooEarly)),
                None => walk.block(&padded(rest)),
            };
            let length = rest.len().min(64);
            match end.map_err(|found| fault(found.what, self.at + found.at as usize))? {
                Some(end) => {
                    self.at += end;
                    return Ok(());
                }
                None => self.at += length,
            }
        }
    }

    /// An object's key with its colon. None when `K` does not name it.
    #[inline]
    fn key<K: Key>(&mut self) -> Read<Option<K>> {
        self.peek();
        let text = self.string()?;
        let key = K::find(self.texts().bytes(text));
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
        self.quote()?;
        let start = self.at;
        self.at = scan::plain_end(self.bytes, start);
        if self.take_byte(b'"') {
            return Ok(Text::of_payload(start, self.at - 1));
        }
        self.string_with_escapes(start)
    }

    #[cold]
    fn string_with_escapes(&mut self, start: usize) -> Read<Text> {
        let first = self.decoded.len();
        let mut plain = start;
        loop {
            let run = self.bytes.get(plain..self.at).unwrap_or_default();
            self.decoded.extend_from_slice(run);
            if self.take_byte(b'"') {
                return Ok(Text::of_decoded(first, self.decoded.len()));
            }
            let decoded = self.escape()?;
            self.decoded
                .extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
            plain = self.at;
            self.at = scan::plain_end(self.bytes, plain);
        }
    }

    #[inline]
    fn quote(&mut self) -> Read<()> {
        if !self.take_byte(b'"') {
            return Err(self.fault(What::NotAString));
        }
        Ok(())
    }

    /// The character that an escape stands for. What is neither a quote nor an escape ends a string wrongly.
    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        match self.bytes.get(start) {
            Some(b'\\') => self.at += 2,
            Some(_) => return Err(self.fault(What::ControlCharacter)),
            None => return Err(self.fault(What::EndsTooEarly)),
        }
        match self.bytes.get(start + 1) {
            Some(b'"') => Ok('"'),
            Some(b'\\') => Ok('\\'),
            Some(b'/') => Ok('/'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.unicode_escape(start),
            _ => Err(fault(What::UnknownEscape, start)),
        }
    }

    /// `\uXXXX`, or two of them that are a surrogate pair.
    fn unicode_escape(&mut self, start: usize) -> Read<char> {
        let first = self.hex(start)?;
        let second = match first {
            0xd800..=0xdbff if self.rest().starts_with(b"\\u") => {
                self.at += 2;
                Some(self.hex(start)?)
            }
            _ => None,
        };
        char::decode_utf16([first].into_iter().chain(second))
            .next()
            .and_then(Result::ok)
            .ok_or_else(|| fault(What::LoneSurrogate, start))
    }

    fn hex(&mut self, start: usize) -> Read<u16> {
        let unit = self.rest().first_chunk::<4>().and_then(|digits| {
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            digits
                .iter()
                .try_fold(0, |unit, next| Some(unit << 4 | digit(next)?))
        });
        self.at += 4;
        let unit = unit.and_then(|unit| u16::try_from(unit).ok());
        unit.ok_or_else(|| fault(What::NoHexDigits, start))
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

#[cold]
fn fault(what: What, at: usize) -> Fault {
    Fault {
        what,
        at: u32::try_from(at).unwrap_or(u32::MAX),
    }
}

/// `value` when it has no fraction; a number beyond all doubles is one of those beyond 64 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, which is what the doc of `integer` says"
)]
fn whole(value: f64) -> Option<i64> {
    let fraction = if value.is_finite() {
        value.fract()
    } else {
        0.0
    };
    (fraction.abs() < f64::MIN_POSITIVE).then_some(value as i64)
}

/// The last bytes of a payload, filled up with what says nothing.
fn padded(rest: &[u8]) -> [u8; 64] {
    let mut block = [b' '; 64];
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    block
}

/// A walk over the brackets of a value, one block after another.
#[derive(Debug, Default)]
struct Walk {
    depth: u32,
    depth_max: u32,
    /// Brackets that this walk has opened.
    open: u32,
    /// One bit an open bracket, the innermost lowest: set for `[`.
    kinds: u64,
    /// All ones when the block before ended inside a string.
    in_string: u64,
    /// 1 when the block before ended with a backslash that escapes this block's first byte.
    escaping: u64,
}

impl Walk {
    /// Where in this block the value ends, just behind its last bracket. None when it goes on.
    fn block(&mut self, bytes: &[u8; 64]) -> Read<Option<usize>> {
        let block = Block::of(bytes);
        let quotes = block.quotes & !self.escaped(block.backslashes);
        let strings = prefix_xor(quotes) ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(strings >> 63);
        let stray = block.backslashes & !strings;
        if stray != 0 {
            return Err(fault(What::StrayBackslash, stray.trailing_zeros() as usize));
        }
        let mut brackets = (block.opening | block.closing) & !strings;
        while brackets != 0 {
            let at = brackets.trailing_zeros() as usize;
            let list = bytes.get(at).is_some_and(|byte| byte & 0x20 == 0);
            if block.opening >> at & 1 == 1 {
                self.open(list, at)?;
            } else {
                self.close(list, at)?;
            }
            if self.open == 0 {
                return Ok(Some(at + 1));
            }
            brackets &= brackets - 1;
        }
        Ok(None)
    }

    fn open(&mut self, list: bool, at: usize) -> Read<()> {
        if self.depth + self.open == self.depth_max {
            return Err(fault(What::TooDeep, at));
        }
        self.open += 1;
        self.kinds = self.kinds << 1 | u64::from(list);
        Ok(())
    }

    fn close(&mut self, list: bool, at: usize) -> Read<()> {
        if self.kinds & 1 != u64::from(list) {
            return Err(fault(What::WrongBracket, at));
        }
        self.open -= 1;
        self.kinds >>= 1;
        Ok(())
    }

    /// The bytes that a backslash escapes: those behind an odd number of backslashes.
    ///
    /// Adding the runs that start at odd bits to the runs themselves carries out of each run, which tells their parity.
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let escaping = self.escaping;
        if backslashes == 0 {
            self.escaping = 0;
            return escaping;
        }
        let backslashes = backslashes & !escaping;
        let behind = backslashes << 1 | escaping;
        let odd_starts = backslashes & !EVEN & !behind;
        let (ends, carries) = odd_starts.overflowing_add(backslashes);
        self.escaping = u64::from(carries);
        (EVEN ^ (ends << 1)) & behind
    }
}

/// Bit n of the result is the parity of bits 0 to n: set from each opening quote up to its closing one.
const fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    bits
}
