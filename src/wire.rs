//! Protobuf by hand: reads an `EvaluateRequest` in place.
use crate::evaluate::Call;

/// Why a received message is not an `EvaluateRequest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The bytes are not protobuf of this message.
    Malformed,
    /// `agent_id` is empty or longer than 200 bytes.
    AgentId,
    /// `tool` is longer than 200 bytes.
    Tool,
}

impl<'a> Call<'a> {
    /// Reads an encoded `EvaluateRequest` without copying.
    ///
    /// # Errors
    /// When the bytes are not that message, or a field is out of range; with the correlation id as far as it was read.
    pub fn decode(message: &'a [u8]) -> Result<Self, (WireError, u64)> {
        let mut call = Self::default();
        let mut rest = message;
        while !rest.is_empty() {
            if read_field(&mut call, &mut rest).is_none() {
                return Err((WireError::Malformed, call.correlation_id));
            }
        }
        match (call.agent_id.len(), call.tool.len()) {
            (1..=200, 0..=200) => Ok(call),
            (1..=200, _) => Err((WireError::Tool, call.correlation_id)),
            _ => Err((WireError::AgentId, call.correlation_id)),
        }
    }
}

fn read_field<'a>(call: &mut Call<'a>, rest: &mut &'a [u8]) -> Option<()> {
    let key = varint(rest)?;
    match (key >> 3, key & 7) {
        (1, 2) => call.agent_id = std::str::from_utf8(bytes(rest)?).ok()?,
        (2, 2) => call.tool = std::str::from_utf8(bytes(rest)?).ok()?,
        (3, 2) => call.bid_request = bytes(rest)?,
        (4, 2) => call.bid_response = bytes(rest)?,
        (5, 0) => call.started_at_unix_us = Some(varint(rest)?),
        (6, 0) => call.elapsed_us = Some(varint(rest)?),
        (7, 0) => call.tmax_ms = u32::try_from(varint(rest)?).ok(),
        (9, 0) => call.correlation_id = varint(rest)?,
        (_, 0) => drop(varint(rest)?),
        (_, 1) => *rest = rest.get(8..)?,
        (_, 2) => drop(bytes(rest)?),
        _ => return None,
    }
    Some(())
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(rest).ok()
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(varint(rest)?).ok()?;
    let (head, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(head)
}
