//! Is there time left to submit the bid? (spec: gates, tmaxGuard)
use crate::oracle::json::Node;
use crate::oracle::policy::{Gate, Listed, Policy};
use crate::oracle::{Answer, GateAnswer, Timing};

/// The gate's outcome; none when the policy leaves it out.
pub(crate) fn judge(policy: &Policy, request: &Node, timing: &Timing) -> Option<GateAnswer> {
    let (buffer_ms, fail_on_exhausted, mode) = policy.gates.iter().find_map(options)?;
    let (status, reason) = decide(buffer_ms, fail_on_exhausted, request, timing);
    Some(GateAnswer {
        name: "tmaxGuard",
        mode,
        status,
        reason,
    })
}

fn decide(
    buffer_ms: f64,
    fail_on_exhausted: bool,
    request: &Node,
    timing: &Timing,
) -> (&'static str, &'static str) {
    // "`tmax` = `EvaluateRequest.tmax_ms` if set and > 0, else `bid_request.tmax` if it is a number > 0."
    let of_request = || {
        request
            .get("tmax")
            .and_then(Node::number)
            .filter(|tmax| *tmax > 0.0)
    };
    let tmax_ms = timing
        .tmax_ms
        .filter(|tmax| *tmax > 0)
        .map(f64::from)
        .or_else(of_request);
    // "Else -> SKIPPED `tmax_unknown`"
    let Some(tmax_ms) = tmax_ms else {
        return ("skipped", "tmax_unknown");
    };
    // "`elapsed` = `elapsed_us` if set, else now - `started_at_unix_us`."
    let since_start = || {
        timing
            .started_at_unix_us
            .map(|start| i128::from(timing.now_unix_us) - i128::from(start))
    };
    let elapsed_us = timing.elapsed_us.map(i128::from).or_else(since_start);
    // "Neither set -> SKIPPED `start_unknown`"
    let Some(elapsed_us) = elapsed_us else {
        return ("skipped", "start_unknown");
    };
    // "Negative (clock skew) -> SKIPPED `clock_skew`"
    if elapsed_us < 0 {
        return ("skipped", "clock_skew");
    }
    // "`tmax - elapsed < buffer_ms` (strict, in microseconds) -> exhausted."
    let left_us = tmax_ms * 1000.0 - double(elapsed_us);
    match (left_us < buffer_ms * 1000.0, fail_on_exhausted) {
        (true, false) => ("skipped", "tmax_exhausted"),
        (true, true) => ("failed", "tmax_exhausted"),
        (false, _) => ("passed", ""),
    }
}

fn options(listed: &Listed) -> Option<(f64, bool, &'static str)> {
    let Gate::TmaxGuard {
        buffer_ms,
        fail_on_exhausted,
    } = &listed.gate
    else {
        return None;
    };
    Some((*buffer_ms, *fail_on_exhausted, listed.mode))
}

/// The nearest double, as a reader of decimal text finds it.
fn double(integer: i128) -> f64 {
    integer.to_string().parse().unwrap()
}

/// The whole answer when the guard ends the auction; one that is not enforced ends none.
///
/// "`skip`: tmaxGuard SKIPPED `tmax_exhausted`, every other gate SKIPPED `tmax_exhausted`, `VERDICT_NOT_EVALUATED`,
/// `passed` true. `fail`: tmaxGuard FAILED `tmax_exhausted`, the others ABORTED, `nbr` 15."
pub(crate) fn exhausted(guard: &GateAnswer, policy: &Policy) -> Option<Answer> {
    let (verdict, nbr, status, reason) = match (guard.status, guard.reason) {
        _ if guard.mode != "enforce" => return None,
        ("skipped", "tmax_exhausted") => ("not_evaluated", 0, "skipped", "tmax_exhausted"),
        ("failed", _) => ("fail", 15, "aborted", ""),
        _ => return None,
    };
    let others = policy
        .gates
        .iter()
        .filter(|listed| listed.gate.name() != guard.name);
    let mut gates = vec![guard.clone()];
    gates.extend(others.map(|listed| GateAnswer {
        name: listed.gate.name(),
        mode: listed.mode,
        status,
        reason,
    }));
    Some(Answer {
        verdict,
        nbr,
        gates,
        ..Answer::default()
    })
}
