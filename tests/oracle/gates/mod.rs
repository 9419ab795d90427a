//! What the gates decide (spec: gates), one file per gate, and how they run (spec: contract §2).
mod adomain_verify;
mod advertiser_block;
mod audience_safety;
mod bcat_compliance;
mod bid_sanity;
pub(crate) mod content;
mod coppa_leak;
mod expression;
mod filesystem;
mod floor_compliance;
mod impid_match;
mod latency;
mod lists;
mod media_match;
mod pii;
pub(crate) mod schema;
mod secure_markup;
mod text;
pub(crate) mod tmax_guard;

use super::auction::{Auction, Bid};
use super::policy::{Gate, Listed, Policy};
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
    for listed in policy
        .gates
        .iter()
        .filter(|listed| !matches!(listed.gate, Gate::TmaxGuard { .. }))
    {
        let (status, reason) = if auction.bids.is_empty() {
            // "every gate but tmaxGuard is `SKIPPED`, reason `no_bids`"
            ("skipped", "no_bids")
        } else if run.failed && policy.fail_fast {
            // "after the first failed gate the rest are `ABORTED`"
            ("aborted", "")
        } else {
            run.gate(listed, auction)
        };
        run.gates.push(GateAnswer {
            name: listed.gate.name(),
            mode: listed.mode,
            status,
            reason,
        });
    }
    run.answer(auction)
}

struct Run {
    gates: Vec<GateAnswer>,
    /// With the position of the bid.
    findings: Vec<(usize, &'static str, Finding)>,
    /// By a gate that is enforced.
    failed: bool,
}

impl Run {
    /// "Within a gate, bids are judged in document order and **all** of them are judged: `bids[]` names each rejected
    /// bid, the gate's `reason` is the first one's." Of a gate that is not enforced, "its findings are notes".
    fn gate(&mut self, listed: &Listed, auction: &Auction<'_>) -> (&'static str, &'static str) {
        if let Some(reason) = skip_reason(&listed.gate, auction) {
            return ("skipped", reason);
        }
        let enforced = listed.mode == "enforce";
        let mut outcome = ("passed", "");
        for (position, bid) in auction.bids.iter().enumerate() {
            let Some(mut finding) = judge_bid(&listed.gate, auction, bid) else {
                continue;
            };
            if let Finding::Fails(reason) = finding {
                if outcome.0 == "passed" {
                    outcome = ("failed", reason);
                }
                self.failed |= enforced;
                finding = Finding::fails_if(enforced, reason);
            }
            self.findings.push((position, listed.gate.name(), finding));
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
        Gate::Latency { .. } => latency::skip_reason(auction),
        Gate::ResponseId => lists::no_request_id(auction),
        Gate::CurrencyAllowed => lists::no_currency_list(auction),
        Gate::AdvertiserBlock { .. } => advertiser_block::skip_reason(auction),
        Gate::AttributeBlock => lists::no_attribute_list(auction),
        Gate::AppBlock => lists::no_app_list(auction),
        Gate::SeatMatch => lists::no_seat_list(auction),
        Gate::SecureMarkup => secure_markup::skip_reason(auction),
        Gate::CoppaLeak => coppa_leak::skip_reason(auction),
        Gate::DealMatch | Gate::FloorCompliance { .. } | Gate::MediaMatch => {
            impid_match::skip_reason(auction)
        }
        Gate::TmaxGuard { .. }
        | Gate::AdomainVerify { .. }
        | Gate::BidSanity(_)
        | Gate::Pii { .. }
        | Gate::Filesystem { .. }
        | Gate::Content { .. }
        | Gate::Schema(_)
        | Gate::Expression { .. }
        | Gate::CreativeIdentity
        | Gate::DuplicateBid => None,
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
        Gate::AdvertiserBlock {
            fail_on_unknown_advertiser,
        } => advertiser_block::judge(*fail_on_unknown_advertiser, auction, bid),
        Gate::FloorCompliance {
            tolerance_micros,
            rates,
        } => floor_compliance::judge(*tolerance_micros, rates, auction, bid),
        Gate::ResponseId => lists::response_id(auction).map(Finding::Fails),
        Gate::CurrencyAllowed => lists::currency(auction).map(Finding::Fails),
        Gate::AttributeBlock => lists::attribute(auction, bid).map(Finding::Fails),
        Gate::AppBlock => lists::app(auction, bid).map(Finding::Fails),
        Gate::DealMatch => lists::deal(auction, bid).map(Finding::Fails),
        Gate::SeatMatch => lists::seat(auction, bid).map(Finding::Fails),
        Gate::CreativeIdentity => lists::creative_identity(bid).map(Finding::Fails),
        Gate::DuplicateBid => lists::duplicate(auction, bid).map(Finding::Fails),
        Gate::MediaMatch => media_match::judge(auction, bid).map(Finding::Fails),
        Gate::SecureMarkup => secure_markup::judge(auction, bid).map(Finding::Fails),
        Gate::CoppaLeak => coppa_leak::judge(auction).map(Finding::Fails),
        Gate::Latency { max_ms } => latency::judge(*max_ms, auction),
        Gate::Pii { email, ssn, phone } => {
            text::judge(auction, bid, |text| pii::find(*email, *ssn, *phone, text))
        }
        Gate::Filesystem {
            destructive,
            traversal,
            sensitive,
        } => text::judge(auction, bid, |text| {
            filesystem::find(*destructive, *traversal, *sensitive, text)
        }),
        Gate::Content {
            empty_output,
            phrases,
        } => content::judge(*empty_output, phrases, auction, bid),
        Gate::Schema(schema) => schema::judge(schema, auction, bid),
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
        "response_id_missing" | "response_id_mismatch" => (5, 102),
        "currency_not_allowed" => (3, 300),
        "unknown_advertiser" | "advertiser_blocked" => (205, 356),
        "advertiser_not_allowed" => (213, 350),
        "attribute_blocked" => (210, 350),
        "app_blocked" => (215, 350),
        "deal_unknown" | "deal_required" => (4, 300),
        "below_deal_floor" => (101, 304),
        "below_duration_floor" | "below_floor" => (100, 301),
        "seat_blocked" | "seat_not_allowed" => (104, 300),
        "creative_id_missing" => (8, 102),
        "markup_missing" => (7, 350),
        "media_type_mismatch" | "markup_mismatch" => (204, 353),
        "size_mismatch" => (203, 351),
        "insecure_markup" => (207, 352),
        "bid_id_duplicate" => (3, 302),
        _ if reason.starts_with("coppa_") => (200, 300),
        "latency_exceeded" => (2, 101),
        "email_address" | "ssn_shaped" | "phone_shaped" => (200, 350),
        "destructive_command" | "path_traversal" | "sensitive_path" => (200, 350),
        "empty_output" | "refusal_phrase" => (200, 350),
        _ if reason.starts_with("schema_") => (3, 102),
        unknown => panic!("{unknown} does not fail a bid"),
    }
}
