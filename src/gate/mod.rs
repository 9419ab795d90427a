//! The gates: one file each, named as the gate.
//!
//! A gate sees an [`Auction`] and writes what it finds on a [`Sheet`]. It neither knows the time nor the other gates:
//! mode, budget and fail-fast are the evaluation's ([`crate::evaluate`]). A new gate is a file, a row in [`GATES`] and a
//! page in `docs/gates`, which is the documentation of its module.
//!
//! A program that embeds the engine brings gates of its own the same way: a [`Gate`], and a [`Row`] by which a policy
//! knows it.
//!
//! ```
//! use bidgate::document::Section;
//! use bidgate::gate::{Auction, Gate, Judged, Row, Sheet};
//! use bidgate::policy::Policy;
//! use bidgate::verdict::{Detail, Reason};
//!
//! /// Bids on deals only.
//! #[derive(Debug)]
//! struct DealsOnly;
//!
//! impl Gate for DealsOnly {
//!     fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
//!         for bid in auction.bids().filter(|bid| bid.deal().is_none()) {
//!             sheet.reject(&bid, Reason::Custom, Detail::None);
//!         }
//!         Judged::Bids
//!     }
//! }
//!
//! const ROWS: &[Row] = &[Row::new("dealsOnly", |_options: &mut Section| Box::new(DealsOnly))];
//!
//! let policy = Policy::from_yaml_with("gates: [{ name: impidMatch }, { name: dealsOnly }]", "policy.yaml", ROWS)?;
//! assert_eq!(policy.gate_names().len(), 2);
//! # Ok::<(), bidgate::document::Problems>(())
//! ```

mod adomain_verify;
mod advertiser_block;
mod app_block;
mod attribute_block;
mod audience_safety;
mod bcat_compliance;
mod bid_sanity;
mod content;
mod coppa_leak;
mod creative_identity;
mod currency_allowed;
mod deal_match;
mod duplicate_bid;
mod expression;
mod filesystem;
mod floor_compliance;
mod impid_match;
mod latency;
mod media_match;
mod names;
mod patterns;
mod pii;
mod rates;
mod response_id;
mod schema;
mod seat_match;
mod secure_markup;
mod strings;
mod tmax_guard;

use std::fmt;

pub use crate::auction::{Auction, JoinedBid};

pub(crate) use expression::Expression;
pub(crate) use tmax_guard::TmaxGuard;

use crate::document::Section;
use crate::openrtb::Fields;
use crate::schema::Issue;
use crate::verdict::{Detail, Finding, GateMode, GateOutcome, GateStatus, Reason};

/// One rule, with its options compiled.
///
/// It runs on the path of every call: it should neither allocate nor wait, and its work should grow with the auction
/// and no faster.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Judges every bid of an auction that has bids, in document order. At most one finding a bid.
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged;
}

/// Whether a gate did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Every bid was judged; what was found is on the sheet.
    Bids,
    /// The gate chose not to run.
    Skipped(Reason),
}

/// How far a gate's word counts, as a policy says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As if the policy left the gate out.
    Off,
    /// The gate judges and reports, and fails nothing.
    Warn,
    /// What the gate rejects may not go out.
    Enforce,
}

/// A gate's name in policies and replies, what it needs, and how its options are read.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Whether a policy that lists no gates has it. Gates that a program brings along are always listed.
    pub by_default: bool,
    /// Of a gate that a policy lists without a mode.
    pub default_mode: Mode,
    /// What it reads beside what is always read.
    pub fields: Fields,
    /// Reads the options besides the name. What is wrong with them is recorded in the section.
    pub compile: fn(&mut Section) -> Box<dyn Gate>,
}

impl Row {
    /// A gate that is enforced where a policy lists it, and reads what the default policy does.
    #[must_use]
    pub const fn new(name: &'static str, compile: fn(&mut Section) -> Box<dyn Gate>) -> Self {
        Self {
            name,
            by_default: false,
            default_mode: Mode::Enforce,
            fields: Fields::NONE,
            compile,
        }
    }
}

