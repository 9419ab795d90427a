//! The gates: one file each, named as the gate.
//!
//! A gate sees an [`Auction`] and writes what it finds on a [`Sheet`]. It neither knows the time nor the other gates:
//! mode, budget and fail-fast are the evaluation's ([`crate::evaluate`]). A new gate is a file and a row in [`GATES`].

mod adomain_verify;
mod audience_safety;
mod bcat_compliance;
mod bid_sanity;
mod impid_match;
mod tmax_guard;

use std::fmt;

pub(crate) use bcat_compliance::Needles;
pub(crate) use tmax_guard::TmaxGuard;

use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::verdict::{Detail, Finding, GateMode, GateOutcome, GateStatus, Reason};

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

/// How far a gate's word counts, as a policy says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As if the policy left the gate out.
    Off,
    /// The gate judges and reports, and fails nothing.
    Warn,
    /// What the gate rejects may not go out.
    Enforce,
}

/// A gate's name in policies and replies, and how its options are read.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Of a gate that a policy lists without a mode.
    pub(crate) default_mode: Mode,
    pub(crate) compile: fn(&mut Section) -> Box<dyn Gate>,
}

/// Every gate that judges bids, in the order in which they run by default, behind [`TmaxGuard`].
pub(crate) const GATES: &[Row] = &[
    Row {
        name: "impidMatch",
        default_mode: Mode::Enforce,
        compile: |options| Box::new(impid_match::ImpidMatch::compile(options)),
    },
    Row {
        name: "adomainVerify",
        default_mode: Mode::Enforce,
        compile: |options| Box::new(adomain_verify::AdomainVerify::compile(options)),
    },
    Row {
        name: "bidSanity",
        default_mode: Mode::Enforce,
        compile: |options| Box::new(bid_sanity::BidSanity::compile(options)),
    },
    Row {
        name: "audienceSafety",
        default_mode: Mode::Enforce,
        compile: |options| Box::new(audience_safety::AudienceSafety::compile(options)),
    },
    Row {
        name: "bcatCompliance",
        default_mode: Mode::Enforce,
        compile: |options| Box::new(bcat_compliance::BcatCompliance::compile(options)),
    },
];

/// Where a gate writes what it finds.
#[derive(Debug)]
pub(crate) struct Sheet<'s> {
    gate: u8,
    mode: GateMode,
    findings: &'s mut Vec<Finding>,
    needles: &'s mut Needles,
    first_failure: Option<Reason>,
}

impl<'s> Sheet<'s> {
    /// A sheet for the gate at `position` of its rule set.
    pub(crate) fn new(
        position: usize,
        mode: GateMode,
        findings: &'s mut Vec<Finding>,
        needles: &'s mut Needles,
    ) -> Self {
        let gate = u8::try_from(position).unwrap_or(u8::MAX);
        Self {
            gate,
            mode,
            findings,
            needles,
            first_failure: None,
        }
    }

    /// The bid may not go out. Where the gate only warns, that is a note.
    pub(crate) fn reject(&mut self, bid: &JoinedBid<'_>, reason: Reason, detail: Detail) {
        self.first_failure.get_or_insert(reason);
        self.write(bid, reason, !self.mode.is_enforced(), detail);
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
