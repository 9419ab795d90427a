//! The first look at a payload: where its strings and brackets are, 64 bytes at a time.
//!
//! A reader that looks for the end of each string in turn waits for every answer before it can ask the next question.
//! Here all answers are worked out beforehand, one bit a byte, in a loop without surprises; reading is then a matter of
//! counting zeros. What makes a string malformed is found on the way, so a reader need not look into strings at all.

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};

use super::escape::hex;
use super::fault::{Fault, What, fault};

/// Where the strings and brackets of a payload are, 64 bytes a block, one bit a byte, the first byte lowest.
#[derive(Debug)]
pub(crate) struct Outline {
    blocks: Vec<Block>,
    bytes: usize,
    is_ascii: bool,
    level: Level,
}

/// What stands where in a block.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// Quotes that begin or end a string.
    quotes: u64,
    /// Backslashes; outside strings there are none.
    backslashes: u64,
    /// Brackets and braces outside strings.
    brackets: u64,
}

impl Default for Outline {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            bytes: 0,
            is_ascii: true,
            level: Level::new(),
        }
    }
}

impl Outline {
    /// Takes in `payload`, in place of the one before, with the widest vectors that the processor has.
    ///
    /// # Errors
    /// The first byte that makes a string malformed, and backslashes outside strings. Strings that do not end are not
    /// noticed: they have no closing quote to be found. Nothing else is known of a payload with a fault.
    pub(crate) fn trace(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let blocks = payload.len().div_ceil(BLOCK);
        self.blocks.resize(blocks, Block::default());
        self.bytes = payload.len();
        let level = self.level;
        dispatch!(level, simd => trace(simd, payload, self))
    }

    /// The widest vectors that the processor has.
    pub(crate) const fn level(&self) -> Level {
        self.level
    }

    /// True when no byte of the payload is beyond ASCII.
    pub(crate) const fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// Where the string whose content begins at `start` has its closing quote, the payload's end if it has none, and
    /// whether there is an escape in it.
    #[inline(always)]
    pub(crate) fn string(&self, start: usize) -> (usize, bool) {
        let shift = start % BLOCK;
        match self.blocks.get(start / BLOCK) {
            Some(block) if block.quotes >> shift != 0 => {
                let quotes = block.quotes >> shift;
                let within = quotes ^ (quotes - 1);
                let escaped = block.backslashes != 0 && block.backslashes >> shift & within != 0;
                (start + quotes.trailing_zeros() as usize, escaped)
            }
            _ => self.long_string(start),
        }
    }

    /// The same for a string that goes on behind its block.
    #[inline(never)]
    fn long_string(&self, start: usize) -> (usize, bool) {
        let mut block = start / BLOCK;
        let first = self.blocks.get(block).copied().unwrap_or_default();
        let mut backslashes = first.backslashes >> (start % BLOCK);
        loop {
            block += 1;
            let Some(strings) = self.blocks.get(block) else {
                return (self.bytes, backslashes != 0);
            };
            let within = strings.quotes ^ strings.quotes.wrapping_sub(1);
            backslashes |= strings.backslashes & within;
            if strings.quotes != 0 {
                let end = block * BLOCK + strings.quotes.trailing_zeros() as usize;
                return (end, backslashes != 0);
            }
        }
    }

    /// The first bracket or brace at or behind `at` that stands outside strings; none when there may be a backslash before.
    #[inline]
    pub(crate) fn plain_until_bracket(&self, at: usize) -> Option<usize> {
        let (block, shift) = (at / BLOCK, at % BLOCK);
        let blocks = self.blocks.get(block..)?;
        let mut before = shift;
        for (block, start) in blocks.iter().zip((block * BLOCK..).step_by(BLOCK)) {
            let brackets = block.brackets >> before << before;
            if block.backslashes != 0 {
                return None;
            }
            if brackets != 0 {
                return Some(start + brackets.trailing_zeros() as usize);
            }
            before = 0;
        }
        None
    }

