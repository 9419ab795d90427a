//! Clocks that jump. Budgets are kept by the monotonic one; the wall clock is compared with `started_at` and shown.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::policy::Policy;
use bidgate::proto::{EvaluateRequest, EvaluateResponse, GateStatus, Verdict};
use bidgate::verdict;

use crate::running::{Running, request, settings};

/// A machine whose wall clock is set while its monotonic clock goes on.
struct Machine {
    wall_us: Cell<u64>,
    since_arrival_ns: Cell<u64>,
}

impl Clock for Machine {
    fn arrived_unix_us(&self) -> u64 {
        self.wall_us.get()
    }

    fn elapsed_ns(&self) -> u64 {
        self.since_arrival_ns.get()
    }
}

const NOON_US: u64 = 1_760_000_000_000_000;
const HOUR_US: u64 = 3_600_000_000;

fn judged(wall_us: u64, since_arrival: Duration, call: Call<'_>) -> verdict::Verdict {
    let machine = Machine {
        wall_us: Cell::new(wall_us),
        since_arrival_ns: Cell::new(u64::try_from(since_arrival.as_nanos()).unwrap()),
    };
    let call = Call {
        agent_id: "a",
        bid_request: br#"{"id":"a","imp":[{"id":"1"}],"tmax":120}"#,
        bid_response:
            br#"{"seatbid":[{"bid":[{"impid":"1","price":1,"adomain":["shop.co.uk"]}]}]}"#,
        ..call
    };
    let policy = Policy::default();
    Evaluator::default()
        .evaluate(&call, &policy, &machine)
        .verdict
}

#[test]
fn a_wall_clock_that_jumps_takes_no_time_from_a_budget() {
    let call = Call {
        elapsed_us: Some(1_000),
        ..Call::default()
    };
    for wall_us in [0, NOON_US - HOUR_US, NOON_US, NOON_US + HOUR_US, u64::MAX] {
        let soon = judged(wall_us, Duration::from_millis(1), call);
        assert_eq!(soon, verdict::Verdict::Pass, "{wall_us}");
        // The budget is 15 ms, by the clock that no one sets.
        let late = judged(wall_us, Duration::from_millis(16), call);
        assert_eq!(late, verdict::Verdict::Fail, "{wall_us}");
    }
}

#[test]
fn a_start_by_a_wall_clock_that_jumped_since_is_skew_or_too_long_ago() {
    let call = Call {
        started_at_unix_us: Some(NOON_US),
        ..Call::default()
    };
    let soon = Duration::from_millis(1);
    // Set back, the auction begins in the future: the guard does not run, the other gates do.
    assert_eq!(
        judged(NOON_US - HOUR_US, soon, call),
        verdict::Verdict::Pass
    );
    assert_eq!(judged(NOON_US, soon, call), verdict::Verdict::Pass);
    // Set forward, its time is up.
    let forward = judged(NOON_US + HOUR_US, soon, call);
    assert_eq!(forward, verdict::Verdict::NotEvaluated);
}

#[tokio::test]
async fn callers_with_skewed_clocks_are_answered_and_those_that_say_elapsed_us_do_not_notice() {
    let server = Running::start(settings());
    let mut client = server.client().await;
    let mut ask = async |skew_s: i64, elapsed_us| -> EvaluateResponse {
        let call = EvaluateRequest {
            started_at_unix_us: Some(from_now(skew_s)),
            elapsed_us,
            bid_response:
                br#"{"seatbid":[{"bid":[{"impid":"1","price":1,"adomain":["shop.co.uk"]}]}]}"#
                    .as_slice()
                    .into(),
            ..request(1)
        };
        client.evaluate(call).await.unwrap().into_inner()
    };
    for skew_s in [-3600, 0, 3600] {
        assert_eq!(ask(skew_s, Some(1_000)).await.verdict(), Verdict::Pass);
    }
    let ahead = ask(3600, None).await;
    assert_eq!(ahead.verdict(), Verdict::Pass);
    assert_eq!(ahead.gates[0].status(), GateStatus::Skipped);
    assert_eq!(ahead.gates[0].reason, "clock_skew");
    let behind = ask(-3600, None).await;
    assert_eq!(behind.verdict(), Verdict::NotEvaluated);
    let skewed = "bidgate_gate_outcomes_total{gate=\"tmaxGuard\",status=\"skipped\",reason=\"clock_skew\",mode=\"enforce\"}";
    assert_eq!(server.metric(skewed), 1);
    assert_eq!(
        server.metric("bidgate_evaluations_total{verdict=\"not_evaluated\"}"),
        1
    );
}

fn from_now(seconds: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_us = u64::try_from(now.as_micros()).unwrap();
    now_us.saturating_add_signed(seconds * 1_000_000)
}
