//! What one policy does otherwise than another with the same auction, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::proto::{
    BidResult, EvaluateResponse, Finding, GateMode, GateResult, GateStatus, Verdict,
};

/// What a policy says of an auction.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) reply: EvaluateResponse,
    /// What it would say if every gate that only warns were enforced, when it has such gates.
    pub(super) rehearsal: Option<EvaluateResponse>,
}

/// How the answers differ, and by which reasons.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) change: Change,
    /// Never empty.
    pub(super) effects: Vec<Effect>,
}

/// How the answers differ, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// The verdicts differ: before, after.
    Verdict(Verdict, Verdict),
    /// The verdict is the same, but not which bids are rejected, or for which reasons.
    Bids,
    /// What may go out is the same, but a gate warns of what it would reject.
    Warnings,
}

/// One reason for a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) cause: Cause,
    /// What was seen; it may quote the payload.
    pub(super) detail: String,
    /// None when it is about the auction as a whole.
    pub(super) bid: Option<Place>,
}

/// What effects are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cause {
    pub(super) kind: Kind,
    pub(super) gate: String,
    pub(super) reason: String,
}

/// What happens for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Rejected after, not before.
    Rejected,
    /// Rejected before, not after.
    LetThrough,
    /// Rejected before and after; the reason is the one after.
    OtherReason,
    /// Judged before, not after: time is up, or a payload cannot be read.
    NotJudged,
    /// The reverse.
    Judged,
    /// Would be rejected after, by a gate that only warns, of which the policy before does not warn.
    Warned,
}

/// Where a bid stands: seatbid index, bid index.
pub(super) type Place = (u32, u32);

impl Difference {
    /// None when both policies say the same.
    pub(super) fn between(before: &Answer, after: &Answer) -> Option<Self> {
        let (from, to) = (before.reply.verdict(), after.reply.verdict());
        let mut effects = rejections(&before.reply, &after.reply);
        if from != to {
            effects.extend(no_judgement(&after.reply, Kind::NotJudged));
        }
        if from != to && effects.is_empty() {
            effects.extend(no_judgement(&before.reply, Kind::Judged));
        }
        let decided = if from != to {
            Some(Change::Verdict(from, to))
        } else {
            (!effects.is_empty()).then_some(Change::Bids)
        };
        effects.extend(warnings(before, after));
        effects.sort_by_key(|effect| (effect.cause.kind, effect.bid));
        let change = decided.or_else(|| (!effects.is_empty()).then_some(Change::Warnings))?;
        Some(Self { change, effects })
    }
}

impl Effect {
    fn of_bid(kind: Kind, place: Place, finding: &Finding) -> Self {
        Self {
            cause: Cause::new(kind, &finding.gate, &finding.reason),
            detail: finding.detail.clone(),
            bid: Some(place),
        }
    }

    fn of_auction(kind: Kind, gate: &str, reason: &str) -> Self {
        Self {
            cause: Cause::new(kind, gate, reason),
            detail: String::new(),
            bid: None,
        }
    }
}

