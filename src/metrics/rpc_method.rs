//! The ways in which an evaluation can be asked for.

/// How a caller asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpcMethod {
    /// gRPC, one message and one reply.
    Evaluate,
    /// gRPC, many of both.
    EvaluateStream,
    /// JSON over HTTP/1.1.
    Rest,
}

impl RpcMethod {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Evaluate, Self::EvaluateStream, Self::Rest];

    /// The name used in metrics: those of the proto as they are.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evaluate => "Evaluate",
            Self::EvaluateStream => "EvaluateStream",
            Self::Rest => "REST",
        }
    }
}
