//! The numbers by which exchanges name what went wrong. Three lists, easily confused: a loss reason is about
//! a *bid*, a no-bid reason about a *response* without bids, a non-bid status about a *seat* without a valid bid.

/// Loss reason codes (OpenRTB 3.0, "Loss Reason Codes"): why a bid lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum LossReason {
    /// Internal Error.
    InternalError = 1,
    /// Impression Opportunity Expired.
    ImpressionOpportunityExpired = 2,
    /// Invalid Bid Response.
    InvalidBidResponse = 3,
    /// Invalid Advertiser Domain.
    InvalidAdvertiserDomain = 6,
    /// Missing Bid Price.
    MissingBidPrice = 9,
    /// Creative Filtered, general.
    CreativeFiltered = 200,
    /// Creative Filtered, Category Exclusions.
    CategoryExclusions = 209,
}

/// No-bid reason codes (OpenRTB 3.0, "No-Bid Reason Codes"; `BidResponse.nbr`): why a response has no bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum NoBidReason {
    /// Technical Error.
    TechnicalError = 1,
    /// Invalid Request.
    InvalidRequest = 2,
    /// Insufficient Auction Time.
    InsufficientAuctionTime = 15,
}

/// Status codes of the seat-non-bid community extension: why a seat has no valid bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum NonBidStatus {
    /// Error, general.
    Error = 100,
    /// Error, timeout.
    ErrorTimeout = 101,
    /// Error, invalid bid response.
    InvalidBidResponse = 102,
    /// Response rejected, general.
    ResponseRejected = 300,
    /// Response rejected, category mapping invalid.
    CategoryMappingInvalid = 303,
    /// Response rejected, invalid creative.
    InvalidCreative = 350,
    /// Response rejected, category exclusion.
    CategoryExclusion = 357,
}

impl LossReason {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }
}

impl NoBidReason {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }
}

impl NonBidStatus {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }
}
