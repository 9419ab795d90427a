//! Policies: every option, near its edges.
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::expressions;

/// A mapping as it stands below `policy:`; mostly without fail-fast, so that every gate speaks.
pub(crate) fn policy() -> impl Strategy<Value = Value> {
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
            Value::Object(policy)
        })
}

/// tmaxGuard first if at all, the others in any order, some left out.
fn gates() -> impl Strategy<Value = Value> {
    let others = vec![
        impid_match(),
        adomain_verify(),
        bid_sanity(),
        audience_safety(),
        bcat_compliance(),
    ];
    let others = prop_oneof![
        2 => others.clone().prop_shuffle().boxed(),
        1 => others.prop_flat_map(|gates| subsequence(gates, 1..=5)).boxed(),
    ];
    let of_its_own = option::weighted(0.5, expression_gate());
    (option::weighted(0.7, tmax_guard()), of_its_own, others).prop_map(
        |(guard, of_its_own, others)| guard.into_iter().chain(of_its_own).chain(others).collect(),
    )
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
            (
                "rates",
                select(vec![
                    json!({}),
                    json!({ "EUR": 1.08 }),
                    json!({ "EUR": 1.08, "GBP": 1.27, "JPY": 0.0067 }),
                ])
                .boxed(),
            ),
        ],
    )
}

fn audience_safety() -> Options {
    let unsafe_categories = vec![
        json!([]),
        json!(["IAB1", "iab08-05", "1", "1002", "SPSHQ5"]),
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
fn gate(name: &'static str, options: Vec<(&'static str, Options)>) -> Options {
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
