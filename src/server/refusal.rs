//! Why a call is not answered with a verdict, and the gRPC status that says so.

use tonic::Status;

use crate::metrics::Recorder;
use crate::wire::WireError;

/// Why a call, or a stream, ends without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Too much is in flight.
    Shed,
    /// The call has waited too long for its turn.
    Late,
    /// The caller does not read its replies.
    Unread,
    /// The message is larger than it may be.
    TooLarge { announced: u32, max: usize },
    /// The message is not an `EvaluateRequest`, or a field of it is out of range.
    Argument(WireError),
    /// The caller compresses.
    Compressed,
    /// The prefix of a message is not gRPC's.
    BadPrefix,
    /// A unary call without a message.
    NoMessage,
    /// A unary call with more than one.
    SecondMessage,
    /// The caller ended in the middle of a message.
    Truncated,
    /// The caller has cancelled, or the connection broke: nobody reads the status.
    Gone,
    /// The message did not arrive in time.
    Slow,
    /// The server drains.
    Draining,
}

impl Refusal {
    /// Counts it.
    pub(super) fn count(self, recorder: &Recorder) {
        match self {
            Self::Shed | Self::Late => recorder.shed(),
            Self::Unread => recorder.unread(),
            Self::TooLarge { .. } => recorder.too_large(),
            Self::Argument(WireError::Malformed) => recorder.malformed_message(),
            Self::Argument(WireError::AgentId | WireError::Tool) => recorder.invalid_argument(),
            Self::Compressed
            | Self::BadPrefix
            | Self::NoMessage
            | Self::SecondMessage
            | Self::Truncated
            | Self::Gone
            | Self::Slow
            | Self::Draining => {}
        }
    }

    /// The status that the caller sees.
    pub(super) fn status(self) -> Status {
        match self {
            Self::Shed => Status::resource_exhausted("too many calls in flight"),
            Self::Late => Status::resource_exhausted("the call waited too long for its turn"),
            Self::Unread => Status::resource_exhausted(
                "too many bytes of replies to this connection are unread",
            ),
            Self::TooLarge { announced, max } => Status::out_of_range(format!(
                "message of {announced} bytes, at most {max} are accepted"
            )),
            Self::Argument(error) => Status::invalid_argument(error.message()),
            Self::Compressed => Status::unimplemented("compression is not supported"),
            Self::BadPrefix => Status::internal("malformed message prefix"),
            Self::NoMessage => Status::internal("call without a message"),
            Self::SecondMessage => Status::internal("unary call with more than one message"),
            Self::Truncated => Status::internal("call ended within a message"),
            Self::Gone => Status::cancelled("call cancelled"),
            Self::Slow => Status::deadline_exceeded("message did not arrive in time"),
            Self::Draining => Status::unavailable("shutting down"),
        }
    }
}
