//! JSON pointers (RFC 6901) of values that are known by their position.

use super::checked::{Checked, Kind, Next, Written};

/// Appends the pointer to the value of `payload` that holds the byte at `at`, the innermost one; cut at `max` bytes,
/// between characters. Walks the payload from its start: for what is told once.
#[cold]
pub(crate) fn write_pointer(payload: &[u8], at: u32, max: usize, out: &mut Vec<u8>) {
    write_from(Checked::new(payload).root(), payload, at, max, out);
}

/// Appends what is behind the pointer to the value that begins at `value`, in the pointer to what it holds at `at`.
/// Walks that value alone.
#[cold]
pub(crate) fn write_pointer_within(
    value: u32,
    payload: &[u8],
    at: u32,
    max: usize,
    out: &mut Vec<u8>,
) {
    write_from(value as usize, payload, at, max, out);
}

fn write_from(mut value: usize, payload: &[u8], at: u32, max: usize, out: &mut Vec<u8>) {
    let (json, at) = (Checked::new(payload), at as usize);
    let end = out.len() + max;
    while value < at {
        let step = match json.kind(value) {
            Kind::Object => into_member(json, value, at, end, out),
            Kind::Array => into_element(json, value, at, end, out),
            Kind::Null | Kind::Boolean | Kind::Number | Kind::Text => None,
        };
        let Some(step) = step else { break };
        value = step;
    }
}

/// The value of the member that holds `at`, its key written. None when that is the end of the pointer.
fn into_member(
    json: Checked<'_>,
    object: usize,
    at: usize,
    end: usize,
    out: &mut Vec<u8>,
) -> Option<usize> {
    let mut next = object + 1;
    while let Next::Item(key_at) = json.next(next) {
        let member = json.member(key_at);
        next = json.end(member.value_at);
        if at < next {
            return write_key(member.key, end, out).then_some(member.value_at);
        }
    }
    None
}

/// The element that holds `at`, its index written. None when that is the end of the pointer.
fn into_element(
    json: Checked<'_>,
    array: usize,
    at: usize,
    end: usize,
    out: &mut Vec<u8>,
) -> Option<usize> {
    let (mut next, mut index) = (array + 1, 0_u32);
    while let Next::Item(element) = json.next(next) {
        next = json.end(element);
        if at < next {
            return write_index(index, end, out).then_some(element);
        }
        index += 1;
    }
    None
}

/// False when there is no room for all of it.
fn write_key(key: Written<'_>, end: usize, out: &mut Vec<u8>) -> bool {
    push('/', end, out)
        && key.chars().all(|character| match character {
            '~' => push('~', end, out) && push('0', end, out),
            '/' => push('~', end, out) && push('1', end, out),
            other => push(other, end, out),
        })
}

/// False when there is no room for all of it.
fn write_index(index: u32, end: usize, out: &mut Vec<u8>) -> bool {
    let mut place = 1;
    while index / place >= 10 {
        place *= 10;
    }
    let mut fits = push('/', end, out);
    while place > 0 {
        let digit = char::from_digit(index / place % 10, 10);
        fits = fits && push(digit.unwrap_or('0'), end, out);
        place /= 10;
    }
    fits
}

/// False when there is no room for it.
fn push(character: char, end: usize, out: &mut Vec<u8>) -> bool {
    let fits = out.len() + character.len_utf8() <= end;
    if fits {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::{write_pointer, write_pointer_within};

    fn position(payload: &str, of: &str) -> u32 {
        u32::try_from(payload.find(of).unwrap()).unwrap()
    }

    fn pointer(payload: &str, at: &str, max: usize) -> String {
        let at = position(payload, at);
        let mut out = b"> ".to_vec();
        write_pointer(payload.as_bytes(), at, max, &mut out);
        String::from_utf8(out.split_off(2)).unwrap()
    }

    #[test]
    fn a_pointer_names_keys_and_indices() {
        let payload = r#" {"a": [0, {"b\u002f~": [1, "here"]}], "c": {"": 5}}"#;
        assert_eq!(pointer(payload, "{", 128), "");
        assert_eq!(pointer(payload, "[0", 128), "/a");
        assert_eq!(pointer(payload, "{\"b", 128), "/a/1");
        assert_eq!(pointer(payload, "\"here", 128), "/a/1/b~1~0/1");
        assert_eq!(pointer(payload, "5", 128), "/c/");
    }

    #[test]
    fn a_pointer_goes_on_within_a_value() {
        let payload = r#"{"a": [0, {"b": {"c": 1}}]}"#;
        let mut out = b"/a/1".to_vec();
        let (value, at) = (position(payload, "{\"b"), position(payload, "1}"));
        write_pointer_within(value, payload.as_bytes(), at, 128, &mut out);
        assert_eq!(out, b"/a/1/b/c");
        write_pointer_within(value, payload.as_bytes(), value, 128, &mut out);
        assert_eq!(out, b"/a/1/b/c", "the value itself");
    }

    #[test]
    fn an_index_has_all_its_digits() {
        let payload = format!("[{}7]", "0,".repeat(1020));
        assert_eq!(pointer(&payload, "7", 128), "/1020");
    }

    #[test]
    fn a_long_pointer_is_cut_between_characters() {
        let payload = "{\"k\u{e9}y\":{\"second\":7}}";
        assert_eq!(pointer(payload, "7", 12), "/k\u{e9}y/second");
        assert_eq!(pointer(payload, "7", 7), "/k\u{e9}y/s");
        assert_eq!(pointer(payload, "7", 3), "/k");
    }
}
