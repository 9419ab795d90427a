//! What an expression costs: a bid, by the gate's own time on a response of 1,000 bids; and an auction at worst, when
//! the steps of an auction are used up. See `benches/README.md`.

use std::time::Duration;

use bidgate::evaluate::{Call, Evaluator};
use bidgate::limits::Limits;
use bidgate::policy::Policy;
use bidgate::verdict::Reason;
use criterion::Criterion;

#[expect(dead_code, reason = "a part of what the benches share")]
mod measure;

use bidgate::server::Arrival;

/// Name, expression, and why it rejects bids if it does.
#[rustfmt::skip]
const A_BID: [(&str, &str, Option<Reason>); 6] = [
    ("true", "true", None),
    ("price_or_deal", "bid.price < 20.0 || bid.dealid != \"\"", None),
    ("price_below_floor", "bid.price >= imp.bidfloor * 10", Some(Reason::ExpressionFalse)),
    ("domains", "!bid.adomain.exists(d, d in [\"watches.biz\", \"slots.example\"] || d.endsWith(\".bet\"))", None),
    ("pattern", "!bid.adomain.exists(d, d.matches(\"(casino|poker|slots)[0-9]*[.](com|biz)$\"))", None),
    ("block_list", "!bid.cat.exists(c, c in request.bcat)", None),
];

/// Each would go on for longer on a bid of thousands of domains.
const AT_WORST: [(&str, &str); 4] = [
    ("loops", "bid.adomain.all(a, bid.adomain.all(b, a == b))"),
    ("lists", "bid.adomain.all(a, a in bid.adomain)"),
    (
        "texts",
        "bid.adomain.all(a, bid.adomain.all(b, !bid.id.contains(\"xy\")))",
    ),
    (
        "patterns",
        "bid.adomain.all(a, bid.adomain.all(b, !bid.id.matches(\"x+y\")))",
    ),
];

const BIDS: u32 = 1000;
const DOMAINS: usize = 5000;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    let bids = bids();
    for (name, expression, reason) in A_BID {
        let mut gate = Alone::new(expression);
        criterion.bench_function(&format!("expression/bid/{name}"), |bencher| {
            bencher.iter_custom(|wanted| {
                let auctions = wanted.div_ceil(BIDS.into());
                let spent_ns: u64 = (0..auctions).map(|_| gate.judge(&bids, reason)).sum();
                Duration::from_nanos(spent_ns * wanted / (auctions * u64::from(BIDS)))
            });
        });
    }
    let domains = domains();
    for (name, expression) in AT_WORST {
        let mut gate = Alone::new(expression);
        let reason = Some(Reason::ExpressionTooCostly);
        criterion.bench_function(&format!("expression/at_worst/{name}"), |bencher| {
            bencher.iter_custom(|auctions| {
                Duration::from_nanos((0..auctions).map(|_| gate.judge(&domains, reason)).sum())
            });
        });
    }
    criterion.final_summary();
}

/// A policy of one expression gate.
struct Alone {
    policy: Policy,
    evaluator: Evaluator,
}

impl Alone {
    fn new(expression: &str) -> Self {
        let gate = serde_json::json!({ "name": "own", "expression": expression });
        let policy = serde_json::json!({ "gates": [gate], "timeout_ms": 60_000 }).to_string();
        let policy = Policy::from_yaml(&policy, "bench");
        assert!(policy.is_ok(), "{policy:?}");
        Self {
            policy: policy.unwrap_or_default(),
            evaluator: Evaluator::new(Limits::default()),
        }
    }

    /// The gate's own time on an auction that it must answer with `reason`, nanoseconds.
    fn judge(&mut self, (request, response): &(String, String), reason: Option<Reason>) -> u64 {
        let call = Call {
            agent_id: "bidder-eu-1",
            bid_request: request.as_bytes(),
            bid_response: response.as_bytes(),
            ..Call::default()
        };
        let clock = Arrival::now();
        let evaluation = self.evaluator.evaluate(&call, &self.policy, &clock);
        let outcome = evaluation.outcomes().first();
        assert_eq!(outcome.and_then(|outcome| outcome.reason), reason);
        outcome.map_or(0, |outcome| outcome.latency_ns)
    }
}

/// Bids of one imp, half of them dear, all on a deal that is not offered.
fn bids() -> (String, String) {
    let blocked: Vec<_> = (1..=50).map(|id| format!("IAB25-{id}")).collect();
    let request = serde_json::json!({ "imp": [{ "id": "1", "bidfloor": 0.5 }], "bcat": blocked });
    let bid = |price: f64| {
        let domains = ["ridgeline-games.io", "shop.ridgeline-games.io"];
        let categories = ["IAB9-30", "IAB9"];
        serde_json::json!({
            "id": "b-1", "impid": "1", "price": price, "dealid": "d-1", "adomain": domains, "cat": categories,
        })
    };
    let bids: Vec<_> = (0..BIDS)
        .map(|position| bid(f64::from(position % 40) + 0.25))
        .collect();
    let response = serde_json::json!({ "seatbid": [{ "bid": bids }] });
    (request.to_string(), response.to_string())
}

/// One bid with many domains and a long id, in which no pattern is found.
fn domains() -> (String, String) {
    let domains = vec!["ridgeline-games.io"; DOMAINS];
    let bid = serde_json::json!({ "id": "x".repeat(100_000), "adomain": domains });
    let response = serde_json::json!({ "seatbid": [{ "bid": [bid] }] });
    ("{}".to_owned(), response.to_string())
}
