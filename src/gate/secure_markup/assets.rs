//! Where markup loads something over plain HTTP: HTML, VAST and native JSON are told apart by what stands in front of an
//! address, in one pass over the bytes.

/// Where the first asset that is loaded over plain HTTP begins.
pub(super) fn first_insecure(markup: &[u8]) -> Option<usize> {
    let mut passed = Passed::default();
    let mut from = 0;
    while let Some(colon) = position_of_colon(markup, from) {
        from = colon + 1;
        if let Some(start) = insecure_address(markup, colon) {
            passed.advance(markup, start);
            if is_asset(markup, start, &passed) {
                return Some(start);
            }
        }
    }
    None
}

fn position_of_colon(markup: &[u8], from: usize) -> Option<usize> {
    let rest = markup.get(from..)?;
    rest.iter()
        .position(|&byte| byte == b':')
        .map(|at| from + at)
}

/// Where the address begins that has this colon, if it is `http://` or `http:\/\/`.
fn insecure_address(markup: &[u8], colon: usize) -> Option<usize> {
    let start = colon.checked_sub(4)?;
    let is_http = markup.get(start..colon)?.eq_ignore_ascii_case(b"http");
    let behind = markup.get(colon + 1..)?;
    (is_http && (behind.starts_with(b"//") || behind.starts_with(br"\/\/"))).then_some(start)
}

/// What was begun before the place that is looked at.
#[derive(Default)]
struct Passed {
    at: usize,
    /// Where the name of the last tag stands.
    tag: Option<usize>,
    /// Whether the last brace that was opened is the value of a `link`, which names what is clicked.
    in_link: bool,
}

impl Passed {
    /// Goes on to `end`. All calls together look at each byte once.
    fn advance(&mut self, markup: &[u8], end: usize) {
        for at in self.at..end {
            match markup.get(at) {
                Some(b'{') => self.in_link = is_value_of_link(markup, at),
                Some(b'<') if markup.get(at + 1).is_some_and(u8::is_ascii_alphabetic) => {
                    self.tag = Some(at + 1);
                }
                _ => {}
            }
        }
        self.at = end;
    }
}

/// Whether the address at `start` is loaded without a click.
fn is_asset(markup: &[u8], start: usize, passed: &Passed) -> bool {
    let in_front = markup.get(..start).unwrap_or_default();
    let tag = name_at(markup, passed.tag);
    let opened = trim_end(in_front, |byte| {
        byte.is_ascii_whitespace() || is_opening(byte)
    });
    match opened {
        [before @ .., b'='] => is_loading_attribute(before, tag),
        [before @ .., b':'] => !passed.in_link && is_one_of(last_key(before), LOADING_KEYS),
        [.., b'>'] => is_one_of(tag, LOADING_ELEMENTS),
        _ if ends_with(opened, b"[CDATA[") => is_one_of(tag, LOADING_ELEMENTS),
        _ => ends_with(opened, b"url") && in_front.get(opened.len()..).is_some_and(has_parenthesis),
    }
}

/// More than the longest name of these has: a tag that goes on and on is not read again for every address behind it.
const NAME_BYTES: usize = 32;
const LOADING_ATTRIBUTES: &[&[u8]] = &[b"src", b"srcset", b"data", b"poster", b"background"];
const LOADING_KEYS: &[&[u8]] = &[b"url", b"src"];
const LOADING_ELEMENTS: &[&[u8]] = &[
    b"MediaFile",
    b"Mezzanine",
    b"InteractiveCreativeFile",
    b"StaticResource",
    b"IFrameResource",
    b"JavaScriptResource",
    b"ExecutableResource",
    b"VASTAdTagURI",
    b"Impression",
    b"Tracking",
];

/// `before` ends where the `=` of the attribute stands.
fn is_loading_attribute(before: &[u8], tag: &[u8]) -> bool {
    let (rest, name) = last_name(trim_end(before, |byte| byte.is_ascii_whitespace()));
    let is_attribute = rest
        .last()
        .is_some_and(|&byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''));
    let loads = is_one_of(name, LOADING_ATTRIBUTES)
        || (name.eq_ignore_ascii_case(b"href") && tag.eq_ignore_ascii_case(b"link"));
    is_attribute && loads
}

/// Whether the brace at `brace` opens what a key `link` stands for.
fn is_value_of_link(markup: &[u8], brace: usize) -> bool {
    let before = markup.get(..brace).unwrap_or_default();
    let before = trim_end(before, |byte| byte.is_ascii_whitespace()).strip_suffix(b":");
    before.is_some_and(|before| last_key(before).eq_ignore_ascii_case(b"link"))
}

/// The key of which the `:` stands where `before` ends.
fn last_key(before: &[u8]) -> &[u8] {
    let quoted = trim_end(before, |byte| {
        byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\')
    });
    last_name(quoted).1
}

/// The name that `text` ends with, and what stands in front of it.
fn last_name(text: &[u8]) -> (&[u8], &[u8]) {
    let rest = trim_end(text, is_of_name);
    (rest, text.get(rest.len()..).unwrap_or_default())
}

/// The name that begins at `start`, as far as names are told apart.
fn name_at(markup: &[u8], start: Option<usize>) -> &[u8] {
    let rest = start
        .and_then(|start| markup.get(start..))
        .unwrap_or_default();
    let rest = rest.get(..NAME_BYTES).unwrap_or(rest);
    let end = rest.iter().position(|&byte| !is_of_name(byte));
    end.and_then(|end| rest.get(..end)).unwrap_or(rest)
}

fn trim_end(text: &[u8], drop: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().rposition(|&byte| !drop(byte));
    end.and_then(|end| text.get(..=end)).unwrap_or_default()
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':')
}

const fn is_opening(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'\\' | b'(')
}

fn has_parenthesis(opening: &[u8]) -> bool {
    opening.contains(&b'(')
}

fn is_one_of(name: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let tail = text
        .len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}
