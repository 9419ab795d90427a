//! Protobuf by hand: an `EvaluateRequest` is read in place, an `EvaluateResponse` written straight into the buffer
//! that is sent. Field numbers are those of `proto/bidgate/v1/bidgate.proto`; a test holds both against the generated
//! messages.

mod call;
mod id;
mod reply;

pub use call::WireError;
pub(crate) use call::{check_agent_id, check_tool};
pub(crate) use id::mix;
pub use id::{EvaluationId, EvaluationIds};
pub use reply::encode_refusal;
