//! Why a gate rejected, noted or skipped: a closed set.

use crate::openrtb::{LossReason, NonBidStatus};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $loss:expr, $status:expr;)*) => {
        /// Why a gate failed, noted or was skipped: a closed set (spec: gates, "Reason → OpenRTB codes").
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the spec.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The reason code's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_start(),)* }
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
    /// Skipped: the request has no id.
    NoRequestId = "no_request_id", None, None;
    /// The response does not say which request it answers.
    ResponseIdMissing = "response_id_missing", Some(LossReason::InvalidAuctionId), Some(NonBidStatus::InvalidBidResponse);
    /// The response answers another request.
    ResponseIdMismatch = "response_id_mismatch", Some(LossReason::InvalidAuctionId), Some(NonBidStatus::InvalidBidResponse);
    /// Skipped: the request does not say which currencies it accepts.
    NoCurrencyList = "no_currency_list", None, None;
    /// The request does not accept the currency of the response.
    CurrencyNotAllowed = "currency_not_allowed", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// Skipped: the request neither blocks nor allows advertisers.
    NoAdvertiserList = "no_advertiser_list", None, None;
    /// The bid names no advertiser, and the request is particular about them.
    UnknownAdvertiser = "unknown_advertiser", Some(LossReason::AdvertiserExclusions), Some(NonBidStatus::AdvertiserBlocked);
    /// The request blocks the advertiser.
    AdvertiserBlocked = "advertiser_blocked", Some(LossReason::AdvertiserExclusions), Some(NonBidStatus::AdvertiserBlocked);
    /// The advertiser is not among those of the deal.
    AdvertiserNotAllowed = "advertiser_not_allowed", Some(LossReason::NotAllowedInDeal), Some(NonBidStatus::InvalidCreative);
    /// Skipped: no imp blocks creative attributes.
    NoAttributeList = "no_attribute_list", None, None;
    /// The imp blocks an attribute of the creative.
    AttributeBlocked = "attribute_blocked", Some(LossReason::AttributeExclusions), Some(NonBidStatus::InvalidCreative);
    /// Skipped: the request blocks no apps.
    NoAppList = "no_app_list", None, None;
    /// The request blocks the advertised app.
    AppBlocked = "app_blocked", Some(LossReason::AppBundleExclusions), Some(NonBidStatus::InvalidCreative);
    /// The imp has no such deal.
    DealUnknown = "deal_unknown", Some(LossReason::InvalidDealId), Some(NonBidStatus::ResponseRejected);
    /// The imp is sold to deals only.
    DealRequired = "deal_required", Some(LossReason::InvalidDealId), Some(NonBidStatus::ResponseRejected);
    /// `price` is below the deal's floor.
    BelowDealFloor = "below_deal_floor", Some(LossReason::BelowDealFloor), Some(NonBidStatus::BelowDealFloor);
    /// `price` is below the floor for creatives of this duration.
    BelowDurationFloor = "below_duration_floor", Some(LossReason::BelowAuctionFloor), Some(NonBidStatus::BelowFloor);
    /// `price` is below the imp's floor.
    BelowFloor = "below_floor", Some(LossReason::BelowAuctionFloor), Some(NonBidStatus::BelowFloor);
    /// Skipped: the request neither blocks nor allows buyer seats.
    NoSeatList = "no_seat_list", None, None;
    /// The request blocks the buyer seat.
    SeatBlocked = "seat_blocked", Some(LossReason::BuyerSeatBlocked), Some(NonBidStatus::ResponseRejected);
    /// The buyer seat is not among those that may buy.
    SeatNotAllowed = "seat_not_allowed", Some(LossReason::BuyerSeatBlocked), Some(NonBidStatus::ResponseRejected);
    /// `crid` is absent or blank.
    CreativeIdMissing = "creative_id_missing", Some(LossReason::MissingCreativeId), Some(NonBidStatus::InvalidBidResponse);
    /// There is nothing to show: no markup, no notice that returns it, no preloaded ad.
    MarkupMissing = "markup_missing", Some(LossReason::MissingMarkup), Some(NonBidStatus::InvalidCreative);
    /// The imp does not offer the medium that `mtype` names.
    MediaTypeMismatch = "media_type_mismatch", Some(LossReason::IncorrectCreativeFormat), Some(NonBidStatus::IncorrectFormat);
    /// The markup is of a medium that the imp does not offer, or that `mtype` does not name.
    MarkupMismatch = "markup_mismatch", Some(LossReason::IncorrectCreativeFormat), Some(NonBidStatus::IncorrectFormat);
    /// The banner has none of the imp's sizes.
    SizeMismatch = "size_mismatch", Some(LossReason::SizeNotAllowed), Some(NonBidStatus::SizeNotAllowed);
    /// Skipped: no imp needs HTTPS.
    NotSecure = "not_secure", None, None;
    /// The markup loads something over plain HTTP where the imp needs HTTPS.
    InsecureMarkup = "insecure_markup", Some(LossReason::NotSecure), Some(NonBidStatus::NotSecure);
    /// A bid before it has the same id.
    BidIdDuplicate = "bid_id_duplicate", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::Duplicate);
    /// Skipped: the request is not under COPPA.
    NotCoppa = "not_coppa", None, None;
    /// Under COPPA, and the request identifies the child or the device.
    CoppaIdentifier = "coppa_identifier", Some(LossReason::CreativeFiltered), Some(NonBidStatus::ResponseRejected);
    /// Under COPPA, and the request says the child's age or gender.
    CoppaDemographics = "coppa_demographics", Some(LossReason::CreativeFiltered), Some(NonBidStatus::ResponseRejected);
    /// Under COPPA, and the request says precisely where the child is.
    CoppaPreciseGeo = "coppa_precise_geo", Some(LossReason::CreativeFiltered), Some(NonBidStatus::ResponseRejected);
    /// Under COPPA, and the request holds a whole IP address.
    CoppaIpAddress = "coppa_ip_address", Some(LossReason::CreativeFiltered), Some(NonBidStatus::ResponseRejected);
    /// Skipped: the call does not say how long the bidder took.
    LatencyUnknown = "latency_unknown", None, None;
    /// The bidder took longer than it may.
    LatencyExceeded = "latency_exceeded", Some(LossReason::ImpressionOpportunityExpired), Some(NonBidStatus::ErrorTimeout);
    /// A string holds an email address.
    EmailAddress = "email_address", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// A string holds what has the shape of a US social security number.
    SsnShaped = "ssn_shaped", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// A string holds what has the shape of a US phone number.
    PhoneShaped = "phone_shaped", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// A string holds a command that destroys files.
    DestructiveCommand = "destructive_command", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// A string holds a path that climbs out of a directory.
    PathTraversal = "path_traversal", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// A string holds the path of a file or directory of secrets.
    SensitivePath = "sensitive_path", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// The markup is blank.
    EmptyOutput = "empty_output", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// The markup is a language model's refusal.
    RefusalPhrase = "refusal_phrase", Some(LossReason::CreativeFiltered), Some(NonBidStatus::InvalidCreative);
    /// The response has more values than are looked into.
    NodesExceeded = "nodes_exceeded", None, None;
    /// A value of another JSON type than the schema asks for.
    SchemaType = "schema_type", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// A value that is none of those the schema lists.
    SchemaEnum = "schema_enum", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// A number outside its bounds, or not a multiple.
    SchemaRange = "schema_range", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// A string, array or object that is too short or too long.
    SchemaSize = "schema_size", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// A string that does not match its pattern.
    SchemaPattern = "schema_pattern", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// An object without a key that it must have.
    SchemaRequired = "schema_required", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// A key that may not be there.
    SchemaUnknownKey = "schema_unknown_key", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// Elements of an array that may not be there, stand twice, or are missing.
    SchemaItems = "schema_items", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// A value for which the wrong number of alternatives holds.
    SchemaCombination = "schema_combination", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::InvalidBidResponse);
    /// The check of the response took more work than it may.
    SchemaBudget = "schema_budget", Some(LossReason::InternalError), Some(NonBidStatus::Error);
    /// The expression of a gate of the policy's own is false.
    ExpressionFalse = "expression_false", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// It is neither true nor false: a number that it needs is absent.
    ExpressionUnknown = "expression_unknown", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// It did not finish within the steps of an auction.
    ExpressionTooCostly = "expression_too_costly", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
    /// A gate that a program brought along has a reason that is not in this list.
    Custom = "custom", Some(LossReason::InvalidBidResponse), Some(NonBidStatus::ResponseRejected);
}