    /// The brackets and braces at or behind `at` that stand outside strings.
    #[inline(always)]
    pub(crate) fn brackets(&self, at: usize) -> Brackets<'_> {
        let first = at / BLOCK;
        let mut blocks = self.blocks.get(first..).unwrap_or_default().iter();
        let bits = blocks
            .next()
            .map_or(0, |block| block.brackets & (!0 << (at % BLOCK)));
        Brackets {
            blocks,
            bits,
            start: first * BLOCK,
        }
    }
}

/// The brackets and braces of a payload outside its strings, from some place on.
#[derive(Debug)]
pub(crate) struct Brackets<'o> {
    blocks: std::slice::Iter<'o, Block>,
    /// Those of the block at `start` that come next.
    bits: u64,
    start: usize,
}

impl Brackets<'_> {
    /// Where the next one stands; behind any payload when there is none.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> usize {
        while self.bits == 0 {
            let Some(block) = self.blocks.next() else {
                return usize::MAX;
            };
            self.bits = block.brackets;
            self.start += BLOCK;
        }
        let at = self.start + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        at
    }
}

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;

#[inline(always)]
fn trace<S: Simd>(simd: S, payload: &[u8], outline: &mut Outline) -> Result<(), Fault> {
    let mut carry = Carry::default();
    let mut verifier = Verifier {
        payload,
        second_half: None,
    };
    let mut at = 0;
    let mut seen = u8x64::splat(simd, 0);
    let (blocks, rest) = payload.as_chunks();
    let rest = [padded(rest)];
    let (traced, last) = outline
        .blocks
        .split_at_mut_checked(blocks.len())
        .unwrap_or_default();
    for (blocks, traced) in [(blocks, traced), (&rest, last)] {
        for (block, traced) in blocks.iter().zip(traced) {
            let bytes = u8x64::from_slice(simd, block);
            seen |= bytes;
            let suspects;
            (*traced, suspects) = carry.block(simd, bytes);
            if suspects != 0 {
                verifier.verify(at, suspects)?;
            }
            at += BLOCK;
        }
    }
    outline.is_ascii = seen.simd_lt(0x80).all_true();
    Ok(())
}

/// What a block must know of the one before it.
#[derive(Clone, Copy, Default)]
struct Carry {
    /// All ones when the block begins within a string.
    in_string: u64,
    /// 1 when the block's first byte is escaped by the last one of the block before.
    escaping: u64,
}

impl Carry {
    /// The strings and the brackets of a block, and suspects: bytes that are wrong, or to be looked at. These are
    /// control characters in strings, backslashes outside, and what a backslash escapes unless it is a common one.
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, bytes: u8x64<S>) -> (Block, u64) {
        // Bracket and brace differ in one bit: setting it turns `[` into `{` and `]` into `}`, no other byte into either.
        let folded = bytes | 0x20;
        let brackets = (folded.simd_eq(b'{') | folded.simd_eq(b'}')).to_bitmask();
        let backslash = bytes.simd_eq(b'\\');
        let control = bytes.min(b' ' - 1).simd_eq(bytes);
        let quote = bytes.simd_eq(b'"');
        let mut quotes = quote.to_bitmask();
        let (mut backslashes, mut controls, mut odd) = (0, 0, 0);
        if (backslash | control).any_true() || self.escaping != 0 {
            backslashes = backslash.to_bitmask();
            controls = control.to_bitmask();
            let escaped = self.escaped(backslashes);
            quotes &= !escaped;
            let common = [b'/', b'n', b'r', b't', b'b', b'f']
                .iter()
                .fold(quote | backslash, |common, &byte| {
                    common | bytes.simd_eq(byte)
                });
            odd = escaped & !common.to_bitmask();
        }
        let strings = parities(simd, quotes) ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(strings >> 63);
        let suspects = odd | controls & strings | backslashes & !strings;
        let block = Block {
            quotes,
            backslashes,
            brackets: brackets & !strings,
        };
        (block, suspects)
    }

    /// The bytes that a backslash escapes: those behind an odd number of backslashes.
    ///
    /// Adding the runs that start at odd bits to the runs themselves carries out of each run, which tells their parity.
    #[inline(always)]
    const fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslashes = backslashes & !self.escaping;
        let behind = backslashes << 1 | self.escaping;
        let odd_starts = backslashes & !EVEN & !behind;
        let (ends, carries) = odd_starts.overflowing_add(backslashes);
        self.escaping = carries as u64;
        (EVEN ^ (ends << 1)) & behind
    }
}

