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
    /// Invalid Deal ID.
    InvalidDealId = 4,
    /// Invalid Auction ID.
    InvalidAuctionId = 5,
    /// Invalid Advertiser Domain.
    InvalidAdvertiserDomain = 6,
    /// Missing Markup.
    MissingMarkup = 7,
    /// Missing Creative ID.
    MissingCreativeId = 8,
    /// Missing Bid Price.
    MissingBidPrice = 9,
    /// Below Auction Floor.
    BelowAuctionFloor = 100,
    /// Below Deal Floor.
    BelowDealFloor = 101,
    /// Buyer Seat Blocked.
    BuyerSeatBlocked = 104,
    /// Creative Filtered, general.
    CreativeFiltered = 200,
    /// Creative Filtered, Size Not Allowed.
    SizeNotAllowed = 203,
    /// Creative Filtered, Incorrect Creative Format.
    IncorrectCreativeFormat = 204,
    /// Creative Filtered, Advertiser Exclusions.
    AdvertiserExclusions = 205,
    /// Creative Filtered, Not Secure.
    NotSecure = 207,
    /// Creative Filtered, Category Exclusions.
    CategoryExclusions = 209,
    /// Creative Filtered, Creative Attribute Exclusions.
    AttributeExclusions = 210,
    /// Creative Filtered, Not Allowed in Deal.
    NotAllowedInDeal = 213,
    /// Creative Filtered, App Bundle Exclusions.
    AppBundleExclusions = 215,
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
    /// Response rejected, below floor.
    BelowFloor = 301,
    /// Response rejected, duplicate.
    Duplicate = 302,
    /// Response rejected, category mapping invalid.
    CategoryMappingInvalid = 303,
    /// Response rejected, below deal floor.
    BelowDealFloor = 304,
    /// Response rejected, invalid creative.
    InvalidCreative = 350,
    /// Response rejected, creative size not allowed.
    SizeNotAllowed = 351,
    /// Response rejected, creative not secure.
    NotSecure = 352,
    /// Response rejected, incorrect creative format.
    IncorrectFormat = 353,
    /// Response rejected, advertiser blocked.
    AdvertiserBlocked = 356,
    /// Response rejected, category exclusion.
    CategoryExclusion = 357,
}

impl LossReason {
    /// Every loss reason in use, in the order of the list.
    pub const ALL: [Self; 21] = [
        Self::InternalError,
        Self::ImpressionOpportunityExpired,
        Self::InvalidBidResponse,
        Self::InvalidDealId,
        Self::InvalidAuctionId,
        Self::InvalidAdvertiserDomain,
        Self::MissingMarkup,
        Self::MissingCreativeId,
        Self::MissingBidPrice,
        Self::BelowAuctionFloor,
        Self::BelowDealFloor,
        Self::BuyerSeatBlocked,
        Self::CreativeFiltered,
        Self::SizeNotAllowed,
        Self::IncorrectCreativeFormat,
        Self::AdvertiserExclusions,
        Self::NotSecure,
        Self::CategoryExclusions,
        Self::AttributeExclusions,
        Self::NotAllowedInDeal,
        Self::AppBundleExclusions,
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
            Self::InvalidDealId => "Invalid Deal ID",
            Self::InvalidAuctionId => "Invalid Auction ID",
            Self::InvalidAdvertiserDomain => "Invalid Advertiser Domain",
            Self::MissingMarkup => "Missing Markup",
            Self::MissingCreativeId => "Missing Creative ID",
            Self::MissingBidPrice => "Missing Bid Price",
            Self::BelowAuctionFloor => "Below Auction Floor",
            Self::BelowDealFloor => "Below Deal Floor",
            Self::BuyerSeatBlocked => "Buyer Seat Blocked",
            Self::CreativeFiltered => "Creative Filtered",
            Self::SizeNotAllowed => "Size Not Allowed",
            Self::IncorrectCreativeFormat => "Incorrect Creative Format",
            Self::AdvertiserExclusions => "Advertiser Exclusions",
            Self::NotSecure => "Not Secure",
            Self::CategoryExclusions => "Category Exclusions",
            Self::AttributeExclusions => "Creative Attribute Exclusions",
            Self::NotAllowedInDeal => "Not Allowed in Deal",
            Self::AppBundleExclusions => "App Bundle Exclusions",
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
    pub const ALL: [Self; 14] = [
        Self::Error,
        Self::ErrorTimeout,
        Self::InvalidBidResponse,
        Self::ResponseRejected,
        Self::BelowFloor,
        Self::Duplicate,
        Self::CategoryMappingInvalid,
        Self::BelowDealFloor,
        Self::InvalidCreative,
        Self::SizeNotAllowed,
        Self::NotSecure,
        Self::IncorrectFormat,
        Self::AdvertiserBlocked,
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
            Self::BelowFloor => "Response Rejected - Below Floor",
            Self::Duplicate => "Response Rejected - Duplicate",
            Self::CategoryMappingInvalid => "Response Rejected - Category Mapping Invalid",
            Self::BelowDealFloor => "Response Rejected - Below Deal Floor",
            Self::InvalidCreative => "Response Rejected - Invalid Creative",
            Self::SizeNotAllowed => "Response Rejected - Invalid Creative (Size Not Allowed)",
            Self::NotSecure => "Response Rejected - Invalid Creative (Not Secure)",
            Self::IncorrectFormat => "Response Rejected - Invalid Creative (Incorrect Format)",
            Self::AdvertiserBlocked => "Response Rejected - Invalid Creative (Advertiser Blocked)",
            Self::CategoryExclusion => "Response Rejected - Invalid Creative (Category Exclusion)",
        }
    }
}
