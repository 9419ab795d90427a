//! Makes each `:authority` that arrives on a Unix socket a host name.
//!
//! Clients built on the gRPC C core send the percent-encoded path of the socket, as in `tmp%2Fbidgate.sock`. That is an
//! authority in URIs (RFC 3986 section 3.2.2) and none in the `http` crate, so the stream would be reset. Nothing here
//! reads the authority, and that of a Unix socket says nothing; so in its value each byte but letters, digits, `.` and
//! `-` becomes `-` where it was received, before HTTP/2 sees it.
//!
//! What makes this safe:
//!
//! - No byte is added, removed, moved or held back. Frames keep their lengths, and the header table of HTTP/2 keeps
//!   entries of the sizes that the caller counted (RFC 7541 section 4.1), so later references find what they mean. A
//!   reference to the entry of the authority finds the host name.
//! - Representations of header fields can be told apart without the table (RFC 7541 section 6), as each begins with its
//!   kind and its lengths. Only the value of a literal whose name is seen to be `:authority` is touched: named by the
//!   static table, or spelled out, as the C core does.
//! - What is not understood passes as it is, and HTTP/2 judges it. So do a value in Huffman code and a name from the
//!   dynamic table: the C core writes neither.
//! - Payloads of frames without headers are stepped over, and so are values of other fields. The state is a few words,
//!   and every other byte of a header block takes one step from [`Field`] to [`Field`].

use super::socket::PREFACE;

/// Follows what one connection receives, from its first byte.
#[derive(Debug)]
pub(super) struct AuthorityMask {
    frame: Frame,
    /// Where in a header block; kept from a HEADERS frame to its CONTINUATION frames (RFC 9113 section 4.3).
    field: Field,
}

impl AuthorityMask {
    pub(super) fn new() -> Self {
        Self {
            frame: Frame::Opaque(PREFACE.len()),
            field: Field::Start,
        }
    }

    /// Masks what was received next. Where the stream is cut makes no difference.
    pub(super) fn apply(&mut self, mut received: &mut [u8]) {
        while !received.is_empty() {
            let len = self.frame.left().min(received.len());
            let (part, later) = received.split_at_mut_checked(len).unwrap_or_default();
            self.apply_within_frame(part);
            received = later;
        }
    }

    /// Masks bytes that do not go beyond the part of the frame that is being read.
    fn apply_within_frame(&mut self, part: &mut [u8]) {
        match &mut self.frame {
            Frame::Head(head) => part.iter().for_each(|byte| head.push(*byte)),
            Frame::HeaderBlock { left, .. } => {
                *left -= part.len();
                self.field = self.field.through(part);
            }
            Frame::Opaque(left) => *left -= part.len(),
        }
        if self.frame.left() == 0 {
            self.enter_next_part();
        }
    }

    fn enter_next_part(&mut self) {
        self.frame = match &self.frame {
            Frame::Head(head) => {
                if head.is_headers() {
                    self.field = Field::Start;
                }
                head.payload()
            }
            Frame::HeaderBlock { padding, .. } => Frame::Opaque(*padding),
            Frame::Opaque(_) => Frame::Head(Head::default()),
        };
    }
}

/// The part of a frame that is being read, and how many of its bytes are still to come.
#[derive(Debug)]
enum Frame {
    Head(Head),
    /// Of HEADERS or CONTINUATION, up to the padding.
    HeaderBlock {
        left: usize,
        padding: usize,
    },
    /// Stepped over: the preface, payloads of other kinds, padding.
    Opaque(usize),
}

impl Frame {
    fn left(&self) -> usize {
        match self {
            Self::Head(head) => head.wanted().saturating_sub(head.len),
            Self::HeaderBlock { left, .. } | Self::Opaque(left) => *left,
        }
    }
}

/// The nine bytes before a payload, and for HEADERS the fields that stand before the header block: the length of the
/// padding and the priority (RFC 9113 sections 4.1 and 6.2).
#[derive(Debug, Default)]
struct Head {
    bytes: [u8; HEAD_BYTES + PAD_LENGTH_BYTES + PRIORITY_BYTES],
    len: usize,
}

