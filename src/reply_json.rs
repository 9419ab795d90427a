//! Replies as proto JSON: camel-case names, enum names, 64-bit integers as strings, defaults included.

use std::fmt;

use prost_reflect::{
    DescriptorError, DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions,
};
use serde::{Serialize, Serializer};

use crate::proto::DESCRIPTOR_SET;

const REPLY: &str = "bidgate.v1.EvaluateResponse";

/// Reads encoded replies by the compiled contract.
#[derive(Debug)]
pub(crate) struct ReplyReader(MessageDescriptor);

impl ReplyReader {
    /// # Errors
    /// When the compiled contract is not usable.
    pub(crate) fn new() -> Result<Self, ContractError> {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).map_err(ContractError::Descriptors)?;
        pool.get_message_by_name(REPLY)
            .map(Self)
            .ok_or(ContractError::NoReply)
    }

    /// An encoded reply, ready to be written as JSON.
    ///
    /// # Errors
    /// When engine and contract disagree.
    pub(crate) fn read(&self, encoded: &[u8]) -> Result<ReplyJson, prost::DecodeError> {
        DynamicMessage::decode(self.0.clone(), encoded).map(ReplyJson)
    }
}

/// Why the compiled contract is not usable.
#[derive(Debug)]
pub enum ContractError {
    /// It is no set of descriptors.
    Descriptors(DescriptorError),
    /// It has no reply.
    NoReply,
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptors(cause) => cause.fmt(f),
            Self::NoReply => write!(f, "no message {REPLY}"),
        }
    }
}

impl std::error::Error for ContractError {}

/// A reply that serializes as proto JSON. Fields with presence (`error`, `timestamp`) appear when set, all others always.
#[derive(Debug)]
pub(crate) struct ReplyJson(DynamicMessage);

impl Serialize for ReplyJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_with_options(
            serializer,
            &SerializeOptions::new().skip_default_fields(false),
        )
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto::{EvaluateResponse, Verdict};

    #[test]
    fn defaults_are_written_and_large_integers_are_strings() {
        let reply = EvaluateResponse {
            correlation_id: u64::MAX,
            verdict: Verdict::NoBid.into(),
            ..Default::default()
        };
        let json = ReplyReader::new()
            .unwrap()
            .read(&reply.encode_to_vec())
            .unwrap();
        let json = serde_json::to_value(&json).unwrap();
        assert_eq!(json["correlationId"], "18446744073709551615");
        assert_eq!(json["verdict"], "VERDICT_NO_BID");
        assert_eq!(json["passed"], false);
        assert_eq!(json["gates"], serde_json::json!([]));
        assert_eq!(json["totalLatencyMs"], 0.0);
        assert!(json.get("error").is_none());
    }
}
