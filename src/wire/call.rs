//! Reads an `EvaluateRequest`.

use std::fmt;

use crate::call::Call;
use crate::limits::{AGENT_ID_BYTES, TOOL_BYTES};

/// Why a received message is not a call that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The bytes are not an encoded `EvaluateRequest`.
    Malformed,
    /// `agent_id` is empty or too long.
    AgentId,
    /// `tool` is too long.
    Tool,
}

impl WireError {
    /// What is wrong and what to do, in words.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Malformed => "the message is not an encoded bidgate.v1.EvaluateRequest",
            Self::AgentId => "agent_id must be 1 to 200 bytes",
            Self::Tool => "tool must be at most 200 bytes",
        }
    }
}

const _: () = assert!(
    AGENT_ID_BYTES == 200 && TOOL_BYTES == 200,
    "the messages above say so"
);

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for WireError {}

impl<'a> Call<'a> {
    /// Reads an encoded `EvaluateRequest` without copying.
    ///
    /// # Errors
    /// When the bytes are not that message or a field is out of range; with the correlation id as far as it was read.
    pub fn decode(message: &'a [u8]) -> Result<Self, (WireError, u64)> {
        let mut call = Self::default();
        let fields = call.read_fields(message).ok_or(WireError::Malformed);
        fields
            .and_then(|()| call.validate())
            .map_err(|error| (error, call.correlation_id))?;
        Ok(call)
    }

    /// Checks the fields that have a range (spec: contract §1).
    ///
    /// # Errors
    /// The field that is out of range.
    pub const fn validate(&self) -> Result<(), WireError> {
        match check_agent_id(self.agent_id) {
            Ok(()) => check_tool(self.tool),
            refused @ Err(_) => refused,
        }
    }

    /// None when the bytes end too early or are of the wrong type. Fields that are not known are stepped over.
    fn read_fields(&mut self, mut message: &'a [u8]) -> Option<()> {
        while !message.is_empty() {
            let (number, value) = field(&mut message)?;
            match (number, value) {
                (1, Value::Bytes(bytes)) => self.agent_id = std::str::from_utf8(bytes).ok()?,
                (2, Value::Bytes(bytes)) => self.tool = std::str::from_utf8(bytes).ok()?,
                (3, Value::Bytes(bytes)) => self.bid_request = bytes,
                (4, Value::Bytes(bytes)) => self.bid_response = bytes,
                (5, Value::Varint(value)) => self.started_at_unix_us = Some(value),
                (6, Value::Varint(value)) => self.elapsed_us = Some(value),
                (7, Value::Varint(value)) => self.tmax_ms = Some(low_half(value)),
                (8, Value::Fixed64(bits)) => self.latency_ms = Some(f64::from_bits(bits)),
                (9, Value::Varint(value)) => self.correlation_id = value,
                (10, Value::Varint(value)) => self.want_filtered_response = value != 0,
                (1..=10, _) => return None,
                _ => {}
            }
        }
        Some(())
    }
}

/// Checks an `agent_id`: 1 to [`AGENT_ID_BYTES`] (spec: contract §1).
///
/// # Errors
/// When it is empty or too long.
pub(crate) const fn check_agent_id(agent_id: &str) -> Result<(), WireError> {
    match agent_id.len() {
        1..=AGENT_ID_BYTES => Ok(()),
        _ => Err(WireError::AgentId),
    }
}

/// Checks a `tool`: up to [`TOOL_BYTES`] (spec: contract §1).
///
/// # Errors
/// When it is too long.
pub(crate) const fn check_tool(tool: &str) -> Result<(), WireError> {
    match tool.len() {
        ..=TOOL_BYTES => Ok(()),
        _ => Err(WireError::Tool),
    }
}

/// A field's value by its wire type. Groups are not supported: no version of this message has had one.
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

fn field<'a>(message: &mut &'a [u8]) -> Option<(u32, Value<'a>)> {
    let tag = varint(message)?;
    let value = match tag & 7 {
        0 => Value::Varint(varint(message)?),
        1 => Value::Fixed64(u64::from_le_bytes(*message.split_off(..8)?.first_chunk()?)),
        2 => {
            let len = usize::try_from(varint(message)?).ok()?;
            Value::Bytes(message.split_off(..len)?)
        }
        5 => message.split_off(..4).map(|_| Value::Fixed32)?,
        _ => return None,
    };
    let number = u32::try_from(tag).ok()? >> 3;
    Some((number, value)).filter(|_| number != 0)
}

/// Seven bits a byte, the lowest first, at most ten bytes, of the tenth of which one bit is left.
fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return (shift < 63 || byte <= 1).then_some(value);
        }
    }
    None
}

/// What protobuf makes of a varint that does not fit a 32-bit field.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low half is what is asked for"
)]
const fn low_half(value: u64) -> u32 {
    value as u32
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests {
    use super::WireError;
    use crate::call::Call;
    use crate::proto::EvaluateRequest;
    use proptest::prelude::*;
    use prost::Message as _;

    prop_compose! {
        fn request()(
            agent_id in "[a-z]{0,3}|x{199,202}", tool in "[a-z]{0,3}|x{199,202}",
            bid_request in prop::collection::vec(any::<u8>(), 0..300), bid_response in prop::collection::vec(any::<u8>(), 0..300),
            started_at_unix_us in any::<Option<u64>>(), elapsed_us in any::<Option<u64>>(), tmax_ms in any::<Option<u32>>(),
            latency_ms in prop::option::of(-1e9..1e9), correlation_id in any::<u64>(),
            want_filtered_response in any::<bool>(),
        ) -> EvaluateRequest {
            EvaluateRequest {
                agent_id, tool, bid_request: bid_request.into(), bid_response: bid_response.into(),
                started_at_unix_us, elapsed_us, tmax_ms, latency_ms, correlation_id, want_filtered_response,
            }
        }
    }

    proptest! {
        #[test]
        fn a_call_is_what_the_generated_message_says(request in request()) {
            let message = request.encode_to_vec();
            let expected = if !(1..=200).contains(&request.agent_id.len()) {
                Err((WireError::AgentId, request.correlation_id))
            } else if request.tool.len() > 200 {
                Err((WireError::Tool, request.correlation_id))
            } else {
                Ok(())
            };
            let call = Call::decode(&message);
            prop_assert_eq!(call.map(|_| ()), expected);
            if let Ok(call) = call {
                prop_assert_eq!(EvaluateRequest {
                    agent_id: call.agent_id.to_owned(), tool: call.tool.to_owned(),
                    bid_request: call.bid_request.to_vec().into(), bid_response: call.bid_response.to_vec().into(),
                    started_at_unix_us: call.started_at_unix_us, elapsed_us: call.elapsed_us, tmax_ms: call.tmax_ms,
                    latency_ms: call.latency_ms, correlation_id: call.correlation_id,
                    want_filtered_response: call.want_filtered_response,
                }, request);
            }
        }

        #[test]
        fn any_bytes_are_read_as_the_generated_message_reads_them(message in prop::collection::vec(any::<u8>(), 0..60)) {
            if Call::decode(&message).is_ok() {
                prop_assert!(EvaluateRequest::decode(&message[..]).is_ok());
            }
        }
    }
}
