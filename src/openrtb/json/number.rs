//! What numbers are.

use super::Reader;

impl Reader<'_> {
    /// The value of the number at `at`, and where it ends, if it has at most 15 digits and neither sign nor exponent: its
    /// digits are a double, the power of ten that divides them is one, and so the quotient is rounded once.
    #[inline]
    pub(super) fn short_number(&self, at: usize) -> Option<(f64, usize)> {
        let (whole, dot) = self.read_digits(0, at);
        let (digits, end) = match self.byte(dot) {
            b'.' => self.read_digits(whole, dot + 1),
            _ => (whole, dot),
        };
        let fraction = end.saturating_sub(dot + 1);
        let has_digits = dot > at && (end == dot || fraction > 0);
        let is_short = end - at <= DIGITS_MAX;
        let leads_with_zero = self.byte(at) == b'0' && dot > at + 1;
        if !has_digits || !is_short || leads_with_zero || self.byte(end) | 0x20 == b'e' {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "15 digits fit a double")]
        let digits = digits as f64;
        Some((digits / TENS.get(fraction)?, end))
    }

    /// `digits`, followed by those that stand at `at`, and where these end. Of very many the result is wrong.
    #[inline(always)]
    fn read_digits(&self, mut digits: u64, mut at: usize) -> (u64, usize) {
        while let digit @ ..10 = self.byte(at).wrapping_sub(b'0') {
            digits = digits.wrapping_mul(10).wrapping_add(digit.into());
            at += 1;
        }
        (digits, at)
    }
}

/// Bytes of a number of 15 digits, or of fewer and a point.
const DIGITS_MAX: usize = 15;
const TENS: [f64; DIGITS_MAX] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
];

/// `value` when it has no fraction; beyond 64 bits, the nearest of 64 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, which is what the doc says"
)]
pub(super) fn whole(value: f64) -> Option<i64> {
    (value.trunc().to_bits() == value.to_bits()).then_some(value as i64)
}