impl Head {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
    }

    fn wanted(&self) -> usize {
        // Kind and flags are 0, those of a DATA frame, until they are here.
        HEAD_BYTES + self.bytes_before_block()
    }

    fn bytes_before_block(&self) -> usize {
        let pad_length = usize::from(self.has(PADDED)) * PAD_LENGTH_BYTES;
        pad_length + usize::from(self.has(PRIORITY)) * PRIORITY_BYTES
    }

    fn is_headers(&self) -> bool {
        matches!(self.bytes, [_, _, _, HEADERS, ..])
    }

    /// CONTINUATION has neither padding nor priority.
    fn has(&self, flag: u8) -> bool {
        let [_, _, _, _, flags, ..] = self.bytes;
        self.is_headers() && flags & flag != 0
    }

    /// What follows the head. A frame too short for what its flags announce ends the connection; its bytes count as
    /// none meanwhile.
    fn payload(&self) -> Frame {
        let [high, middle, low, kind, _, _, _, _, _, pad_length, ..] = self.bytes;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let left = length.saturating_sub(self.bytes_before_block());
        let padding = left.min(usize::from(self.has(PADDED)) * usize::from(pad_length));
        match kind {
            HEADERS | CONTINUATION => Frame::HeaderBlock {
                left: left - padding,
                padding,
            },
            _ => Frame::Opaque(left),
        }
    }
}

/// What the next byte of a header block is (RFC 7541 sections 5 and 6).
#[derive(Clone, Copy, Debug)]
enum Field {
    /// The first of a representation.
    Start,
    /// More of the index of a whole field, or of a size of the table.
    Number,
    /// More of the index of a name.
    NameIndex,
    /// The first of the length of a text.
    Length(Text),
    /// More of that length, above the bits that are known.
    LongLength(Text, usize, u32),
    /// One of a text, of which as many are still to come.
    Text(Text, usize),
    /// Beyond understanding, up to the next header block.
    Lost,
}

impl Field {
    /// The state after these bytes; masks those that belong to an authority. Most belong to values of no interest.
    fn through(mut self, mut block: &mut [u8]) -> Self {
        while let Some((byte, later)) = block.split_first_mut() {
            self = self.step(byte);
            block = later;
            if let Self::Text(Text::Value, left) = self {
                let past = left.min(block.len());
                self = Text::Value.with_left(left - past);
                block = block.get_mut(past..).unwrap_or_default();
            }
        }
        self
    }

    /// The state after this byte; masks the byte if it belongs to an authority.
    fn step(self, byte: &mut u8) -> Self {
        let goes_on = *byte & 0x80 != 0;
        match self {
            Self::Start => Self::after_first(*byte),
            Self::Number | Self::NameIndex if goes_on => self,
            Self::Number => Self::Start,
            Self::NameIndex => Self::Length(Text::Value),
            Self::Length(text) => text.after_length_byte(*byte),
            Self::LongLength(text, len, shift) => text.after_long_length_byte(len, shift, *byte),
            Self::Text(text, left) => text.after(byte).with_left(left - 1),
            Self::Lost => Self::Lost,
        }
    }

