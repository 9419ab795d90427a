//! What may be left of a response: what one gets by removing the rejected bids from parsed JSON, and it passes.
use std::collections::BTreeSet;

use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::policy::Policy;
use bidgate::proto::{EvaluateResponse, GateStatus, Verdict};
use bidgate::wire::EvaluationId;
use prost::Message as _;
use serde_json::Value;

use crate::support::Case;

/// What became of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Unchanged,
    Cut,
    Emptied,
    /// Something, but not JSON to the parser that it is compared by: it holds too large a number.
    Unknown,
}

/// Compares what is left of an auction with what naive removal leaves, and judges it again.
pub(crate) fn check(evaluator: &mut Evaluator, case: &Case, policy: &Policy) -> Left {
    let reply = judge(evaluator, &wanting(case), policy, &case.clock());
    let left = compare(case, &reply);
    assert_passes(evaluator, case, policy, &reply);
    left
}

fn compare(case: &Case, reply: &EvaluateResponse) -> Left {
    let left = &reply.filtered_response[..];
    match (reply.verdict(), naive(&case.response, reply)) {
        (Verdict::Pass | Verdict::NoBid, _) => {
            assert_eq!(left, case.response, "{case:?}");
            Left::Unchanged
        }
        (Verdict::Fail, Some(expected)) if any_may_go(reply, &expected) => {
            let parsed: Value = serde_json::from_slice(left).unwrap();
            assert_eq!(parsed, expected, "{case:?}");
            assert!(is_subsequence(left, &case.response), "{case:?}");
            Left::Cut
        }
        (Verdict::Fail, None) => Left::Unknown,
        _ => {
            assert!(is_no_bid(left), "{case:?}\n{}", left.escape_ascii());
            Left::Emptied
        }
    }
}

/// Judges what is left. How late it is by then is no matter, and a request that cannot be read stays that way.
fn assert_passes(
    evaluator: &mut Evaluator,
    case: &Case,
    policy: &Policy,
    first: &EvaluateResponse,
) {
    let left = first.filtered_response.clone();
    let error = first.error.as_ref();
    if error.is_some_and(|error| error.payload == "bid_request") {
        return assert!(left.is_empty());
    }
    let mut again = case.clone();
    again.response.clone_from(&left);
    again.timing.elapsed_us = None;
    again.timing.started_at_unix_us = None;
    let second = judge(evaluator, &wanting(&again), policy, &again.clock());
    let passed = matches!(second.verdict(), Verdict::Pass | Verdict::NoBid);
    assert!(passed, "{again:?}\n{second:#?}");
    assert_eq!(second.filtered_response, left, "{again:?}");
}

/// The call of a case, and that what is left is wanted.
pub(crate) fn wanting(case: &Case) -> Call<'_> {
    Call {
        want_filtered_response: true,
        ..case.call()
    }
}

/// The reply to a call.
pub(crate) fn judge(
    evaluator: &mut Evaluator,
    call: &Call<'_>,
    policy: &Policy,
    clock: &impl Clock,
) -> EvaluateResponse {
    let mut reply = Vec::new();
    evaluator
        .evaluate(call, policy, clock)
        .encode(EvaluationId(1), &mut reply);
    EvaluateResponse::decode(reply.as_slice()).unwrap()
}

/// The response without its rejected bids, by way of a tree. None where this parser is at its limits.
fn naive(response: &[u8], reply: &EvaluateResponse) -> Option<Value> {
    let mut root: Value = serde_json::from_slice(response).ok()?;
    let rejected: BTreeSet<_> = reply
        .bids
        .iter()
        .filter(|bid| !bid.passed)
        .map(|bid| (bid.seatbid_index as usize, bid.bid_index as usize))
        .collect();
    let seatbids = root.get_mut("seatbid")?.as_array_mut()?;
    let mut left = Vec::new();
    for (seatbid_index, mut seatbid) in std::mem::take(seatbids).into_iter().enumerate() {
        if seatbid.is_object() {
            let Some(bids) = seatbid.get_mut("bid").and_then(Value::as_array_mut) else {
                continue;
            };
            let mut bid_index = 0..;
            bids.retain(|_| !rejected.contains(&(seatbid_index, bid_index.next().unwrap())));
            if !bids.iter().any(Value::is_object) {
                continue;
            }
        }
        left.push(seatbid);
    }
    *seatbids = left;
    Some(root)
}

/// Whether every gate judged the bids, and left one.
fn any_may_go(reply: &EvaluateResponse, left: &Value) -> bool {
    let judged = reply
        .gates
        .iter()
        .all(|gate| gate.status() != GateStatus::Aborted);
    let mut seatbids = left["seatbid"].as_array().into_iter().flatten();
    judged && seatbids.any(Value::is_object)
}

/// Empty, or an object of `nbr` with or without an `id` before it.
fn is_no_bid(left: &[u8]) -> bool {
    if left.is_empty() {
        return true;
    }
    let Ok(Value::Object(mut members)) = serde_json::from_slice(left) else {
        return false;
    };
    let nbr = members.remove("nbr").and_then(|nbr| nbr.as_u64());
    let id = members.remove("id");
    nbr.is_some_and(|nbr| nbr > 0) && id.is_none_or(|id| id.is_string()) && members.is_empty()
}

fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|byte| whole.any(|other| other == byte))
}
