//! What an evaluation answers: verdict, gate outcomes, findings and reasons. Fixed size, no heap.
//!
//! Nothing here can hold a byte of a payload, except [`Detail`], which points into one and goes to the caller only.

mod reason;

pub use reason::Reason;

use crate::openrtb::{Fault, NoBidReason, Text};

/// The answer for an auction as a whole (spec: contract §1, `verdict`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every gate passed or was skipped.
    Pass,
    /// At least one gate failed.
    Fail,
    /// The bid response holds no bid.
    NoBid,
    /// The exchange's deadline is all but gone: the bids were not looked at.
    NotEvaluated,
    /// The auction could not be judged.
    Error,
}

impl Verdict {
    /// Every verdict, in the order of the proto.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::Fail,
        Self::NoBid,
        Self::NotEvaluated,
        Self::Error,
    ];

    /// The lower-case name used in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NoBid => "no_bid",
            Self::NotEvaluated => "not_evaluated",
            Self::Error => "error",
        }
    }
}

/// How a gate ended (spec: contract §1, `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateStatus {
    /// No bid was rejected.
    Passed,
    /// At least one bid was rejected.
    Failed,
    /// The gate chose not to run; counts as passed.
    Skipped,
    /// Fail-fast stopped the evaluation before this gate.
    Aborted,
    /// The time budget ended before this gate; counts as failed.
    TimedOut,
}

impl GateStatus {
    /// Every status, in the order of the proto.
    pub const ALL: [Self; 5] = [
        Self::Passed,
        Self::Failed,
        Self::Skipped,
        Self::Aborted,
        Self::TimedOut,
    ];

    /// The lower-case name used in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Aborted => "aborted",
            Self::TimedOut => "timed_out",
        }
    }

    /// True when even an enforced gate lets the auction pass.
    #[must_use]
    pub const fn passed(self) -> bool {
        matches!(self, Self::Passed | Self::Skipped)
    }
}

/// What a gate's finding may do to the auction (spec: contract §1, `mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateMode {
    /// The gate fails what it finds wrong.
    Enforce,
    /// The policy has the gate warn: it says what it finds wrong and fails nothing.
    Warn,
    /// The policy enforces the gate, but held this evaluation back: the gate warns.
    Holdback,
}

impl GateMode {
    /// Every mode, in the order of the proto.
    pub const ALL: [Self; 3] = [Self::Enforce, Self::Warn, Self::Holdback];

    /// The lower-case name used in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
            Self::Holdback => "holdback",
        }
    }

    /// True when the gate can fail the auction.
    #[must_use]
    pub const fn is_enforced(self) -> bool {
        matches!(self, Self::Enforce)
    }
}

/// One gate's part of the answer.
#[derive(Clone, Copy, Debug)]
pub struct GateOutcome {
    /// How the gate ended: what it found, also when it only warns.
    pub status: GateStatus,
    /// What that does to the auction.
    pub mode: GateMode,
    /// The first rejected bid's reason, or why the gate was skipped; none when passed or aborted.
    pub reason: Option<Reason>,
    /// This gate alone, in nanoseconds.
    pub latency_ns: u64,
}

impl GateOutcome {
    /// The outcome of an enforced gate, of which the time is not known yet.
    #[must_use]
    pub const fn new(status: GateStatus, reason: Option<Reason>) -> Self {
        Self {
            status,
            mode: GateMode::Enforce,
            reason,
            latency_ns: 0,
        }
    }

    /// True when the auction may still pass: the gate passed, was skipped, or only warns.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.status.passed() || !self.mode.is_enforced()
    }
}

/// What one gate found on one bid.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// Position of the gate in the policy.
    pub gate: u8,
    /// Position of the bid among all bids of the response, in document order.
    pub bid: u32,
    /// What is wrong.
    pub reason: Reason,
    /// True when the finding is only reported and fails nothing.
    pub note: bool,
    /// What was seen.
    pub detail: Detail,
}

/// What was seen, for the caller's eyes only. Points into the payloads.
#[derive(Clone, Copy, Debug)]
pub enum Detail {
    /// Nothing to quote.
    None,
    /// A value of the bid response.
    Bid(Text),
    /// A value of the bid response, and the value of the bid request that it offends.
    Against(Text, Text),
    /// The taxonomy of the bid, and that of the request's list.
    Taxonomies(i64, i64),
    /// A field of the bid request, by its path; never what it holds.
    Field(&'static str),
    /// The value of the bid response that begins at this byte, to be named by its JSON pointer.
    Place(u32),
    /// The same, where the value is the bid, which begins at the first of these bytes, or stands in it at the second: its
    /// pointer is found from there.
    PlaceInBid(u32, u32),
}

/// Which payload an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `EvaluateRequest.bid_request`.
    BidRequest,
    /// `EvaluateRequest.bid_response`.
    BidResponse,
}

impl Payload {
    /// The field's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BidRequest => "bid_request",
            Self::BidResponse => "bid_response",
        }
    }
}

/// Why an auction could not be judged (spec: contract §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    /// What kind of error.
    pub code: ErrorCode,
    /// What is wrong, in words; never quotes the payload.
    pub message: &'static str,
    /// Where in the payload, in bytes from its start.
    pub byte_offset: u32,
    /// The payload that is at fault, if one is.
    pub payload: Option<Payload>,
}

impl EvaluationError {
    /// A payload that cannot be read.
    #[cold]
    pub(crate) fn unreadable(payload: Payload, fault: Fault) -> Self {
        let code = match payload {
            _ if fault.what.is_limit() => ErrorCode::LimitExceeded,
            Payload::BidRequest => ErrorCode::MalformedBidRequest,
            Payload::BidResponse => ErrorCode::MalformedBidResponse,
        };
        Self {
            code,
            message: fault.what.message(),
            byte_offset: fault.at,
            payload: Some(payload),
        }
    }

    /// OpenRTB no-bid reason to send for this error (spec: gates, `nbr`).
    #[must_use]
    pub const fn nbr(&self) -> NoBidReason {
        match self.code {
            ErrorCode::MalformedBidRequest => NoBidReason::InvalidRequest,
            ErrorCode::MalformedBidResponse
            | ErrorCode::LimitExceeded
            | ErrorCode::InvalidArgument => NoBidReason::TechnicalError,
        }
    }
}

/// The kinds of [`EvaluationError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The bid request is not the JSON it should be.
    MalformedBidRequest,
    /// The bid response is not the JSON it should be.
    MalformedBidResponse,
    /// A payload exceeds a configured limit.
    LimitExceeded,
    /// A field of the call itself is out of range.
    InvalidArgument,
}

impl ErrorCode {
    /// Every code, in the order of the spec.
    pub const ALL: [Self; 4] = [
        Self::MalformedBidRequest,
        Self::MalformedBidResponse,
        Self::LimitExceeded,
        Self::InvalidArgument,
    ];

    /// The code's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MalformedBidRequest => "malformed_bid_request",
            Self::MalformedBidResponse => "malformed_bid_response",
            Self::LimitExceeded => "limit_exceeded",
            Self::InvalidArgument => "invalid_argument",
        }
    }
}
