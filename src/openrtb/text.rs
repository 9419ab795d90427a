//! A string of a payload, by position.

/// A string of a payload: a span of its bytes or, where the string had escapes, of the bytes they decode to.
/// 8 bytes, no borrow: records that hold texts can be kept from call to call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    start: u32,
    len: u32,
}
