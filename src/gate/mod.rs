//! The gates: one file each, named as the gate.
//!
//! A gate sees an [`Auction`] and writes what it finds on a [`Sheet`]. It neither knows the time nor the other gates:
//! budget and fail-fast are the evaluation's ([`crate::evaluate`]). A new gate is a file and a row in [`GATES`].
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
//! const ROWS: &[Row] = &[Row {
//!     name: "dealsOnly",
//!     compile: |_options: &mut Section| Box::new(DealsOnly),
//! }];
//!
//! let policy = Policy::from_yaml_with("gates: [{ name: impidMatch }, { name: dealsOnly }]", "policy.yaml", ROWS)?;
//! assert_eq!(policy.gate_names().len(), 2);
//! # Ok::<(), bidgate::document::Problems>(())
//! ```

mod adomain_verify;
mod audience_safety;
mod bcat_compliance;
mod bid_sanity;
mod expression;
mod impid_match;
mod tmax_guard;

use std::fmt;

pub use crate::auction::{Auction, JoinedBid};

pub(crate) use bcat_compliance::Needles;
pub(crate) use expression::Expression;
pub(crate) use tmax_guard::TmaxGuard;

use crate::document::Section;
use crate::verdict::{Detail, Finding, GateOutcome, GateStatus, Reason};

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

/// A gate's name in policies and replies, and how its options are read.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Reads the options besides the name. What is wrong with them is recorded in the section.
    pub compile: fn(&mut Section) -> Box<dyn Gate>,
}

/// Every gate that judges bids, in the order in which they run by default, behind [`TmaxGuard`].
pub(crate) const GATES: &[Row] = &[
    Row {
        name: "impidMatch",
        compile: |options| Box::new(impid_match::ImpidMatch::compile(options)),
    },
    Row {
        name: "adomainVerify",
        compile: |options| Box::new(adomain_verify::AdomainVerify::compile(options)),
    },
    Row {
        name: "bidSanity",
        compile: |options| Box::new(bid_sanity::BidSanity::compile(options)),
    },
    Row {
        name: "audienceSafety",
        compile: |options| Box::new(audience_safety::AudienceSafety::compile(options)),
    },
    Row {
        name: "bcatCompliance",
        compile: |options| Box::new(bcat_compliance::BcatCompliance::compile(options)),
    },
];

/// Where a gate writes what it finds.
#[derive(Debug)]
pub struct Sheet<'s> {
    gate: u8,
    findings: &'s mut Vec<Finding>,
    needles: &'s mut Needles,
    first_failure: Option<Reason>,
}

impl<'s> Sheet<'s> {
    /// A sheet for the gate at `position` of the policy.
    pub(crate) fn new(
        position: usize,
        findings: &'s mut Vec<Finding>,
        needles: &'s mut Needles,
    ) -> Self {
        let gate = u8::try_from(position).unwrap_or(u8::MAX);
        Self {
            gate,
            findings,
            needles,
            first_failure: None,
        }
    }

    /// The bid may not go out.
    pub fn reject(&mut self, bid: &JoinedBid<'_>, reason: Reason, detail: Detail) {
        self.first_failure.get_or_insert(reason);
        self.write(bid, reason, false, detail);
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
