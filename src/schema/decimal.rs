//! JSON numbers compared exactly, as they are written: a double would make one of 9007199254740993 and its neighbour.

use std::cmp::Ordering;

/// A number as it is written: its significant digits, and where the decimal point stands among them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'t> {
    negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    /// Zeros in front of the first significant digit.
    leading: usize,
    /// Significant digits: the first and the last are not 0. No digit at all is zero.
    digits: usize,
    /// The number is 0.DIGITS times ten to this power.
    point: i64,
}

impl<'t> Decimal<'t> {
    /// Reads a JSON number.
    pub(super) fn read(written: &'t [u8]) -> Self {
        let negative = written.first() == Some(&b'-');
        let unsigned = written.get(usize::from(negative)..).unwrap_or_default();
        let (mantissa, exponent) = split(unsigned, |byte| matches!(byte, b'e' | b'E'));
        let (whole, fraction) = split(mantissa, |byte| byte == b'.');
        let total = whole.len() + fraction.len();
        let is_zero = |digit: &&u8| **digit == b'0';
        let both = || whole.iter().chain(fraction);
        let leading = both().take_while(is_zero).count();
        let trailing = both().rev().take_while(is_zero).count();
        let digits = total.saturating_sub(leading + trailing);
        Self {
            negative: negative && digits > 0,
            whole,
            fraction,
            leading,
            digits,
            point: power(exponent).saturating_add(signed(whole.len()) - signed(leading)),
        }
    }

    /// True for numbers without a fraction, however they are written: `1`, `1.0`, `10e-1`.
    pub(super) fn is_integer(&self) -> bool {
        self.digits == 0 || self.point >= signed(self.digits)
    }

    /// Which of the two is greater.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (-1, -1) => other.compare_size(self),
            (1, 1) => self.compare_size(other),
            (sign, other) => sign.cmp(&other),
        }
    }

    /// True when this number is `divisor` times an integer.
    pub(super) fn is_multiple_of(&self, divisor: Divisor) -> bool {
        let shift = self.unit().saturating_sub(divisor.unit);
        if self.digits == 0 || shift < 0 {
            // The last digit is not 0, so no power of ten divides these digits.
            return self.digits == 0;
        }
        let of = u128::from(divisor.digits);
        let digits = self.significant().map(|digit| u128::from(digit - b'0'));
        let mut rest = digits.fold(0, |rest, digit| (rest * 10 + digit) % of);
        // No number of 64 bits has more factors of 2 or 5 than this: further zeros change nothing.
        for _ in 0..shift.min(64) {
            rest = rest * 10 % of;
        }
        rest == 0
    }

    const fn sign(&self) -> i8 {
        match (self.digits, self.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        (self.point.cmp(&other.point)).then_with(|| self.significant().cmp(other.significant()))
    }

    fn significant(&self) -> impl Iterator<Item = u8> {
        let digits = self.whole.iter().chain(self.fraction).copied();
        digits.skip(self.leading).take(self.digits)
    }

    /// The power of ten of the last significant digit.
    fn unit(&self) -> i64 {
        self.point.saturating_sub(signed(self.digits))
    }
}

/// What a number must be a multiple of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divisor {
    /// Not 0, and not a multiple of 10.
    digits: u64,
    /// The power of ten of the last digit.
    unit: i64,
}

impl Divisor {
    /// None when the number is not above 0, or has more digits than 64 bits hold.
    pub(super) fn new(written: &[u8]) -> Option<Self> {
        let decimal = Decimal::read(written);
        if decimal.sign() <= 0 {
            return None;
        }
        let digits = decimal.significant().try_fold(0_u64, |sum, digit| {
            sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })?;
        let unit = decimal.unit();
        Some(Self { digits, unit })
    }
}

/// The bytes before and behind the first byte that `is`.
fn split(bytes: &[u8], is: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|&byte| is(byte));
    let (before, behind) = bytes.split_at(at.unwrap_or(bytes.len()));
    (before, behind.get(1..).unwrap_or_default())
}

/// An exponent; one beyond 64 bits is as far away as can be told.
fn power(exponent: &[u8]) -> i64 {
    const FAR: i64 = i64::MAX / 4;
    let text = str::from_utf8(exponent).unwrap_or_default();
    match text.parse::<i64>() {
        Ok(power) => power.clamp(-FAR, FAR),
        Err(_) if text.is_empty() => 0,
        Err(_) if text.starts_with('-') => -FAR,
        Err(_) => FAR,
    }
}

/// A count of digits: no text is longer than 64 signed bits say.
fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Decimal, Divisor};
    use std::cmp::Ordering;

    /// Each line's numbers are equal, and less than those of the next line.
    const ASCENDING: &[&[&str]] = &[
        &["-1e400"],
        &["-12"],
        &["-1.5", "-15e-1"],
        &["-1e-400"],
        &["0", "-0", "0.000", "0e99999999999999999999"],
        &["0.001", "1e-3", "0.0010", "1000E-6"],
        &["1", "1.0", "1e0", "0.1e+1", "10e-1"],
        &["1.25"],
        &["9.99"],
        &["10", "1e1"],
        &["9007199254740992"],
        &["9007199254740993", "9007199254740993.0"],
        &["1e400"],
        &["1e99999999999999999999"],
    ];

    #[test]
    fn numbers_compare_as_what_they_are_worth() {
        for (i, line) in ASCENDING.iter().enumerate() {
            for (j, other) in ASCENDING.iter().enumerate() {
                for (a, b) in line.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    let (x, y) = (Decimal::read(a.as_bytes()), Decimal::read(b.as_bytes()));
                    assert_eq!(x.compare(&y), i.cmp(&j), "{a} and {b}");
                }
            }
        }
        let nothing = Decimal::read(b"-0");
        assert_eq!(nothing.compare(&Decimal::read(b"0")), Ordering::Equal);
    }

    #[test]
    fn integers_have_no_fraction() {
        for written in ["0", "-0.0", "1", "1.0", "10e-1", "1e400", "12.50e1"] {
            assert!(Decimal::read(written.as_bytes()).is_integer(), "{written}");
        }
        for written in ["0.5", "1.01", "1e-1", "15e-1", "1e-400"] {
            assert!(!Decimal::read(written.as_bytes()).is_integer(), "{written}");
        }
    }

    #[test]
    fn multiples_are_exact() {
        let multiple = |number: &str, of: &str| {
            let divisor = Divisor::new(of.as_bytes()).unwrap();
            Decimal::read(number.as_bytes()).is_multiple_of(divisor)
        };
        let multiples = [
            ("19.99", "0.01"),
            ("0", "7"),
            ("-21", "7"),
            ("1e400", "0.01"),
            ("4", "2.0"),
            ("1e2", "25"),
            ("30", "20e-1"),
        ];
        for (number, of) in multiples {
            assert!(multiple(number, of), "{number} of {of}");
        }
        for (number, of) in [
            ("19.999", "0.01"),
            ("1", "7"),
            ("1e400", "3"),
            ("0.5", "1"),
            ("3", "2"),
            ("10", "20"),
        ] {
            assert!(!multiple(number, of), "{number} of {of}");
        }
    }

    #[test]
    fn a_divisor_is_above_zero_and_fits() {
        for written in ["0", "-1", "123456789012345678901234567890.5"] {
            assert!(Divisor::new(written.as_bytes()).is_none(), "{written}");
        }
    }
}
