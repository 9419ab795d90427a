//! Escapes of JSON strings.

/// The character that the escape at the front of `text` stands for, and its length in bytes. The escape is sound.
pub(super) fn unescape(text: &[u8]) -> (char, usize) {
    let character = match text.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(text),
        other => char::from(other.copied().unwrap_or_default()),
    };
    (character, 2)
}

/// `\u` with four digits, or two of them that are a surrogate pair.
fn unescape_unicode(text: &[u8]) -> (char, usize) {
    let units = [hex(text, 2), hex(text, 8)].map(Option::unwrap_or_default);
    match char::decode_utf16(units).next() {
        Some(Ok(character)) => (character, if character.len_utf16() == 2 { 12 } else { 6 }),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The four hexadecimal digits at `at`.
pub(super) fn hex(payload: &[u8], at: usize) -> Option<u16> {
    let digits = payload.get(at..)?.first_chunk::<4>()?;
    let unit = digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | char::from(digit).to_digit(16)?)
    })?;
    u16::try_from(unit).ok()
}
