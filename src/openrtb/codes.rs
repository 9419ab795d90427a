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
    /// Every loss reason in use, in the order of the list.
    pub const ALL: [Self; 7] = [
        Self::InternalError,
        Self::ImpressionOpportunityExpired,
        Self::InvalidBidResponse,
        Self::InvalidAdvertiserDomain,
        Self::MissingBidPrice,
        Self::CreativeFiltered,
        Self::CategoryExclusions,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The list's own words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InternalError => "Internal Error",
            Self::ImpressionOpportunityExpired => "Impression Opportunity Expired",
            Self::InvalidBidResponse => "Invalid Bid Response",
            Self::InvalidAdvertiserDomain => "Invalid Advertiser Domain",
            Self::MissingBidPrice => "Missing Bid Price",
            Self::CreativeFiltered => "Creative Filtered",
            Self::CategoryExclusions => "Category Exclusions",
        }
    }
}

impl NoBidReason {
    /// Every no-bid reason in use, in the order of the list.
    pub const ALL: [Self; 3] = [
        Self::TechnicalError,
        Self::InvalidRequest,
        Self::InsufficientAuctionTime,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The list's own words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TechnicalError => "Technical Error",
            Self::InvalidRequest => "Invalid Request",
            Self::InsufficientAuctionTime => "Insufficient Auction Time",
        }
    }
}

impl NonBidStatus {
    /// Every status in use, in the order of the list.
    pub const ALL: [Self; 7] = [
        Self::Error,
        Self::ErrorTimeout,
        Self::InvalidBidResponse,
        Self::ResponseRejected,
        Self::CategoryMappingInvalid,
        Self::InvalidCreative,
        Self::CategoryExclusion,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }
    /// The list's own words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "Error - General",
            Self::ErrorTimeout => "Error - Timeout",
            Self::InvalidBidResponse => "Error - Invalid Bid Response",
            Self::ResponseRejected => "Response Rejected - General",
            Self::CategoryMappingInvalid => "Response Rejected - Category Mapping Invalid",
            Self::InvalidCreative => "Response Rejected - Invalid Creative",
            Self::CategoryExclusion => "Response Rejected - Invalid Creative (Category Exclusion)",
        }
    }
}
