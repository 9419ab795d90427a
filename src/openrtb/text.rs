//! A string of a payload, by position.

/// Marks a text whose bytes stand in the decoded bytes, not in the payload.
const DECODED: u32 = 1 << 31;

/// A string or number of a payload: a span of its bytes or, where a string had escapes, of the bytes they decode
/// to. 8 bytes, no borrow: records that hold texts are kept from call to call.
///
/// A text means something only to the [`Texts`] it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    start: u32,
    len: u32,
}

impl Text {
    /// A span of the payload itself.
    pub(crate) const fn of_payload(start: usize, end: usize) -> Self {
        Self {
            start: narrow(start),
            len: narrow(end.saturating_sub(start)),
        }
    }

    /// A span of the payload, of `len` bytes.
    pub(crate) const fn at(start: usize, len: usize) -> Self {
        Self {
            start: narrow(start),
            len: narrow(len),
        }
    }

    /// A span of the decoded bytes.
    pub(crate) fn of_decoded(start: usize, end: usize) -> Self {
        Self {
            start: narrow(start) | DECODED,
            len: narrow(end.saturating_sub(start)),
        }
    }

    /// The same text without `head` bytes in front and `tail` bytes at the end.
    pub(crate) fn shortened(self, head: usize, tail: usize) -> Self {
        Self {
            start: self.start.saturating_add(narrow(head)),
            len: self
                .len
                .saturating_sub(narrow(head))
                .saturating_sub(narrow(tail)),
        }
    }

    /// True when there is not a single byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// Bytes of a payload of which texts can be made.
pub(crate) const PAYLOAD_BYTES_MAX: usize = DECODED as usize - 1;

/// Positions fit: no payload is longer than [`PAYLOAD_BYTES_MAX`], and decoding makes nothing longer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked for the whole payload"
)]
const fn narrow(position: usize) -> u32 {
    position as u32
}

/// The bytes that texts point into: a payload, and what its escaped strings decode to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Texts<'a> {
    payload: &'a [u8],
    decoded: &'a [u8],
}

impl<'a> Texts<'a> {
    pub(crate) const fn new(payload: &'a [u8], decoded: &'a [u8]) -> Self {
        Self { payload, decoded }
    }

    pub(crate) const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The bytes of `text`, valid UTF-8. Empty for a text of another payload that is out of range here.
    #[must_use]
    #[inline]
    pub fn bytes(&self, text: Text) -> &'a [u8] {
        let source = if text.start & DECODED == 0 {
            self.payload
        } else {
            self.decoded
        };
        let start = (text.start & !DECODED) as usize;
        source
            .get(start..start + text.len as usize)
            .unwrap_or_default()
    }

    /// The text as a string.
    #[must_use]
    pub fn str(&self, text: Text) -> &'a str {
        std::str::from_utf8(self.bytes(text)).unwrap_or_default()
    }

    /// `text` without ASCII white space around it.
    #[must_use]
    pub fn trim(&self, text: Text) -> Text {
        trim((text, self.bytes(text))).0
    }
}

/// A text and its bytes, without ASCII white space around them.
#[inline(always)]
pub(crate) fn trim((text, bytes): (Text, &[u8])) -> (Text, &[u8]) {
    let dark = |byte: Option<&u8>| byte.is_some_and(|&byte| byte > b' ');
    if dark(bytes.first()) && dark(bytes.last()) {
        return (text, bytes);
    }
    trim_blanks(text, bytes)
}

#[cold]
fn trim_blanks(text: Text, bytes: &[u8]) -> (Text, &[u8]) {
    let head = bytes.len() - bytes.trim_ascii_start().len();
    let tail = bytes.len() - bytes.trim_ascii_end().len();
    (text.shortened(head, tail), bytes.trim_ascii())
}
