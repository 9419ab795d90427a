//! What numbers are, once it is known where they end.

/// The value of a number without sign and exponent, of at most 15 digits: they are a double, the power of ten that
/// divides them is one, and so the quotient is rounded once.
#[inline]
pub(super) fn short_decimal(written: &[u8]) -> Option<f64> {
    const TENS: [f64; 16] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    if written.len() > TENS.len() {
        return None;
    }
    let (mut digits, mut fraction) = (0_u64, None);
    for (position, &byte) in written.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits = digits * 10 + u64::from(byte - b'0'),
            b'.' => fraction = Some(written.len() - position - 1),
            _ => return None,
        }
    }
    if fraction.is_none() && written.len() == TENS.len() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "15 digits fit a double")]
    let whole = digits as f64;
    Some(whole / TENS.get(fraction.unwrap_or(0))?)
}

/// `value` when it has no fraction; beyond 64 bits, the nearest of 64 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, which is what the doc says"
)]
pub(super) fn whole(value: f64) -> Option<i64> {
    (value.trunc().to_bits() == value.to_bits()).then_some(value as i64)
}