/// Looks at what may be wrong.
struct Verifier<'p> {
    payload: &'p [u8],
    /// Where the second half of a surrogate pair that was seen already is escaped.
    second_half: Option<usize>,
}

impl Verifier<'_> {
    /// Checks the `suspects` of the block at `start`, in the order in which they stand.
    #[cold]
    fn verify(&mut self, start: usize, mut suspects: u64) -> Result<(), Fault> {
        while suspects != 0 {
            let at = start + suspects.trailing_zeros() as usize;
            match self.payload.get(at) {
                Some(b'u') => self.verify_unicode(at)?,
                Some(b'\\') => return Err(fault(What::StrayBackslash, at)),
                Some(..b' ') => return Err(fault(What::ControlCharacter, at)),
                Some(_) => return Err(fault(What::UnknownEscape, at)),
                None => return Err(fault(What::EndsTooEarly, self.payload.len())),
            }
            suspects &= suspects - 1;
        }
        Ok(())
    }

    fn verify_unicode(&mut self, at: usize) -> Result<(), Fault> {
        let unit = hex(self.payload, at + 1).ok_or_else(|| fault(What::NoHexDigits, at))?;
        if self.second_half == Some(at) {
            return Ok(());
        }
        let second = at + 6;
        let low = self.payload.get(at + 5..=second);
        let low = low
            .filter(|escape| escape == b"\\u")
            .and_then(|_| hex(self.payload, second + 1));
        match (unit, low) {
            (0xd800..=0xdbff, Some(0xdc00..=0xdfff)) => self.second_half = Some(second),
            (0xd800..=0xdfff, _) => return Err(fault(What::LoneSurrogate, at)),
            _ => {}
        }
        Ok(())
    }
}

/// Bit n of the result is the parity of bits 0 to n: set from each opening quote up to its closing one.
#[inline(always)]
pub(super) fn parities<S: Simd>(simd: S, bits: u64) -> u64 {
    match simd.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(simd) => product_with_ones(simd, bits),
        _ => prefix_xor(bits),
    }
}

#[cfg(target_arch = "x86_64")]
fearless_simd::kernel!(
    /// The same, as a product of polynomials over two elements.
    #[inline]
    fn product_with_ones(_simd: Avx512, bits: u64) -> u64 {
        use std::arch::x86_64::{
            _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8,
        };
        let bits = _mm_cvtsi64_si128(bits.cast_signed());
        let product = _mm_clmulepi64_si128::<0>(bits, _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }
);

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
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
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
    use super::{Level, Outline};
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
            let naive = naive(&payload);
            for level in [Level::new(), Level::baseline()] {
                let mut outline = Outline { level, ..Outline::default() };
                let traced = outline.trace(&payload);
                prop_assert_eq!(traced.is_ok(), naive.is_some());
                if let Some(naive) = &naive {
                    holds(&outline, naive)?;
                }
            }
        }
    }

    /// Whether an outline is that of a payload of these bytes, wherever it is asked.
    fn holds(outline: &Outline, naive: &[Byte]) -> Result<(), TestCaseError> {
        let next = |at: usize, wanted| (at..naive.len()).find(|&i| naive[i] == wanted);
        for at in 0..naive.len() {
            let end = next(at, Byte::Quote).unwrap_or(naive.len());
            let escape = next(at, Byte::Backslash).is_some_and(|escape| escape < end);
            prop_assert_eq!(outline.string(at), (end, escape));
            let bracket = next(at, Byte::Bracket).unwrap_or(usize::MAX);
            prop_assert_eq!(outline.brackets(at).next(), bracket);
        }
        Ok(())
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