    /// A number that fills its bits goes on.
    fn after_first(byte: u8) -> Self {
        match byte {
            0xff | 0x3f => Self::Number,
            0x80.. | 0x20..0x3f => Self::Start,
            0x7f | 0x0f | 0x1f => Self::NameIndex,
            0x40 | 0x00 | 0x10 => Self::Length(Text::Name(Some(AUTHORITY))),
            0x41 | 0x01 | 0x11 => Self::Length(Text::Authority),
            _ => Self::Length(Text::Value),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Text {
    /// A name, and what it lacks to be `:authority`; none if it cannot be.
    Name(Option<&'static [u8]>),
    Value,
    Authority,
}

impl Text {
    fn after_length_byte(self, byte: u8) -> Field {
        let text = match byte & 0x80 {
            0 => self,
            _ => self.in_huffman_code(),
        };
        match byte & 0x7f {
            0x7f => Field::LongLength(text, 0x7f, 0),
            len => text.with_left(usize::from(len)),
        }
    }

    fn after_long_length_byte(self, len: usize, shift: u32, byte: u8) -> Field {
        let len = len + (usize::from(byte & 0x7f) << shift);
        match byte & 0x80 {
            0 => self.with_left(len),
            _ if shift == LENGTH_SHIFT_MAX => Field::Lost,
            _ => Field::LongLength(self, len, shift + 7),
        }
    }

    /// The same, as a text that is neither compared nor masked.
    fn in_huffman_code(self) -> Self {
        match self {
            Self::Name(_) => Self::Name(None),
            Self::Value | Self::Authority => Self::Value,
        }
    }

    fn with_left(self, left: usize) -> Field {
        match self {
            _ if left > 0 => Field::Text(self, left),
            Self::Name(Some(b"")) => Field::Length(Self::Authority),
            Self::Name(_) => Field::Length(Self::Value),
            Self::Value | Self::Authority => Field::Start,
        }
    }

    fn after(self, byte: &mut u8) -> Self {
        match self {
            Self::Name(rest) => Self::Name(rest.and_then(|rest| rest.strip_prefix(&[*byte]))),
            Self::Value => self,
            Self::Authority => {
                mask(byte);
                self
            }
        }
    }
}

fn mask(byte: &mut u8) {
    if !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-') {
        *byte = b'-';
    }
}

// RFC 9113 sections 4.1 and 6.
const HEAD_BYTES: usize = 9;
const PAD_LENGTH_BYTES: usize = 1;
const PRIORITY_BYTES: usize = 5;
const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// Static table index 1 (RFC 7541 appendix A).
const AUTHORITY: &[u8] = b":authority";
/// A length is at most five bytes, as HTTP/2 reads it here; then it is below 2^28 + 128.
const LENGTH_SHIFT_MAX: u32 = 21;

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_authority_becomes_a_host_however_the_stream_is_cut() {
        let long = "%2Ftmp%2F".repeat(30);
        for (authority, masked) in [
            ("%2Ftmp%2Fx.sock", "-2Ftmp-2Fx.sock"),
            ("a:b@[c]_d%20", "a-b--c--d-20"),
            ("x", "x"),
            ("", ""),
            (&long, &long.replace('%', "-")),
        ] {
            for name in NAMES {
                let expected = stream(&literal(name, masked));
                assert_masked(&stream(&literal(name, authority)), &expected);
            }
        }
    }

    #[test]
    fn fields_around_it_pass() {
        let around = |authority| {
            let mut block = vec![0x20, 0x3f, 0xe1, 0x1f, 0x83, 0xff, 0x80, 0x01];
            for name in OTHER_NAMES {
                block.extend(literal(name, "a%b:/\x41\x03%%%"));
            }
            block.extend(literal(NAMES[0], authority));
            block.extend(literal(OTHER_NAMES[0], "%"));
            block
        };
        assert_masked(&stream(&around("a%b")), &stream(&around("a-b")));
    }

    #[test]
    fn huffman_codes_pass() {
        for block in [
            &b"\x41\x83%%%"[..],
            b"\x41\xff\x01%%%",
            b"\x40\x8a:authority\x01%",
        ] {
            let block = [block, &[0; 128]].concat();
            assert_masked(&stream(&block), &stream(&block));
        }
    }

    #[test]
    fn padding_and_priority_are_no_fields() {
        let padding = b"\x41\x03%%%";
        for (flags, before, after) in [
            (PADDED, &b"\x05"[..], &padding[..]),
            (PRIORITY, b"\x41\x03%%\x09", b""),
            (PADDED | PRIORITY, b"\x05\x41\x03%%\x09", padding),
        ] {
            let framed = |authority| {
                let block = literal(NAMES[0], authority);
                let first = frame(HEADERS, flags, &[before, &block, after].concat());
                [PREFACE, &first, &frame(HEADERS, 4, &block)].concat()
            };
            assert_masked(&framed("a%b"), &framed("a-b"));
        }
    }

    #[test]
    fn a_header_block_goes_on_in_continuation_frames() {
        for cut in 0..=literal(NAMES[3], "a%b").len() {
            let continued = |authority| {
                let block = literal(NAMES[3], authority);
                let (first, second) = block.split_at(cut);
                let first = frame(HEADERS, 0, first);
                [PREFACE, &first, &frame(CONTINUATION, 4, second)].concat()
            };
            assert_masked(&continued("a%b"), &continued("a-b"));
        }
    }

    #[test]
    fn a_length_without_end_loses_one_block() {
        let blocks = |authority| {
            let lost = b"\x41\x7f\xff\xff\xff\xff\x01\x00\x41\x01%";
            let next = literal(NAMES[0], authority);
            [stream(lost), frame(HEADERS, 4, &next)].concat()
        };
        assert_masked(&blocks("%"), &blocks("-"));
    }

    #[test]
    fn frames_too_short_for_their_flags_do_no_harm() {
        let payload = b"\xff%%%%%\x41\x01%";
        for len in 0..=payload.len() {
            let frame = frame(HEADERS, PADDED | PRIORITY, &payload[..len]);
            let bytes = [PREFACE, &frame].concat();
            assert_masked(&bytes, &bytes);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_and_no_more_than_made_hyphens(bytes: Vec<u8>, size in 1..200_usize) {
            let sent = [PREFACE, &bytes].concat();
            let masked = masked(sent.chunks(size));
            prop_assert_eq!(masked.len(), sent.len());
            for (masked, sent) in masked.iter().zip(&sent) {
                prop_assert!(masked == sent || *masked == b'-');
            }
        }

        #[test]
        fn any_frames_pass_up_to_a_literal_authority(
            frames in vec((0..10_u8, any::<u8>(), vec(any::<u8>(), 0..40)), 0..8),
            size in 1..200_usize,
        ) {
            let around = |authority| {
                let mut bytes = PREFACE.to_vec();
                for (kind, flags, payload) in frames.clone() {
                    bytes.extend(match kind {
                        HEADERS | CONTINUATION => frame(kind, 4, &indexed_fields(payload)),
                        _ => frame(kind, flags, &payload),
                    });
                }
                bytes.extend(frame(HEADERS, 4, &literal(NAMES[0], authority)));
                bytes
            };
            prop_assert_eq!(masked(around("a%b").chunks(size)), around("a-b"));
        }
    }

    fn assert_masked(sent: &[u8], expected: &[u8]) {
        for size in [1, 2, 3, 7, sent.len()] {
            assert_eq!(masked(sent.chunks(size)), expected, "reads of {size}");
        }
        for cut in 0..sent.len() {
            let (first, second) = sent.split_at(cut);
            let reads = [first, second].into_iter();
            assert_eq!(masked(reads), expected, "cut at {cut}");
        }
    }

    fn masked<'a>(reads: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut mask = AuthorityMask::new();
        let mut bytes = Vec::new();
        for read in reads {
            let start = bytes.len();
            bytes.extend_from_slice(read);
            mask.apply(&mut bytes[start..]);
        }
        bytes
    }

    /// A connection with this block on one stream, and other frames around it in which there are bytes like headers.
    fn stream(block: &[u8]) -> Vec<u8> {
        let decoy = frame(HEADERS, 4, &literal(NAMES[0], "a%b"));
        let frames = [
            frame(0x4, 0, &[]),
            frame(HEADERS, 4, block),
            frame(DATA, 0, &decoy),
            frame(DATA, PADDED, &[&[200], &decoy[..]].concat()),
            frame(HEADERS, 4, &[0x83, 0xbe]),
            frame(DATA, 1, &literal(NAMES[3], "a%b")),
        ];
        [PREFACE, &frames.concat()].concat()
    }

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn indexed_fields(bytes: Vec<u8>) -> Vec<u8> {
        bytes.into_iter().map(|byte| byte | 0x80).collect()
    }

    fn literal(name: &[u8], value: &str) -> Vec<u8> {
        let len = match value.len() {
            270 => vec![0x7f, 0x8f, 0x01],
            len => vec![u8::try_from(len).unwrap()],
        };
        [name, &len, value.as_bytes()].concat()
    }

    /// `:authority` by index, and spelled out as the C core does: indexed from now on, not, and never.
    const NAMES: [&[u8]; 6] = [
        &[0x41],
        &[0x01],
        &[0x11],
        b"\x40\x0a:authority",
        b"\x00\x0a:authority",
        b"\x10\x0a:authority",
    ];
    /// As literals of other kinds and lengths, among them a name of the dynamic table.
    const OTHER_NAMES: [&[u8]; 7] = [
        b"\x40\x0b:authority%",
        b"\x40\x09:authorit",
        b"\x00\x00",
        b"\x10\x82%%",
        b"\x44",
        b"\x7f\x01",
        b"\x0f\x80\x01",
    ];
    const DATA: u8 = 0x0;
}