impl Cause {
    fn new(kind: Kind, gate: &str, reason: &str) -> Self {
        Self {
            kind,
            gate: gate.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

fn rejections(before: &EvaluateResponse, after: &EvaluateResponse) -> Vec<Effect> {
    let (was, is) = (rejected_bids(before), rejected_bids(after));
    let of_after = is.iter().filter_map(|(&place, &finding)| {
        let kind = match was.get(&place) {
            None => Kind::Rejected,
            Some(other) if is_same(other, finding) => return None,
            Some(_) => Kind::OtherReason,
        };
        Some(Effect::of_bid(kind, place, finding))
    });
    let of_before = was
        .iter()
        .filter(|(place, _)| !is.contains_key(*place))
        .map(|(&place, &finding)| Effect::of_bid(Kind::LetThrough, place, finding));
    let mut effects: Vec<_> = of_after.chain(of_before).collect();
    let (was, is) = (rejecting_gates(before), rejecting_gates(after));
    let whole = |kind| move |&(gate, reason): &(&str, &str)| Effect::of_auction(kind, gate, reason);
    effects.extend(is.difference(&was).map(whole(Kind::Rejected)));
    effects.extend(was.difference(&is).map(whole(Kind::LetThrough)));
    effects
}

/// The finding to act on of each rejected bid.
fn rejected_bids(reply: &EvaluateResponse) -> BTreeMap<Place, &Finding> {
    let primary = |bid: &'_ BidResult| bid.findings.iter().position(|finding| !finding.note);
    let bids = reply.bids.iter();
    bids.filter_map(|bid| Some((place(bid), bid.findings.get(primary(bid)?)?)))
        .collect()
}

const fn place(bid: &BidResult) -> Place {
    (bid.seatbid_index, bid.bid_index)
}

fn is_same(one: &Finding, other: &Finding) -> bool {
    (&one.gate, &one.reason) == (&other.gate, &other.reason)
}

/// Gates that fail the auction without a look at its bids, with their reasons.
fn rejecting_gates(reply: &EvaluateResponse) -> BTreeSet<(&str, &str)> {
    let findings = || reply.bids.iter().flat_map(|bid| &bid.findings);
    let fails = |gate: &&GateResult| {
        matches!(gate.status(), GateStatus::Failed | GateStatus::TimedOut) && !gate.passed
    };
    let gates = reply.gates.iter().filter(fails);
    gates
        .filter(|gate| findings().all(|finding| finding.gate != gate.name))
        .map(|gate| (gate.name.as_str(), gate.reason.as_str()))
        .collect()
}

/// Why a policy has not judged the auction, if it has not; without a gate when a payload cannot be read.
fn no_judgement(reply: &EvaluateResponse, kind: Kind) -> Option<Effect> {
    if let Some(error) = &reply.error {
        return Some(Effect::of_auction(kind, "", &error.code));
    }
    let guard = reply.gates.first()?;
    (reply.verdict() == Verdict::NotEvaluated)
        .then(|| Effect::of_auction(kind, &guard.name, &guard.reason))
}

/// What gates that only warn would reject after and did not warn of before.
fn warnings(before: &Answer, after: &Answer) -> Vec<Effect> {
    let known: BTreeSet<_> = warned(before)
        .into_iter()
        .map(|effect| (effect.bid, effect.cause))
        .collect();
    let mut effects = warned(after);
    effects.retain(|effect| !known.contains(&(effect.bid, effect.cause.clone())));
    effects
}

fn warned(answer: &Answer) -> Vec<Effect> {
    let warning =
        |gate: &&GateResult| gate.mode() == GateMode::Warn && gate.status() == GateStatus::Failed;
    let gates = answer.reply.gates.iter().filter(warning);
    gates.flat_map(|gate| would_reject(answer, gate)).collect()
}

/// Notes of a gate that warns are also those which it would write if it were enforced, so the rehearsal is asked.
fn would_reject(answer: &Answer, gate: &GateResult) -> Vec<Effect> {
    let rehearsed = answer.rehearsal.as_ref();
    let bids = rehearsed.into_iter().flat_map(|reply| &reply.bids);
    let findings = bids.flat_map(|bid| bid.findings.iter().map(|finding| (place(bid), finding)));
    let effects: Vec<_> = findings
        .filter(|(_, finding)| !finding.note && finding.gate == gate.name)
        .map(|(place, finding)| Effect::of_bid(Kind::Warned, place, finding))
        .collect();
    if effects.is_empty() {
        return vec![Effect::of_auction(Kind::Warned, &gate.name, &gate.reason)];
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(verdict: Verdict, rejected: &[(u32, &str, &str)]) -> EvaluateResponse {
        let bid = |&(bid_index, gate, reason): &(u32, &str, &str)| BidResult {
            bid_index,
            findings: vec![finding(gate, reason)],
            ..Default::default()
        };
        EvaluateResponse {
            verdict: verdict.into(),
            bids: rejected.iter().map(bid).collect(),
            ..Default::default()
        }
    }

    fn finding(gate: &str, reason: &str) -> Finding {
        Finding {
            gate: gate.to_owned(),
            reason: reason.to_owned(),
            ..Default::default()
        }
    }

    fn answer(reply: EvaluateResponse) -> Answer {
        Answer {
            reply,
            rehearsal: None,
        }
    }

    fn told(before: &Answer, after: &Answer) -> Option<(Change, Vec<String>)> {
        let difference = Difference::between(before, after)?;
        let effects = difference.effects.iter().map(|effect| {
            let Cause { kind, gate, reason } = &effect.cause;
            format!("{kind:?} {:?} {gate} {reason}", effect.bid)
        });
        Some((difference.change, effects.collect()))
    }

    #[test]
    fn the_same_answer_is_no_difference() {
        let same = || answer(reply(Verdict::Fail, &[(0, "g", "r")]));
        assert_eq!(told(&same(), &same()), None);
    }

    #[test]
    fn bids_are_newly_rejected_let_through_or_rejected_for_another_reason() {
        let before = reply(Verdict::Fail, &[(0, "g", "a"), (1, "g", "b")]);
        let after = reply(Verdict::Fail, &[(1, "h", "c"), (2, "h", "d")]);
        let effects = [
            "Rejected Some((0, 2)) h d",
            "LetThrough Some((0, 0)) g a",
            "OtherReason Some((0, 1)) h c",
        ];
        let expected = (Change::Bids, effects.map(str::to_owned).to_vec());
        assert_eq!(told(&answer(before), &answer(after)), Some(expected));
    }

    #[test]
    fn an_auction_that_is_not_judged_any_more_says_by_whom() {
        let mut after = reply(Verdict::NotEvaluated, &[]);
        after.gates = vec![GateResult {
            name: "tmaxGuard".to_owned(),
            reason: "tmax_exhausted".to_owned(),
            ..Default::default()
        }];
        let expected = (
            Change::Verdict(Verdict::Pass, Verdict::NotEvaluated),
            vec!["NotJudged None tmaxGuard tmax_exhausted".to_owned()],
        );
        let (pass, after) = (answer(reply(Verdict::Pass, &[])), answer(after));
        assert_eq!(told(&pass, &after), Some(expected));
        let expected = (
            Change::Verdict(Verdict::NotEvaluated, Verdict::Pass),
            vec!["Judged None tmaxGuard tmax_exhausted".to_owned()],
        );
        assert_eq!(told(&after, &pass), Some(expected));
    }

    #[test]
    fn what_a_gate_would_reject_is_told_and_what_it_only_notes_is_not() {
        let mut warns = reply(Verdict::Pass, &[]);
        warns.gates = vec![GateResult {
            name: "g".to_owned(),
            mode: GateMode::Warn.into(),
            status: GateStatus::Failed.into(),
            passed: true,
            ..Default::default()
        }];
        let mut enforced = reply(Verdict::Fail, &[(0, "g", "r"), (1, "g", "n")]);
        enforced.bids[1].findings[0].note = true;
        let after = Answer {
            reply: warns,
            rehearsal: Some(enforced),
        };
        let expected = (Change::Warnings, vec!["Warned Some((0, 0)) g r".to_owned()]);
        let before = answer(reply(Verdict::Pass, &[]));
        assert_eq!(told(&before, &after), Some(expected));
    }
}
