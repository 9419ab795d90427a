//! Policies: every option, near its edges.
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::expressions;

/// A mapping as it stands below `policy:`; mostly without fail-fast, so that every gate speaks.
pub(crate) fn policy() -> impl Strategy<Value = Value> {
    let overrides = prop_oneof![
        5 => Just(Vec::new()),
        1 => subsequence(CALLS.to_vec(), 1..=3).prop_flat_map(|calls| {
            calls.into_iter().map(override_for).collect::<Vec<_>>()
        }),
    ];
    (rules(), overrides).prop_map(|(mut policy, overrides)| {
        if !overrides.is_empty() {
            policy.insert("overrides".to_owned(), overrides.into());
        }
        Value::Object(policy)
    })
}

/// Gates and whether to fail fast, or neither.
fn rules() -> impl Strategy<Value = Map<String, Value>> {
    let gates = prop_oneof![
        1 => Just(None),
        4 => gates().prop_map(Some),
    ];
    (
        gates,
        prop_oneof![4 => Just(json!(false)), 1 => Just(json!(true)), 1 => Just(Value::Null)],
    )
        .prop_map(|(gates, fail_fast)| {
            let mut policy = Map::new();
            policy.extend(gates.map(|gates| ("gates".to_owned(), gates)));
            policy.extend((!fail_fast.is_null()).then_some(("fail_fast".to_owned(), fail_fast)));
            policy
        })
}

/// Agents and tools of overrides: none takes all the calls of one further down, whichever are left out.
const CALLS: &[(&str, &str)] = &[
    ("bidder", "openx"),
    ("*", "openx"),
    ("*", "open*"),
    ("bid*", ""),
    ("bidder", "*"),
    ("b*", "*"),
];

fn override_for((agent_id, tool): (&'static str, &'static str)) -> Options {
    let any = |pattern| pattern == "*";
    rules()
        .prop_map(move |mut over| {
            let patterns = [("agent_id", agent_id), ("tool", tool)];
            let said = patterns.into_iter().filter(|(_, pattern)| !any(*pattern));
            over.extend(said.map(|(key, pattern)| (key.to_owned(), json!(pattern))));
            Value::Object(over)
        })
        .boxed()
}

/// tmaxGuard first if at all, the others in any order, some left out.
fn gates() -> impl Strategy<Value = Value> {
    let others = vec![
        impid_match(),
        adomain_verify(),
        bid_sanity(),
        audience_safety(),
        bcat_compliance(),
        response_schema(),
    ];
    let others = prop_oneof![
        2 => others.clone().prop_shuffle().boxed(),
        1 => others.prop_flat_map(|gates| subsequence(gates, 1..=6)).boxed(),
    ];
    let compliance = prop_oneof![
        1 => Just(Vec::new()).boxed(),
        2 => compliance().prop_shuffle().boxed(),
        1 => compliance().prop_flat_map(|gates| subsequence(gates, 1..=4)).prop_shuffle().boxed(),
    ];
    let others = (others, compliance, any::<bool>()).prop_map(|(others, compliance, first)| {
        if first {
            [compliance, others].concat()
        } else {
            [others, compliance].concat()
        }
    });
    let further = vec![latency(), pii(), filesystem(), content()];
    let further = subsequence(further, 0..=4).prop_flat_map(|gates| gates);
    let of_its_own = option::weighted(0.5, expression_gate());
    let guard = option::weighted(0.7, tmax_guard());
    (guard, of_its_own, further, others).prop_map(|(guard, of_its_own, further, others)| {
        let first = guard.into_iter().chain(of_its_own);
        first.chain(further).chain(others).collect()
    })
}

/// The gates that are not in the default policy.
fn compliance() -> Vec<Options> {
    let plain = [
        "responseId",
        "currencyAllowed",
        "attributeBlock",
        "appBlock",
        "dealMatch",
        "seatMatch",
        "creativeIdentity",
        "mediaMatch",
        "secureMarkup",
        "duplicateBid",
        "coppaLeak",
    ];
    let plain = plain.map(|name| gate(name, Vec::new()));
    let with_options = [
        gate(
            "advertiserBlock",
            vec![(
                "unknown_advertiser",
                select(vec![json!("allow"), json!("fail")]).boxed(),
            )],
        ),
        gate(
            "floorCompliance",
            vec![
                (
                    "tolerance_micros",
                    select(vec![json!(0), json!(1), json!(500_000)]).boxed(),
                ),
                ("rates", rates()),
            ],
        ),
    ];
    plain.into_iter().chain(with_options).collect()
}

type Options = BoxedStrategy<Value>;

fn tmax_guard() -> Options {
    gate(
        "tmaxGuard",
        vec![
            (
                "buffer_ms",
                select(vec![json!(0), json!(1), json!(15), json!(80)]).boxed(),
            ),
            (
                "on_exhausted",
                select(vec![json!("skip"), json!("fail")]).boxed(),
            ),
        ],
    )
}

