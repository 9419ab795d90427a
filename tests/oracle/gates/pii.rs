//! Does the response carry personal data of somebody? (docs/gates/pii.md)
use super::text::is_boundary;

/// "Each for email, then ssn, then phone; the first kind found is the reason."
pub(crate) fn find(email: bool, ssn: bool, phone: bool, text: &str) -> Option<&'static str> {
    let text = text.as_bytes();
    let found = |wanted: bool, found: fn(&[u8], usize) -> bool| {
        wanted && (0..text.len()).any(|at| found(text, at))
    };
    if found(email, is_at_sign_of_email) {
        Some("email_address")
    } else if found(ssn, is_ssn) {
        Some("ssn_shaped")
    } else if found(phone, is_phone) {
        Some("phone_shaped")
    } else {
        None
    }
}

/// `[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}`, seen from the at sign.
fn is_at_sign_of_email(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| text[before]);
    let named = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte));
    let domain: Vec<u8> = text[at + 1..]
        .iter()
        .copied()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte))
        .collect();
    let ends_well = (1..domain.len()).any(|dot| {
        let behind = &domain[dot + 1..];
        let letters = behind
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        domain[dot] == b'.' && letters >= 2
    });
    text[at] == b'@' && named && ends_well
}

/// "`NNN-NN-NNNN` on word boundaries; not area 000, 666 or 900 to 999, not group 00, not serial 0000"
fn is_ssn(text: &[u8], at: usize) -> bool {
    let Some(digits) = shaped(text, at, "NNN-NN-NNNN") else {
        return false;
    };
    let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
    is_boundary(text, at)
        && is_boundary(text, at + 11)
        && area != b"000"
        && area != b"666"
        && !area.starts_with(b"9")
        && group != b"00"
        && serial != b"0000"
}

/// "A separator is one `-`, `.` or space. A phone number ends on a word boundary, and begins on one unless it begins
/// with a parenthesis."
fn is_phone(text: &[u8], at: usize) -> bool {
    let codes = ["", "+1S", "1S"];
    codes.iter().any(|code| {
        let area_at = at + code.len();
        let begins_well = match code.chars().next() {
            Some('1') => is_boundary(text, at),
            Some(_) => true,
            None => text[at] == b'(' || is_boundary(text, at),
        };
        ["(NNN)SNNNSNNNN", "NNNSNNNSNNNN"].iter().any(|number| {
            let shape = format!("{code}{number}");
            let area = area_at + usize::from(number.starts_with('('));
            begins_well
                && shaped(text, at, &shape).is_some()
                && (b'2'..=b'9').contains(&text[area])
                && is_boundary(text, at + shape.len())
        })
    })
}

/// The digits of what stands at `at`, if it has this shape: `N` a digit, `S` a separator, all else itself.
fn shaped(text: &[u8], at: usize, shape: &str) -> Option<Vec<u8>> {
    let piece = text.get(at..at + shape.len())?;
    let fits = piece
        .iter()
        .zip(shape.bytes())
        .all(|(&byte, wanted)| match wanted {
            b'N' => byte.is_ascii_digit(),
            b'S' => b"-. ".contains(&byte),
            _ => byte == wanted,
        });
    let digits = piece.iter().copied().filter(u8::is_ascii_digit);
    fits.then(|| digits.collect())
}
