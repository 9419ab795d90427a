//! Reading bytes many at a time: the two questions a JSON reader asks most.
//!
//! Vectors of 16 and 64 bytes as every x86-64 and aarch64 processor can do them; nothing is detected at run time.

use wide::{u8x16, u8x64};

/// Position of the first byte at or after `at` that ends a plain run of a string: a quote, a backslash or a control
/// character. The length of `bytes` when there is none.
#[inline]
pub(crate) fn plain_end(bytes: &[u8], at: usize) -> usize {
    // Most strings are short: the first 16 bytes are looked at in place.
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => match special(*chunk) {
            0 => plain_end_beyond(bytes, at + 16),
            special => at + special.trailing_zeros() as usize,
        },
        None => plain_end_beyond(bytes, at),
    }
}

fn plain_end_beyond(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        match special(*chunk) {
            0 => at += 16,
            special => return at + special.trailing_zeros() as usize,
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|&byte| is_special(byte))
        .unwrap_or(rest.len())
}

const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

/// [`is_special`], one bit a byte, the first byte lowest.
#[inline]
fn special(chunk: [u8; 16]) -> u32 {
    let bytes = u8x16::new(chunk);
    let control = bytes.min(u8x16::splat(b' ' - 1)).simd_eq(bytes);
    (bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | control).to_bitmask()
}

/// What 64 bytes hold, one bit a byte, the first byte lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) quotes: u64,
    pub(crate) backslashes: u64,
    /// `{` and `[`.
    pub(crate) opening: u64,
    /// `}` and `]`.
    pub(crate) closing: u64,
}

impl Block {
    /// Classifies 64 bytes.
    ///
    /// Bracket and brace differ in one bit: setting it turns `[` into `{` and `]` into `}`, and no other byte into
    /// either.
    pub(crate) fn of(bytes: &[u8; 64]) -> Self {
        let bytes = u8x64::new(*bytes);
        let folded = bytes | u8x64::splat(0x20);
        let bits = |bytes: u8x64, byte| bytes.simd_eq(u8x64::splat(byte)).to_bitmask();
        Self {
            quotes: bits(bytes, b'"'),
            backslashes: bits(bytes, b'\\'),
            opening: bits(folded, b'{'),
            closing: bits(folded, b'}'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, is_special, plain_end};
    use proptest::prelude::*;

    fn bit_by_bit(bytes: &[u8; 64], is: impl Fn(u8) -> bool) -> u64 {
        bytes
            .iter()
            .rev()
            .fold(0, |mask, &byte| mask << 1 | u64::from(is(byte)))
    }

    proptest! {
        #[test]
        fn plain_end_is_the_first_special_byte(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..220) {
            let naive = (at.min(bytes.len())..bytes.len()).find(|&i| is_special(bytes[i])).unwrap_or(bytes.len().max(at));
            prop_assert_eq!(plain_end(&bytes, at), naive);
        }

        #[test]
        fn a_block_says_what_each_byte_is(bytes in prop::array::uniform32(any::<u8>())) {
            let mut block = [0; 64];
            block[..32].copy_from_slice(&bytes);
            block[32..].copy_from_slice(&bytes.map(|byte| b"\"\\{}[]\x1f a;"[usize::from(byte) % 10]));
            prop_assert_eq!(Block::of(&block), Block {
                quotes: bit_by_bit(&block, |byte| byte == b'"'),
                backslashes: bit_by_bit(&block, |byte| byte == b'\\'),
                opening: bit_by_bit(&block, |byte| matches!(byte, b'{' | b'[')),
                closing: bit_by_bit(&block, |byte| matches!(byte, b'}' | b']')),
            });
        }
    }
}