fn impid_match() -> Options {
    gate("impidMatch", Vec::new())
}

fn adomain_verify() -> Options {
    gate(
        "adomainVerify",
        vec![
            ("require_adomain", flag()),
            (
                "extra_placeholders",
                select(vec![json!([]), json!(["brand.com", "blocked.brand"])]).boxed(),
            ),
        ],
    )
}

fn bid_sanity() -> Options {
    gate(
        "bidSanity",
        vec![
            (
                "max_floor_multiple",
                select(vec![json!(50), json!(10), json!(0.5)]).boxed(),
            ),
            (
                "min_floor",
                select(vec![json!(0), json!(0.1), json!(1)]).boxed(),
            ),
            (
                "max_price",
                select(vec![json!(5000), json!(49.99), json!(0.75)]).boxed(),
            ),
            (
                "max_price_cur",
                select(vec![json!("USD"), json!("EUR"), json!("JPY")]).boxed(),
            ),
            ("rates", rates()),
        ],
    )
}

fn rates() -> Options {
    select(vec![
        json!({}),
        json!({ "EUR": 1.08 }),
        json!({ "EUR": 1.08, "GBP": 1.27, "JPY": 0.0067 }),
    ])
    .boxed()
}

fn audience_safety() -> Options {
    let unsafe_categories = vec![
        json!([]),
        json!(["IAB1", "iab08-05", "1", "1002", "SPSHQ5"]),
        json!({ "content_2_x": ["1"] }),
        json!({ "content_1_0": ["IAB2"], "content_2_x": ["1", "v9i3On"], "content_3_x": ["150"], "ad_product_2_0": ["1361"] }),
    ];
    gate(
        "audienceSafety",
        vec![
            ("unsafe_categories", select(unsafe_categories).boxed()),
            ("strict", flag()),
            (
                "bundle_keywords",
                select(vec![
                    json!([]),
                    json!(["kids", "toddler"]),
                    json!(["abc", "4", "tv"]),
                ])
                .boxed(),
            ),
        ],
    )
}

fn bcat_compliance() -> Options {
    let allow_or_fail = || select(vec![json!("allow"), json!("fail")]).boxed();
    gate(
        "bcatCompliance",
        vec![
            ("hierarchical", flag()),
            ("unknown_category", allow_or_fail()),
            ("taxonomy_mismatch", allow_or_fail()),
        ],
    )
}

fn latency() -> Options {
    gate(
        "latency",
        vec![("max_ms", select(vec![json!(20), json!(100.0)]).boxed())],
    )
}

fn pii() -> Options {
    flags("pii", ["email", "ssn", "phone"])
}

fn filesystem() -> Options {
    flags("filesystem", ["destructive", "traversal", "sensitive"])
}

/// Phrases of one's own only without those built in: both together take long to compile.
fn content() -> Options {
    let phrases = json!(["Don't  panic", "caf\u{e9}", "100% off!"]);
    prop_oneof![
        3 => gate("content", vec![("empty_output", flag())]),
        1 => gate("content", vec![("empty_output", flag()), ("refusals", flag())]),
        1 => Just(json!({ "name": "content", "refusals": false, "extra_phrases": phrases })),
    ]
    .boxed()
}

fn flags(name: &'static str, keys: [&'static str; 3]) -> Options {
    gate(name, keys.map(|key| (key, flag())).to_vec())
}

fn response_schema() -> Options {
    gate(
        "schema",
        vec![(
            "file",
            Just(json!("tests/schemas/every-reason.json")).boxed(),
        )],
    )
}

fn expression_gate() -> Options {
    let reasons = select(vec![None, None, Some("adomain_placeholder")]);
    let gate = (expressions::expression(), reasons).prop_map(|(expression, reason)| {
        let mut gate = json!({ "name": "expression", "expression": expression });
        if let Some(reason) = reason {
            gate["reason"] = json!(reason);
        }
        gate
    });
    gate.boxed()
}

fn flag() -> Options {
    any::<bool>().prop_map(Value::from).boxed()
}

/// A gate with some of its options.
fn gate(name: &'static str, mut options: Vec<(&'static str, Options)>) -> Options {
    let modes =
        prop_oneof![4 => Just(json!("enforce")), 2 => Just(json!("warn")), 1 => Just(json!("off"))];
    let shares = prop_oneof![4 => Just(json!(0)), 1 => select(vec![json!(1), json!(50), json!(99), json!(100)])];
    options.extend([("mode", modes.boxed()), ("holdback", shares.boxed())]);
    let optional = |(key, value): (&'static str, Options)| {
        option::of(value.prop_map(move |value| (key, value))).boxed()
    };
    let options: Vec<_> = options.into_iter().map(optional).collect();
    options
        .prop_map(move |options| {
            let mut gate = Map::from_iter([("name".to_owned(), json!(name))]);
            gate.extend(
                options
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| (key.to_owned(), value)),
            );
            Value::Object(gate)
        })
        .boxed()
}
