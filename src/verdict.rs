//! What an evaluation answers: verdict, gate outcomes, findings and reasons. Fixed size, no heap.
//!
//! Nothing here can hold a byte of a payload, except [`Detail`], which points into one and goes to the caller only.

use crate::openrtb::{Fault, LossReason, NoBidReason, NonBidStatus, Text};

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

    /// True when the auction may still pass.
    #[must_use]
    pub const fn passed(self) -> bool {
        matches!(self, Self::Passed | Self::Skipped)
    }
}

/// One gate's part of the answer.
#[derive(Clone, Copy, Debug)]
pub struct GateOutcome {
    /// How the gate ended.
    pub status: GateStatus,
    /// The first rejected bid's reason, or why the gate was skipped; none when passed or aborted.
    pub reason: Option<Reason>,
    /// This gate alone, in nanoseconds.
    pub latency_ns: u64,
}

impl GateOutcome {
    /// An outcome of which the time is not known yet.
    #[must_use]
    pub const fn new(status: GateStatus, reason: Option<Reason>) -> Self {
        Self {
            status,
            reason,
            latency_ns: 0,
        }
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
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $loss:expr, $status:expr;)*) => {
        /// Why a gate failed, noted or was skipped: a closed set (spec: gates, "Reason → OpenRTB codes").
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the spec.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The reason code's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The OpenRTB loss reason of a bid that fails for this reason.
            #[must_use]
            pub const fn loss_reason(self) -> Option<LossReason> {
                match self { $(Self::$variant => $loss,)* }
            }

            /// The seat-non-bid status of a bid that fails for this reason.
            #[must_use]
            pub const fn nonbid_status(self) -> Option<NonBidStatus> {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

reasons! {
    /// The exchange's time is all but gone.
    TmaxExhausted = "tmax_exhausted", Some(LossReason::ImpressionOpportunityExpired), Some(NonBidStatus::ErrorTimeout);
    /// `impid` is absent, not a string or empty.
    ImpidMissing = "impid_missing", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// `impid` is the id of no imp.
    ImpidUnknown = "impid_unknown", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// No advertiser domain where one is required.
    AdomainMissing = "adomain_missing", Some(LossReason::InvalidAdvertiserDomain), Some(NonBidStatus::InvalidCreative);
    /// Not the form of a domain name.
    AdomainMalformed = "adomain_malformed", Some(LossReason::InvalidAdvertiserDomain), Some(NonBidStatus::InvalidCreative);
    /// An IPv4 address.
    AdomainIpAddress = "adomain_ip_address", Some(LossReason::InvalidAdvertiserDomain), Some(NonBidStatus::InvalidCreative);
    /// A domain of examples and tests.
    AdomainPlaceholder = "adomain_placeholder", Some(LossReason::InvalidAdvertiserDomain), Some(NonBidStatus::InvalidCreative);
    /// A single label.
    AdomainSingleLabel = "adomain_single_label", Some(LossReason::InvalidAdvertiserDomain), Some(NonBidStatus::InvalidCreative);
    /// A top-level domain reserved for other uses.
    AdomainReserved = "adomain_reserved", Some(LossReason::InvalidAdvertiserDomain), Some(NonBidStatus::InvalidCreative);
    /// A public suffix, under which others register.
    AdomainPublicSuffix = "adomain_public_suffix", Some(LossReason::InvalidAdvertiserDomain), Some(NonBidStatus::InvalidCreative);
    /// `price` is absent.
    PriceMissing = "price_missing", Some(LossReason::MissingBidPrice), Some(NonBidStatus::InvalidBidResponse);
    /// `price` is not a finite JSON number.
    PriceNotANumber = "price_not_a_number", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// `price` is below zero.
    PriceNegative = "price_negative", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// `price` is above the absolute cap.
    PriceAboveCap = "price_above_cap", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// `price` is out of proportion to the floor.
    PriceAboveFloorMultiple = "price_above_floor_multiple", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// Bid and floor are in currencies that no configured rate converts.
    CurrencyNotComparable = "currency_not_comparable", None, None;
    /// Child-directed, and the creative is rated for older people.
    ChildUnsafeRating = "child_unsafe_rating", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// Child-directed, and a category of the creative is unsafe for children.
    ChildUnsafeCategory = "child_unsafe_category", Some(LossReason::CategoryExclusions), Some(NonBidStatus::CategoryExclusion);
    /// The request blocks a category of the creative.
    BlockedCategory = "blocked_category", Some(LossReason::CategoryExclusions), Some(NonBidStatus::CategoryExclusion);
    /// A category of the creative is not among those the request allows.
    CategoryNotAllowed = "category_not_allowed", Some(LossReason::CategoryExclusions), Some(NonBidStatus::CategoryExclusion);
    /// The bid names no category.
    UnknownCategory = "unknown_category", Some(LossReason::CategoryExclusions), Some(NonBidStatus::CategoryExclusion);
    /// The bid's taxonomy has no table of unsafe categories.
    TaxonomyUnknown = "taxonomy_unknown", None, None;
    /// Bid and list name categories of taxonomies that cannot be compared.
    TaxonomyMismatch = "taxonomy_mismatch", Some(LossReason::CategoryExclusions), Some(NonBidStatus::CategoryMappingInvalid);
    /// The evaluation's own time budget ended.
    Timeout = "timeout", Some(LossReason::InternalError), Some(NonBidStatus::Error);
    /// Skipped: neither the call nor the request names a time limit.
    TmaxUnknown = "tmax_unknown", None, None;
    /// Skipped: the call does not say when the auction began.
    StartUnknown = "start_unknown", None, None;
    /// Skipped: the auction began in the future.
    ClockSkew = "clock_skew", None, None;
    /// Skipped: the response holds no bid.
    NoBids = "no_bids", None, None;
    /// Skipped: the request offers no imp.
    NoImps = "no_imps", None, None;
    /// Skipped: nothing says that the inventory is for children.
    NotChildDirected = "not_child_directed", None, None;
    /// Skipped: the request neither blocks nor allows categories.
    NoBlockList = "no_block_list", None, None;
    /// The expression of a gate of the policy's own is false.
    ExpressionFalse = "expression_false", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// It is neither true nor false: a number that it needs is absent.
    ExpressionUnknown = "expression_unknown", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// It did not finish within the steps of an auction.
    ExpressionTooCostly = "expression_too_costly", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// A gate that a program brought along has a reason that is not in this list.
    Custom = "custom", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
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
