//! Protobuf by hand: an `EvaluateRequest` is read in place, an `EvaluateResponse` written straight into the buffer
//! that is sent. Field numbers are those of `proto/bidgate/v1/bidgate.proto`; a test holds both against the generated
//! messages.

mod call;
mod reply;

pub use call::WireError;
pub use reply::{EvaluationId, encode_refusal};
