//! What an expression costs a bid: the gate's own time on a response of 1,000 bids, divided by them. See
//! `benches/README.md`.

use std::time::Duration;

use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::limits::Limits;
use bidgate::policy::Policy;
use bidgate::verdict::Reason;
use criterion::Criterion;

#[expect(dead_code, reason = "a part of what the benches share")]
mod measure;

use measure::WallClock;

/// Name, expression, and why it rejects the bids if it does.
const EXPRESSIONS: [(&str, &str, Option<Reason>); 6] = [
    ("true", "true", None),
    (
        "price_or_deal",
        "bid.price < 20.0 || bid.dealid != \"\"",
        None,
    ),
    (
        "price_below_floor",
        "bid.price >= imp.bidfloor * 10",
        Some(Reason::ExpressionFalse),
    ),
    (
        "domains",
        "!bid.adomain.exists(d, d in [\"watches.biz\", \"slots.example\"] || d.endsWith(\".bet\"))",
        None,
    ),
    (
        "pattern",
        "!bid.adomain.exists(d, d.matches(\"(casino|poker|slots)[0-9]*[.](com|biz)$\"))",
        None,
    ),
    ("block_list", "!bid.cat.exists(c, c in request.bcat)", None),
];

const BIDS: u32 = 1000;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    let (request, response) = auction();
    let mut evaluator = Evaluator::new(Limits::default());
    for (name, expression, reason) in EXPRESSIONS {
        let gate = serde_json::json!({ "name": "own", "expression": expression });
        let policy = serde_json::json!({ "gates": [gate], "timeout_ms": 60_000 }).to_string();
        let policy = Policy::from_yaml(&policy, "bench");
        assert!(policy.is_ok(), "{policy:?}");
        let policy = policy.unwrap_or_default();
        let call = Call {
            agent_id: "bidder-eu-1",
            bid_request: request.as_bytes(),
            bid_response: response.as_bytes(),
            ..Call::default()
        };
        let mut judge = || {
            let clock = WallClock::now();
            let evaluation = evaluator.evaluate(&call, &policy, &clock);
            let outcome = evaluation.outcomes().first();
            assert_eq!(outcome.and_then(|outcome| outcome.reason), reason, "{name}");
            outcome.map_or(0, |outcome| outcome.latency_ns)
        };
        // An iteration is a bid: as many auctions as hold that many are judged, and their gates' times scaled.
        criterion.bench_function(&format!("expression/{name}"), |bencher| {
            bencher.iter_custom(|bids| {
                let auctions = bids.div_ceil(BIDS.into());
                let spent: u64 = (0..auctions).map(|_| judge()).sum();
                Duration::from_nanos(spent)
                    .mul_f64(bids as f64 / (auctions * u64::from(BIDS)) as f64)
            });
        });
    }
    criterion.final_summary();
}

/// Bids of one imp, half of them dear, all on a deal that is not offered.
fn auction() -> (String, String) {
    let blocked: Vec<_> = (1..=50).map(|id| format!("IAB25-{id}")).collect();
    let request = serde_json::json!({ "imp": [{ "id": "1", "bidfloor": 0.5 }], "bcat": blocked });
    let bid = |price: f64| {
        let domains = ["ridgeline-games.io", "shop.ridgeline-games.io"];
        serde_json::json!({ "id": "b-1", "impid": "1", "price": price, "dealid": "d-1", "adomain": domains, "cat": ["IAB9-30", "IAB9"] })
    };
    let bids: Vec<_> = (0..BIDS)
        .map(|position| bid(f64::from(position % 40) + 0.25))
        .collect();
    let response = serde_json::json!({ "seatbid": [{ "bid": bids }] });
    (request.to_string(), response.to_string())
}
