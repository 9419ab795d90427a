//! The first look at a payload: where its strings and brackets are, 64 bytes at a time.
//!
//! A reader that looks for the end of each string in turn waits for every answer before it can ask the next question.
//! Here all answers are worked out beforehand, one bit a byte, in a loop without surprises; reading is then a matter of
//! counting zeros. What makes a string malformed is found on the way, so a reader need not look into strings at all.

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};

use super::escape::hex;
use super::fault::{Fault, What, fault};

/// Where the strings and brackets of a payload are.
#[derive(Debug)]
pub(crate) struct Outline {
    blocks: Vec<Block>,
    has_escapes: bool,
    is_ascii: bool,
    level: Level,
}

impl Default for Outline {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            has_escapes: false,
            is_ascii: true,
            level: Level::new(),
        }
    }
}

/// 64 bytes of a payload, one bit a byte, the first byte lowest.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// Quotes that begin or end a string.
    quotes: u64,
    /// Backslashes; outside strings there are none.
    backslashes: u64,
    /// Brackets and braces outside strings.
    brackets: u64,
}

impl Outline {
    /// Takes in `payload`, in place of the one before, with the widest vectors that the processor has.
    ///
    /// # Errors
    /// The first byte that makes a string malformed, and backslashes outside strings. Strings that do not end are not
    /// noticed: they have no closing quote to be found.
    pub(crate) fn trace(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let blocks = &mut self.blocks;
        blocks.clear();
        let tracer = dispatch!(self.level, simd => trace(simd, payload, blocks));
        self.has_escapes = tracer.seen_backslashes != 0;
        self.is_ascii = tracer.seen_beyond_ascii == 0;
        tracer.fault.map_or(Ok(()), Err)
    }

    /// True when no byte of the payload is beyond ASCII.
    pub(crate) const fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// The first quote at or behind `at` that begins or ends a string.
    #[inline]
    pub(crate) fn quote(&self, at: usize) -> Option<usize> {
        let mut block = at / 64;
        let mut quotes = self.blocks.get(block)?.quotes & (!0 << (at % 64));
        while quotes == 0 {
            block += 1;
            quotes = self.blocks.get(block)?.quotes;
        }
        Some(block * 64 + quotes.trailing_zeros() as usize)
    }

    /// The brackets and braces at or behind `at` that stand outside strings.
    #[inline]
    pub(crate) fn brackets(&self, at: usize) -> impl Iterator<Item = usize> {
        let first = at / 64;
        let mut blocks = self.blocks.get(first..).unwrap_or_default().iter();
        let mut bits = blocks
            .next()
            .map_or(0, |block| block.brackets & (!0 << (at % 64)));
        let mut start = first * 64;
        std::iter::from_fn(move || {
            while bits == 0 {
                bits = blocks.next()?.brackets;
                start += 64;
            }
            let at = start + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            Some(at)
        })
    }

    /// Whether an escape stands within `start..end`, the content of a string.
    #[inline]
    pub(crate) fn has_escape(&self, start: usize, end: usize) -> bool {
        self.has_escapes && self.has_backslash(start, end)
    }

    fn has_backslash(&self, start: usize, end: usize) -> bool {
        let (first, last) = (start / 64, end / 64);
        let blocks = self.blocks.get(first..=last).unwrap_or_default();
        let behind = !0 << (start % 64);
        let before = !(!0 << (end % 64));
        match blocks {
            [block] => block.backslashes & behind & before != 0,
            [first, between @ .., last] => {
                first.backslashes & behind != 0
                    || last.backslashes & before != 0
                    || between.iter().any(|block| block.backslashes != 0)
            }
            [] => false,
        }
    }
}

