//! What the gates decide (spec: gates), one file per gate, and how they run (spec: contract §2).
mod adomain_verify;
mod audience_safety;
mod bcat_compliance;
mod bid_sanity;
mod expression;
mod impid_match;
pub(crate) mod tmax_guard;

use super::auction::{Auction, Bid};
use super::policy::{Gate, Policy};
use super::{Answer, BidFinding, GateAnswer};

/// What one gate found on one bid: "either fails (F) its bid and gate, or is a note (N)". A gate's first rule that
/// applies to a bid ends its judgement of that bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Fails(&'static str),
    Note(&'static str),
}

impl Finding {
    fn fails_if(fails: bool, reason: &'static str) -> Self {
        if fails {
            Self::Fails(reason)
        } else {
            Self::Note(reason)
        }
    }
}

/// Runs the gates after tmaxGuard.
pub(crate) fn judge(policy: &Policy, guard: Option<GateAnswer>, auction: &Auction<'_>) -> Answer {
    let mut run = Run {
        gates: guard.into_iter().collect(),
        findings: Vec::new(),
        failed: false,
    };
    for gate in policy
        .gates
        .iter()
        .filter(|gate| !matches!(gate, Gate::TmaxGuard { .. }))
    {
        let outcome = if auction.bids.is_empty() {
            // "every gate but tmaxGuard is `SKIPPED`, reason `no_bids`"
            GateAnswer {
                name: gate.name(),
                status: "skipped",
                reason: "no_bids",
            }
        } else if run.failed && policy.fail_fast {
            // "after the first failed gate the rest are `ABORTED`"
            GateAnswer {
                name: gate.name(),
                status: "aborted",
                reason: "",
            }
        } else {
            run.gate(gate, auction)
        };
        run.gates.push(outcome);
    }
    run.answer(auction)
}

struct Run {
    gates: Vec<GateAnswer>,
    /// With the position of the bid.
    findings: Vec<(usize, &'static str, Finding)>,
    failed: bool,
}

impl Run {
    /// "Within a gate, bids are judged in document order and **all** of them are judged: `bids[]` names each rejected
    /// bid, the gate's `reason` is the first one's."
    fn gate(&mut self, gate: &Gate, auction: &Auction<'_>) -> GateAnswer {
        let name = gate.name();
        if let Some(reason) = skip_reason(gate, auction) {
            return GateAnswer {
                name,
                status: "skipped",
                reason,
            };
        }
        let mut outcome = GateAnswer {
            name,
            status: "passed",
            reason: "",
        };
        for (position, bid) in auction.bids.iter().enumerate() {
            let Some(finding) = judge_bid(gate, auction, bid) else {
                continue;
            };
            if let Finding::Fails(reason) = finding
                && outcome.status == "passed"
            {
                outcome = GateAnswer {
                    name,
                    status: "failed",
                    reason,
                };
                self.failed = true;
            }
            self.findings.push((position, name, finding));
        }
        outcome
    }

    fn answer(mut self, auction: &Auction<'_>) -> Answer {
        let verdict = match (auction.bids.is_empty(), self.failed) {
            (true, _) => "no_bid",
            (false, true) => "fail",
            (false, false) => "pass",
        };
        // "`nbr`: 0 while `passed` is true or some bid has no failing finding. Otherwise (every bid rejected, or an
        // error): [..] all else 1."
        let rejected = |position| {
            let mut fails = self
                .findings
                .iter()
                .filter(|(_, _, finding)| matches!(finding, Finding::Fails(_)));
            fails.any(|(bid, _, _)| *bid == position)
        };
        let nothing_left = self.failed && (0..auction.bids.len()).all(rejected);
        self.findings.sort_by_key(|(bid, _, _)| *bid);
        let findings = self
            .findings
            .iter()
            .map(|(bid, gate, finding)| bid_finding(&auction.bids[*bid], gate, *finding));
        Answer {
            verdict,
            nbr: u32::from(nothing_left),
            findings: findings.collect(),
            gates: self.gates,
            error: None,
        }
    }
}

fn skip_reason(gate: &Gate, auction: &Auction<'_>) -> Option<&'static str> {
    match gate {
        Gate::ImpidMatch => impid_match::skip_reason(auction),
        Gate::AudienceSafety(options) => audience_safety::skip_reason(options, auction),
        Gate::BcatCompliance { .. } => bcat_compliance::skip_reason(auction),
        Gate::TmaxGuard { .. }
        | Gate::AdomainVerify { .. }
        | Gate::BidSanity(_)
        | Gate::Expression { .. } => None,
    }
}

fn judge_bid(gate: &Gate, auction: &Auction<'_>, bid: &Bid<'_>) -> Option<Finding> {
    match gate {
        Gate::TmaxGuard { .. } => None,
        Gate::ImpidMatch => impid_match::judge(auction, bid),
        Gate::AdomainVerify {
            require_adomain,
            extra_placeholders,
        } => adomain_verify::judge(*require_adomain, extra_placeholders, bid),
        Gate::BidSanity(options) => bid_sanity::judge(options, auction, bid),
        Gate::AudienceSafety(options) => audience_safety::judge(options, bid),
        Gate::Expression { source, reason, .. } => expression::judge(source, reason, auction, bid),
        Gate::BcatCompliance {
            hierarchical,
            fail_on_unknown_category,
            fail_on_taxonomy_mismatch,
        } => {
            let rules = bcat_compliance::Rules {
                hierarchical: *hierarchical,
                fail_on_unknown_category: *fail_on_unknown_category,
                fail_on_taxonomy_mismatch: *fail_on_taxonomy_mismatch,
            };
            bcat_compliance::judge(&rules, auction, bid)
        }
    }
}

fn bid_finding(bid: &Bid<'_>, gate: &'static str, finding: Finding) -> BidFinding {
    let (reason, note) = match finding {
        Finding::Fails(reason) => (reason, false),
        Finding::Note(reason) => (reason, true),
    };
    let (loss_reason, nonbid_status) = if note { (0, 0) } else { codes(reason) };
    BidFinding {
        seatbid_index: bid.seatbid_index,
        bid_index: bid.bid_index,
        bid_id: cut(bid.text("id").unwrap_or_default()),
        impid: cut(bid.text("impid").unwrap_or_default()),
        gate,
        reason,
        note,
        loss_reason,
        nonbid_status,
    }
}

/// "`bid_id`, `impid` (strings, cut at 128 bytes)": at the last character that ends within them.
fn cut(text: &str) -> String {
    let mut kept = String::new();
    for character in text.chars() {
        if kept.len() + character.len_utf8() > 128 {
            break;
        }
        kept.push(character);
    }
    kept
}

/// "Reason -> OpenRTB codes": loss reason, seat-non-bid status.
fn codes(reason: &str) -> (u32, u32) {
    match reason {
        "impid_missing" | "impid_unknown" => (3, 102),
        _ if reason.starts_with("adomain_") => (6, 350),
        "price_missing" => (9, 102),
        "price_not_a_number" | "price_negative" => (3, 102),
        "price_above_cap" | "price_above_floor_multiple" => (3, 300),
        "expression_false" | "expression_unknown" | "expression_too_costly" => (3, 300),
        "child_unsafe_category"
        | "blocked_category"
        | "category_not_allowed"
        | "unknown_category" => (209, 357),
        "child_unsafe_rating" => (200, 350),
        "taxonomy_mismatch" => (209, 303),
        unknown => panic!("{unknown} does not fail a bid"),
    }
}
