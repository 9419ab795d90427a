//! What each gate adds to an evaluation by the default policy, on `typical` auctions. See `benches/README.md`.

#[expect(dead_code, reason = "a part of what the benches share")]
mod measure;

use bidgate::policy::Policy;
use bidgate::proto::EvaluateResponse;
use measure::{AUCTIONS, Judge, Ratio, SEED, SteadyClock, mean_bytes};
use prost::Message as _;
use traffic::{Pair, Shape};

/// Gates of the default policy, which the others are added to.
const USUAL: &str = "{name: tmaxGuard}, {name: impidMatch}, {name: adomainVerify}, {name: bidSanity}, \
    {name: audienceSafety}, {name: bcatCompliance}";
/// A gate of the policy's own, beside those that are built in.
const EXPRESSION: &str =
    "{name: priceOrDeal, expression: 'bid.price < 20.0 || bid.dealid != \"\"'}";

fn main() {
    let pairs = traffic::pairs(Shape::Typical, SEED, AUCTIONS);
    let further =
        Policy::known_gates().filter(|gate| !USUAL.contains(&format!("{{name: {gate}}}")));
    let further = further.map(|gate| (gate, format!("{{name: {gate}, mode: enforce}}")));
    let gates: Vec<_> = further
        .chain([("expression", EXPRESSION.to_owned())])
        .collect();
    if !measure::is_for_real() {
        return gates
            .iter()
            .for_each(|(_, gate)| assert_is_run(gate, &pairs));
    }
    let mut line = serde_json::Map::new();
    for (name, gate) in &gates {
        assert_is_run(gate, &pairs);
        let ratio = beside_the_usual(gate, &pairs);
        ratio.report(name, mean_bytes(&pairs));
        line.insert((*name).to_owned(), measure::rounded(ratio.median));
    }
    measure::print(&serde_json::Value::Object(line).to_string());
}

fn policy(gate: &str) -> String {
    format!("{{fail_fast: false, gates: [{USUAL}, {gate}]}}")
}

fn assert_is_run(gate: &str, pairs: &[Pair]) {
    let mut judge = Judge::by(&policy(gate));
    for pair in pairs {
        let reply =
            EvaluateResponse::decode(judge.reply(&measure::call(pair), &SteadyClock::default()));
        assert_eq!(reply.map(|reply| reply.gates.len()), Ok(7), "{gate}");
    }
}

/// The default policy with a gate more ÷ the default policy.
fn beside_the_usual(gate: &str, pairs: &[Pair]) -> Ratio {
    let mut with = Judge::by(&policy(gate));
    let mut without = Judge::new();
    Ratio::measure(
        2,
        measure::by_turns(pairs, |pair| with.judge(pair)),
        measure::by_turns(pairs, |pair| without.judge(pair)),
    )
}