/// Every gate that judges bids; those of the default policy in the order in which they run there, behind [`TmaxGuard`].
pub(crate) const GATES: &[Row] = &[
    Row {
        name: "impidMatch",
        by_default: true,
        default_mode: Mode::Enforce,
        fields: Fields::NONE,
        compile: |options| Box::new(impid_match::ImpidMatch::compile(options)),
    },
    Row {
        name: "adomainVerify",
        by_default: true,
        default_mode: Mode::Enforce,
        fields: Fields::NONE,
        compile: |options| Box::new(adomain_verify::AdomainVerify::compile(options)),
    },
    Row {
        name: "bidSanity",
        by_default: true,
        default_mode: Mode::Enforce,
        fields: Fields::NONE,
        compile: |options| Box::new(bid_sanity::BidSanity::compile(options)),
    },
    Row {
        name: "audienceSafety",
        by_default: true,
        default_mode: Mode::Enforce,
        fields: Fields::NONE,
        compile: |options| Box::new(audience_safety::AudienceSafety::compile(options)),
    },
    Row {
        name: "bcatCompliance",
        by_default: true,
        default_mode: Mode::Enforce,
        fields: Fields::NONE,
        compile: |options| Box::new(bcat_compliance::BcatCompliance::compile(options)),
    },
    Row {
        name: "responseId",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::AUCTION_ID,
        compile: |options| Box::new(response_id::ResponseId::compile(options)),
    },
    Row {
        name: "currencyAllowed",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::CURRENCIES,
        compile: |options| Box::new(currency_allowed::CurrencyAllowed::compile(options)),
    },
    Row {
        name: "advertiserBlock",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::ADVERTISERS,
        compile: |options| Box::new(advertiser_block::AdvertiserBlock::compile(options)),
    },
    Row {
        name: "attributeBlock",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::ATTRIBUTES,
        compile: |options| Box::new(attribute_block::AttributeBlock::compile(options)),
    },
    Row {
        name: "appBlock",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::APPS,
        compile: |options| Box::new(app_block::AppBlock::compile(options)),
    },
    Row {
        name: "dealMatch",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::PRIVATE_AUCTION,
        compile: |options| Box::new(deal_match::DealMatch::compile(options)),
    },
    Row {
        name: "floorCompliance",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::DURATION_FLOORS,
        compile: |options| Box::new(floor_compliance::FloorCompliance::compile(options)),
    },
    Row {
        name: "seatMatch",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::SEATS,
        compile: |options| Box::new(seat_match::SeatMatch::compile(options)),
    },
    Row {
        name: "creativeIdentity",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::CREATIVE_ID,
        compile: |options| Box::new(creative_identity::CreativeIdentity::compile(options)),
    },
    Row {
        name: "mediaMatch",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::MEDIA,
        compile: |options| Box::new(media_match::MediaMatch::compile(options)),
    },
    Row {
        name: "secureMarkup",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::SECURE,
        compile: |options| Box::new(secure_markup::SecureMarkup::compile(options)),
    },
    Row {
        name: "duplicateBid",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::NONE,
        compile: |options| Box::new(duplicate_bid::DuplicateBid::compile(options)),
    },
    Row {
        name: "coppaLeak",
        by_default: false,
        default_mode: Mode::Warn,
        fields: Fields::PERSONAL,
        compile: |options| Box::new(coppa_leak::CoppaLeak::compile(options)),
    },
    Row {
        name: "latency",
        by_default: false,
        default_mode: Mode::Enforce,
        fields: Fields::NONE,
        compile: |options| Box::new(latency::Latency::compile(options)),
    },
    Row {
        name: "pii",
        by_default: false,
        default_mode: Mode::Enforce,
        fields: Fields::STRINGS,
        compile: |options| Box::new(pii::Pii::compile(options)),
    },
    Row {
        name: "filesystem",
        by_default: false,
        default_mode: Mode::Enforce,
        fields: Fields::STRINGS,
        compile: |options| Box::new(filesystem::Filesystem::compile(options)),
    },
    Row {
        name: "content",
        by_default: false,
        default_mode: Mode::Enforce,
        fields: Fields::STRINGS,
        compile: |options| Box::new(content::Content::compile(options)),
    },
    Row {
        name: "schema",
        by_default: false,
        default_mode: Mode::Enforce,
        fields: Fields::NONE,
        compile: |options| Box::new(schema::ResponseSchema::compile(options)),
    },
];

/// Memory that gates work in, kept from one auction to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    needles: bcat_compliance::Needles,
    names: names::Names,
    positions: Vec<u32>,
    issues: Vec<Issue>,
}

/// Where a gate writes what it finds.
#[derive(Debug)]
pub struct Sheet<'s> {
    gate: u8,
    mode: GateMode,
    findings: &'s mut Vec<Finding>,
    memory: &'s mut Memory,
    first_failure: Option<Reason>,
}

impl<'s> Sheet<'s> {
    /// A sheet for the gate at `position` of its rule set.
    pub(crate) fn new(
        position: usize,
        mode: GateMode,
        findings: &'s mut Vec<Finding>,
        memory: &'s mut Memory,
    ) -> Self {
        let gate = u8::try_from(position).unwrap_or(u8::MAX);
        Self {
            gate,
            mode,
            findings,
            memory,
            first_failure: None,
        }
    }

    /// The bid may not go out. Where the gate only warns, that is a note.
    pub fn reject(&mut self, bid: &JoinedBid<'_>, reason: Reason, detail: Detail) {
        self.first_failure.get_or_insert(reason);
        self.write(bid, reason, !self.mode.is_enforced(), detail);
    }

    /// No bid may go out: the problem is one of the request or of the whole response.
    pub(crate) fn reject_all(&mut self, auction: &Auction<'_>, reason: Reason, detail: Detail) {
        for bid in auction.bids() {
            self.reject(&bid, reason, detail);
        }
    }

    /// The bid may go out, and the caller may want to know this.
    pub fn note(&mut self, bid: &JoinedBid<'_>, reason: Reason, detail: Detail) {
        self.write(bid, reason, true, detail);
    }

    /// Rejects when `fails`, notes otherwise: for rules whose severity is an option.
    pub fn reject_if(&mut self, fails: bool, bid: &JoinedBid<'_>, reason: Reason, detail: Detail) {
        if fails {
            self.reject(bid, reason, detail);
        } else {
            self.note(bid, reason, detail);
        }
    }

    /// Failed, for the reason of the first rejected bid, or passed.
    pub(crate) const fn outcome(&self) -> GateOutcome {
        match self.first_failure {
            Some(reason) => GateOutcome::new(GateStatus::Failed, Some(reason)),
            None => GateOutcome::new(GateStatus::Passed, None),
        }
    }

    fn write(&mut self, bid: &JoinedBid<'_>, reason: Reason, note: bool, detail: Detail) {
        self.findings.push(Finding {
            gate: self.gate,
            bid: bid.position,
            reason,
            note,
            detail,
        });
    }
}