#[inline(always)]
fn trace<S: Simd>(simd: S, payload: &[u8], outline: &mut Vec<Block>) -> Tracer {
    let mut tracer = Tracer::default();
    let (blocks, rest) = payload.as_chunks();
    outline.resize(blocks.len(), Block::default());
    for (block, traced) in blocks.iter().zip(outline.iter_mut()) {
        *traced = tracer.block(simd, block, payload);
    }
    if !rest.is_empty() {
        outline.push(tracer.block(simd, &padded(rest), payload));
    }
    tracer
}

/// What one block must know of those before it.
#[derive(Debug, Default)]
struct Tracer {
    /// Position of the block.
    at: usize,
    /// All ones when the block begins within a string.
    in_string: u64,
    /// 1 when the block's first byte is escaped by the last one of the block before.
    escaping: u64,
    /// Where the second half of a surrogate pair that was seen already is escaped.
    second_half: Option<usize>,
    /// Not 0 once there was a backslash.
    seen_backslashes: u64,
    /// Not 0 once there was a byte beyond ASCII.
    seen_beyond_ascii: u64,
    /// The first thing wrong.
    fault: Option<Fault>,
}

impl Tracer {
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, bytes: &[u8; 64], payload: &[u8]) -> Block {
        let [quotes, backslashes, controls, brackets, beyond_ascii] = classify(simd, bytes);
        self.seen_backslashes |= backslashes;
        self.seen_beyond_ascii |= beyond_ascii;
        let escaped = self.escaped(backslashes);
        let quotes = quotes & !escaped;
        let strings = prefix_xor(quotes) ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(strings >> 63);
        let controls = controls & strings;
        if (backslashes | escaped | controls) != 0 && self.fault.is_none() {
            self.fault = self
                .verify(escaped, controls, backslashes & !strings, payload)
                .err();
        }
        self.at += 64;
        Block {
            quotes,
            backslashes,
            brackets: brackets & !strings,
        }
    }

    /// The bytes that a backslash escapes: those behind an odd number of backslashes.
    ///
    /// Adding the runs that start at odd bits to the runs themselves carries out of each run, which tells their parity.
    #[inline(always)]
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

    /// Checks escapes; control characters and backslashes that stray are wrong by themselves.
    #[inline(never)]
    fn verify(
        &mut self,
        escaped: u64,
        controls: u64,
        stray: u64,
        payload: &[u8],
    ) -> Result<(), Fault> {
        for (bits, what) in [
            (controls, What::ControlCharacter),
            (stray, What::StrayBackslash),
        ] {
            if bits != 0 {
                return Err(fault(what, self.at + bits.trailing_zeros() as usize));
            }
        }
        let mut escaped = escaped;
        while escaped != 0 {
            self.verify_escape(self.at + escaped.trailing_zeros() as usize, payload)?;
            escaped &= escaped - 1;
        }
        Ok(())
    }

    /// Checks the character at `at`, which is escaped.
    #[inline]
    fn verify_escape(&mut self, at: usize, payload: &[u8]) -> Result<(), Fault> {
        match payload.get(at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => self.verify_unicode(at, payload),
            Some(_) => Err(fault(What::UnknownEscape, at)),
            None => Err(fault(What::EndsTooEarly, payload.len())),
        }
    }

    #[cold]
    fn verify_unicode(&mut self, at: usize, payload: &[u8]) -> Result<(), Fault> {
        let unit = hex(payload, at + 1).ok_or_else(|| fault(What::NoHexDigits, at))?;
        if self.second_half == Some(at) {
            return Ok(());
        }
        let second = at + 6;
        let low = payload
            .get(at + 5..=second)
            .filter(|escape| escape == b"\\u");
        let low = low.and_then(|_| hex(payload, second + 1));
        match (unit, low) {
            (0xd800..=0xdbff, Some(0xdc00..=0xdfff)) => self.second_half = Some(second),
            (0xd800..=0xdfff, _) => return Err(fault(What::LoneSurrogate, at)),
            _ => {}
        }
        Ok(())
    }
}

