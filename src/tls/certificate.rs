//! What is told of a certificate (RFC 5280 section 4.1): when it ends.

use prost_types::Timestamp;

/// The end of a certificate's validity; none if it cannot be read.
pub(super) fn not_after(der: &[u8]) -> Option<Timestamp> {
    let mut certificate = Der(Der(der).element(SEQUENCE)?);
    let mut to_be_signed = Der(certificate.element(SEQUENCE)?);
    if to_be_signed.tag() == Some(VERSION) {
        to_be_signed.element(VERSION)?;
    }
    to_be_signed.element(INTEGER)?; // serialNumber
    to_be_signed.element(SEQUENCE)?; // signature
    to_be_signed.element(SEQUENCE)?; // issuer
    let mut validity = Der(to_be_signed.element(SEQUENCE)?);
    validity.time()?; // notBefore
    validity.time()
}

/// Elements of DER that have not been read.
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element, which must be of this kind.
    fn element(&mut self, tag: u8) -> Option<&'d [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..0x80 => (usize::from(first), rest),
            _ => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (big_endian(length)?, rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    fn time(&mut self) -> Option<Timestamp> {
        match self.tag()? {
            UTC_TIME => {
                let (year, rest) = number(self.element(UTC_TIME)?, 2)?;
                // RFC 5280 section 4.1.2.5.1: "Where YY is greater than or equal to 50, the year SHALL be interpreted as
                // 19YY".
                let century = if year < 50 { 2000 } else { 1900 };
                within_year(century + year, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = number(self.element(GENERALIZED_TIME)?, 4)?;
                within_year(year, rest)
            }
            _ => None,
        }
    }
}

/// `MMDDHHMMSSZ`, the only form there may be.
fn within_year(year: u16, text: &[u8]) -> Option<Timestamp> {
    let (month, rest) = number(text, 2)?;
    let (day, rest) = number(rest, 2)?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest, 2)?;
    let (second, rest) = number(rest, 2)?;
    let [month, day, hour, minute, second] =
        [month, day, hour, minute, second].map(|number| u8::try_from(number).unwrap_or(u8::MAX));
    let time = Timestamp::date_time(year.into(), month, day, hour, minute, second).ok()?;
    (rest == b"Z").then_some(time)
}

/// The number that so many decimal digits write, and what follows them.
fn number(text: &[u8], digits: usize) -> Option<(u16, &[u8])> {
    let (digits, rest) = text.split_at_checked(digits)?;
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, rest))
}

/// A length of up to four bytes.
fn big_endian(bytes: &[u8]) -> Option<usize> {
    let mut padded = [0; 4];
    let start = padded.len().checked_sub(bytes.len())?;
    padded.get_mut(start..)?.copy_from_slice(bytes);
    usize::try_from(u32::from_be_bytes(padded)).ok()
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
const VERSION: u8 = 0xa0;

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_validity_is_read_in_both_spellings() {
        for (year, month, day, expected) in [
            (1999, 12, 31, "1999-12-31T00:00:00Z"),
            (2028, 2, 29, "2028-02-29T00:00:00Z"),
            (2049, 12, 31, "2049-12-31T00:00:00Z"),
            (2050, 1, 1, "2050-01-01T00:00:00Z"),
            (4096, 1, 1, "4096-01-01T00:00:00Z"),
        ] {
            let told = not_after(&ending(year, month, day)).unwrap();
            assert_eq!(told.to_string(), expected);
        }
    }

    #[test]
    fn what_is_cut_off_has_no_end() {
        let whole = ending(2050, 1, 1);
        for length in 0..whole.len() {
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn no_byte_that_is_wrong_is_the_end_of_anything() {
        let whole = ending(2049, 12, 31);
        for position in 0..whole.len().min(200) {
            for wrong in [0, 0x30, 0x80, 0x84, 0xff] {
                let mut bytes = whole.clone();
                bytes[position] = wrong;
                not_after(&bytes).unwrap_or_default();
            }
        }
    }
}
