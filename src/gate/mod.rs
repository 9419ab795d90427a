//! The gates: one file each, named as the gate.
//!
//! A gate sees an [`Auction`] and writes what it finds on a [`Sheet`]. It neither knows the time nor the other gates:
//! budget and fail-fast are the evaluation's ([`crate::evaluate`]). A new gate is a file and a row in [`GATES`].

mod adomain_verify;
mod audience_safety;
mod bcat_compliance;
mod bid_sanity;
mod impid_match;
mod schema;
mod tmax_guard;

use std::fmt;

pub(crate) use bcat_compliance::Needles;
pub(crate) use tmax_guard::TmaxGuard;

use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::schema::Issue;
use crate::verdict::{Detail, Finding, GateOutcome, GateStatus, Reason};

/// One rule, with its options compiled.
pub(crate) trait Gate: fmt::Debug + Send + Sync {
    /// Judges every bid of an auction that has bids, in document order. At most one finding a bid.
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged;
}

/// Whether a gate did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Every bid was judged; what was found is on the sheet.
    Bids,
    /// The gate chose not to run.
    Skipped(Reason),
}

/// A gate's name in policies and replies, and how its options are read.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) compile: fn(&mut Section) -> Box<dyn Gate>,
}

/// Every gate that judges bids. The first [`DEFAULT_GATES`] run by default, in this order, behind [`TmaxGuard`].
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
    Row {
        name: "schema",
        compile: |options| Box::new(schema::ResponseSchema::compile(options)),
    },
];

/// How many of [`GATES`] run when a policy lists none; the others run where they are listed.
pub(crate) const DEFAULT_GATES: usize = 5;

/// What gates remember while they judge, kept from one auction to the next.
#[derive(Debug)]
pub(crate) struct Memory<'m> {
    pub(crate) needles: &'m mut Needles,
    pub(crate) issues: &'m mut Vec<Issue>,
}

impl Memory<'_> {
    /// The same memory for the next gate.
    pub(crate) const fn reborrow(&mut self) -> Memory<'_> {
        Memory {
            needles: self.needles,
            issues: self.issues,
        }
    }
}

/// Where a gate writes what it finds.
#[derive(Debug)]
pub(crate) struct Sheet<'s> {
    gate: u8,
    findings: &'s mut Vec<Finding>,
    memory: Memory<'s>,
    first_failure: Option<Reason>,
}

impl<'s> Sheet<'s> {
    /// A sheet for the gate at `position` of the policy.
    pub(crate) fn new(position: usize, findings: &'s mut Vec<Finding>, memory: Memory<'s>) -> Self {
        let gate = u8::try_from(position).unwrap_or(u8::MAX);
        Self {
            gate,
            findings,
            memory,
            first_failure: None,
        }
    }

    /// The bid may not go out.
    pub(crate) fn reject(&mut self, bid: &JoinedBid<'_>, reason: Reason, detail: Detail) {
        self.first_failure.get_or_insert(reason);
        self.write(bid, reason, false, detail);
    }

    /// The bid may go out, and the caller may want to know this.
    pub(crate) fn note(&mut self, bid: &JoinedBid<'_>, reason: Reason, detail: Detail) {
        self.write(bid, reason, true, detail);
    }

    /// Rejects when `fails`, notes otherwise: for rules whose severity is an option.
    pub(crate) fn reject_if(
        &mut self,
        fails: bool,
        bid: &JoinedBid<'_>,
        reason: Reason,
        detail: Detail,
    ) {
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