/// Quotes, backslashes, control characters, brackets of either kind and direction, and bytes beyond ASCII.
///
/// Bracket and brace differ in one bit: setting it turns `[` into `{` and `]` into `}`, and no other byte into either.
#[inline(always)]
fn classify<S: Simd>(simd: S, bytes: &[u8; 64]) -> [u64; 5] {
    let bytes = u8x64::from_slice(simd, bytes);
    let folded = bytes | 0x20;
    [
        bytes.simd_eq(b'"').to_bitmask(),
        bytes.simd_eq(b'\\').to_bitmask(),
        bytes.simd_lt(b' ').to_bitmask(),
        (folded.simd_eq(b'{') | folded.simd_eq(b'}')).to_bitmask(),
        bytes.simd_ge(0x80).to_bitmask(),
    ]
}

/// Bit n of the result is the parity of bits 0 to n: set from each opening quote up to its closing one.
#[inline(always)]
const fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    bits
}

/// The last bytes of a payload, filled up with what says nothing.
fn padded(rest: &[u8]) -> [u8; 64] {
    let mut block = [b' '; 64];
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    block
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests {
    use super::Outline;
    use proptest::prelude::*;

    /// What each byte is, found by looking at one after another.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Byte {
        Quote,
        Bracket,
        Backslash,
        Other,
    }

    /// None when a string is malformed; of escapes only `\\`, `\"` and `\n` are known here.
    fn naive(payload: &[u8]) -> Option<Vec<Byte>> {
        let (mut in_string, mut escaped) = (false, false);
        let mut bytes = Vec::new();
        for &byte in payload {
            bytes.push(match byte {
                b'"' | b'n' if escaped => Byte::Other,
                b'\\' if escaped => Byte::Backslash,
                _ if escaped => return None,
                b'\\' if in_string => Byte::Backslash,
                b'\\' => return None,
                b'"' => Byte::Quote,
                b'\n' if in_string => return None,
                b'{' | b'}' | b'[' | b']' if !in_string => Byte::Bracket,
                _ => Byte::Other,
            });
            in_string ^= byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
        }
        (!escaped).then_some(bytes)
    }

    proptest! {
        #[test]
        fn an_outline_is_what_one_finds_byte_by_byte(picks in prop::collection::vec(0_usize..24, 0..300)) {
            let payload: Vec<u8> = picks.iter().map(|&pick| b"\"\"\"\\\\{}[]\nnnaaaaaaaaaaaaa"[pick]).collect();
            let mut outline = Outline::default();
            let traced = outline.trace(&payload);
            let naive = naive(&payload);
            prop_assert_eq!(traced.is_ok(), naive.is_some());
            let Some(naive) = naive else { return Ok(()) };
            let next = |at: usize, wanted| (at..payload.len()).find(|&i| naive[i] == wanted);
            for at in 0..payload.len() {
                prop_assert_eq!(outline.quote(at), next(at, Byte::Quote));
                prop_assert_eq!(outline.brackets(at).next(), next(at, Byte::Bracket));
                prop_assert_eq!(outline.has_escape(at, payload.len()), next(at, Byte::Backslash).is_some());
            }
        }
    }

    #[test]
    fn escapes_are_checked_wherever_a_block_ends() {
        let cases = [
            (r"\ud83d\ude00", true),
            (r"\ude00", false),
            (r"\ud83d", false),
            (r"\ud83d\n", false),
            (r"\ud83d\ud83d\ude00", false),
            (r"\u00e9\u00e9", true),
            (r"\u00g9", false),
            (r"\u00", false),
            (r"\x", false),
            (r"\/\b\f\n\r\t\\", true),
            ("\u{1f}", false),
            ("\u{7f}", true),
        ];
        for before in 0..130 {
            for (content, sound) in cases {
                let payload = format!("\"{}{content}\"", "a".repeat(before));
                assert_eq!(
                    Outline::default().trace(payload.as_bytes()).is_ok(),
                    sound,
                    "{content} after {before}"
                );
            }
        }
    }
}
