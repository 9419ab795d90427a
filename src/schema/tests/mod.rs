//! Schemas mean what the crate `jsonschema` says they mean; what is beside the meaning is held one by one.

mod examples;

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::{Breach, Issue, Schema};
use examples::EXAMPLES;

fn compiled(schema: &Value) -> Schema {
    let compiled = Schema::compile(&schema.to_string());
    compiled.unwrap_or_else(|flaws| panic!("{schema}: {flaws:?}"))
}

fn issues(schema: &Value, payload: &str) -> Vec<Issue> {
    let mut issues = Vec::new();
    compiled(schema).check(payload.as_bytes(), &mut issues);
    issues
}

/// Whether the schema allows the instance, however it is written.
fn allows(schema: &Schema, instance: &Value) -> bool {
    let [plain, otherwise] = [instance.to_string(), spelled_otherwise(instance)].map(|payload| {
        let mut issues = Vec::new();
        schema.check(payload.as_bytes(), &mut issues);
        issues.is_empty()
    });
    assert_eq!(plain, otherwise, "{}", spelled_otherwise(instance));
    plain
}

/// The same value with space where it may be and an escape wherever it may be.
fn spelled_otherwise(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(spelled_otherwise).collect();
            format!(" [\n{}\t] ", items.join(" , "))
        }
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                format!("{} : {}", escaped(key), spelled_otherwise(value))
            };
            let members: Vec<_> = members.iter().map(member).collect();
            format!("\r{{ {} }}", members.join(" ,\n"))
        }
        Value::Number(number) if number.is_u64() => format!("{number}0.0E-1"),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let mut out = "\"".to_owned();
    for unit in text.encode_utf16() {
        write!(out, "\\u{unit:04x}").unwrap();
    }
    out + "\""
}

#[test]
fn every_keyword_means_what_the_oracle_says() {
    for example in EXAMPLES {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let (schema, valid, invalid) = (parse(example.0), parse(example.1), parse(example.2));
        let compiled = compiled(&schema);
        let oracle = jsonschema::draft202012::new(&schema).unwrap();
        for (instances, allowed) in [(valid, true), (invalid, false)] {
            for instance in instances.as_array().unwrap() {
                assert_eq!(
                    allows(&compiled, instance),
                    allowed,
                    "{schema} on {instance}"
                );
                assert_eq!(
                    oracle.is_valid(instance),
                    allowed,
                    "the oracle: {schema} on {instance}"
                );
            }
        }
    }
}

#[test]
fn every_keyword_has_an_example() {
    let examples: String = EXAMPLES.iter().map(|(schema, _, _)| *schema).collect();
    for (keyword, _) in super::keywords::KEYWORDS {
        assert!(
            examples.contains(&format!("\"{keyword}\":")),
            "{keyword} has no example"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_schemas_mean_what_the_oracle_says(schema in schema(), instances in prop::collection::vec(instance(), 8)) {
        let schema = json!({ "$ref": "#/$defs/root", "$defs": { "root": schema, "leaf": { "type": ["integer", "string"], "maximum": 2 } } });
        let compiled = compiled(&schema);
        let oracle = jsonschema::draft202012::new(&schema).unwrap();
        for instance in instances {
            prop_assert_eq!(allows(&compiled, &instance), oracle.is_valid(&instance), "{} on {}", schema, instance);
        }
    }
}

const KEYS: [&str; 4] = ["a", "b", "ab", "\u{e9}"];

fn instance() -> impl Strategy<Value = Value> {
    let leaf = select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(1.5),
        json!(2.0),
        json!(""),
        json!("a"),
        json!("ab"),
        json!("b\u{1f600}"),
    ]);
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((select(KEYS.to_vec()), inner), 0..4).prop_map(object),
        ]
    })
}

fn object<'k>(members: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    let members = members
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value));
    Value::Object(members.collect())
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(json!({ "$ref": "#/$defs/leaf" })),
        4 => subsequence(scalar_rules(), 0..3).prop_map(object),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        let members =
            prop::collection::vec((select(KEYS.to_vec()), inner.clone()), 0..3).prop_map(object);
        let patterns = prop::collection::vec((select(vec!["^a", "b$", "."]), inner.clone()), 0..3)
            .prop_map(object);
        let scalars = subsequence(scalar_rules(), 0..3);
        let of_lists = (select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]), list)
            .prop_map(|(key, list)| (key, json!(list)));
        let of_members = (select(vec!["properties", "dependentSchemas"]), members);
        let of_schemas = (
            select(vec![
                "not",
                "if",
                "then",
                "else",
                "items",
                "contains",
                "additionalProperties",
                "propertyNames",
            ]),
            inner,
        );
        let rule = prop_oneof![
            of_lists,
            of_members,
            of_schemas,
            patterns.prop_map(|it| ("patternProperties", it))
        ];
        (prop::collection::vec(rule, 1..4), scalars)
            .prop_map(|(rules, scalars)| object(rules.into_iter().chain(scalars)))
    })
}

fn scalar_rules() -> Vec<(&'static str, Value)> {
    vec![
        ("type", json!(["integer", "object", "array"])),
        ("type", json!("string")),
        ("type", json!(["number", "null", "boolean", "object"])),
        ("enum", json!([0, "a", [], { "a": 1 }, null])),
        ("const", json!(2)),
        ("minimum", json!(1)),
        ("maximum", json!(1.5)),
        ("exclusiveMinimum", json!(0)),
        ("multipleOf", json!(0.5)),
        ("minLength", json!(1)),
        ("maxLength", json!(1)),
        ("pattern", json!("^a")),
        ("minItems", json!(1)),
        ("maxItems", json!(2)),
        ("uniqueItems", json!(true)),
        ("minContains", json!(2)),
        ("maxContains", json!(1)),
        ("minProperties", json!(1)),
        ("maxProperties", json!(2)),
        ("required", json!(["a"])),
        ("dependentRequired", json!({ "a": ["b"], "ab": [] })),
    ]
}

#[test]
fn flaws_are_told_all_at_once_each_with_its_pointer() {
    let flaws = |schema: Value| {
        let flaws = Schema::compile(&schema.to_string()).unwrap_err();
        flaws
            .into_iter()
            .map(|flaw| format!("{}: {}", flaw.pointer, flaw.message))
            .collect::<Vec<_>>()
    };
    let told = flaws(json!({
        "properties": { "a/b": { "type": "int" }, "c": 5 },
        "unevaluatedProperties": false,
        "$defs": {
            "refs": { "allOf": [{ "$ref": "other.json" }, { "$ref": "#/$defs/nowhere" }, { "$ref": "#/properties" }] },
            "texts": { "pattern": "(?=a)", "maxLength": -1, "minLength": 1.5, "required": ["x", "x"], "$id": "y" },
            "misspelt": { "maxlength": 5, "definitions": {}, "allOf": [], "multipleOf": 0, "$anchor": "9" },
        },
        "$schema": "http://json-schema.org/draft-07/schema#",
    }));
    let expected = [
        "/$defs/misspelt/$anchor: must be a letter or `_`",
        "/$defs/misspelt/allOf: must be a list of at least one schema; found an empty list",
        "/$defs/misspelt/definitions: is not supported; write `$defs`",
        "/$defs/misspelt/maxlength: is no keyword of draft 2020-12",
        "/$defs/misspelt/multipleOf: must be above 0",
        "/$defs/refs/allOf/0/$ref: refers to \"other.json\", which is not in this file",
        "/$defs/refs/allOf/1/$ref: refers to a place where there is no schema",
        "/$defs/refs/allOf/2/$ref: refers to a place where there is no schema",
        "/$defs/texts/$id: stands below the root",
        "/$defs/texts/maxLength: must be a whole number of at least 0; found -1",
        "/$defs/texts/minLength: must be a whole number of at least 0; found 1.5",
        "/$defs/texts/pattern: looks ahead or behind",
        "/$defs/texts/required: names \"x\" twice",
        "/$schema: must be \"https://json-schema.org/draft/2020-12/schema\"",
        "/properties/a~1b/type: names \"int\"; the types are",
        "/properties/c: must be a schema: an object, true or false; found 5",
        "/unevaluatedProperties: is not supported; name all keys in one schema",
    ];
    let mut told = told;
    told.sort();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nis not {expected}");
    }
}

#[test]
fn what_is_not_json_is_a_flaw() {
    let flaws = Schema::compile("{\n  \"type\": string }").unwrap_err();
    assert!(flaws[0].message.ends_with("line 2 column 11"), "{flaws:?}");
}

#[test]
fn schemas_that_come_back_to_themselves_on_one_value_are_refused() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "$defs": { "a": { "not": { "$ref": "#/$defs/b" } }, "b": { "if": { "$ref": "#/$defs/a" } } } }),
        json!({ "dependentSchemas": { "k": { "anyOf": [{ "$ref": "#" }] } } }),
    ] {
        let flaws = Schema::compile(&schema.to_string()).unwrap_err();
        assert!(
            flaws[0].message.starts_with("comes back to itself"),
            "{flaws:?}"
        );
    }
}

#[test]
fn more_keys_than_presence_is_kept_of_are_refused() {
    let keys = |count: u32| {
        (0..count)
            .map(|number| format!("k{number}"))
            .collect::<Vec<_>>()
    };
    assert!(Schema::compile(&json!({ "required": keys(128) }).to_string()).is_ok());
    assert!(Schema::compile(&json!({ "required": keys(129) }).to_string()).is_err());
}

#[test]
fn issues_stand_in_the_order_of_the_payload_each_with_its_place() {
    let schema = json!({
        "required": ["id"],
        "properties": { "a": { "type": "string", "enum": ["x"] }, "b": { "items": { "maximum": 1 } } },
        "additionalProperties": false,
        "anyOf": [{ "required": ["z"] }],
    });
    let payload = r#"{"b":[0,7],"u":1,"a":5}"#;
    let place = |at: &str| u32::try_from(payload.find(at).unwrap()).unwrap();
    let expected = [
        (0, Breach::Required),
        (0, Breach::Combination),
        (place("7"), Breach::Range),
        (place("1,"), Breach::UnknownKey),
        (place("5"), Breach::Type),
        (place("5"), Breach::Enum),
    ];
    assert_eq!(
        issues(&schema, payload),
        expected.map(|(at, breach)| Issue { at, breach })
    );
}

#[test]
fn a_key_that_stands_twice_is_judged_twice() {
    let schema = json!({ "properties": { "a": { "type": "integer" } } });
    for payload in [r#"{"a":"x","a":1}"#, r#"{"a":1,"a":"x"}"#] {
        assert_eq!(issues(&schema, payload).len(), 1, "{payload}");
    }
}

#[test]
fn work_is_limited() {
    let each = json!({ "items": { "anyOf": (0..400).map(|number| json!({ "const": number })).collect::<Vec<_>>() } });
    let payload = format!("[{}0]", "\"x\",".repeat(5000));
    assert_eq!(
        issues(&each, &payload).last().unwrap().breach,
        Breach::Budget
    );
    let pairs = json!({ "uniqueItems": true });
    let numbers: Vec<_> = (0..5000).map(|number: u32| number.to_string()).collect();
    let payload = format!("[{}]", numbers.join(","));
    assert_eq!(
        issues(&pairs, &payload).last().unwrap().breach,
        Breach::Budget
    );
}

#[test]
fn a_response_of_a_thousand_bids_takes_an_eighth_of_the_work() {
    let schema = include_str!("../../../schema/openrtb-2.6-bid-response.json");
    let bid = json!({
        "id": "b-1", "impid": "1", "price": 1.85, "nurl": "https://win.example/n", "burl": "https://win.example/b",
        "adm": "<div>".repeat(100), "adid": "a", "adomain": ["acme-shoes.com"], "iurl": "https://cdn.example/i.png",
        "cid": "c", "crid": "cr-900", "cat": ["IAB18-3", "IAB18-4"], "cattax": 1, "attr": [1, 2, 3], "mtype": 1,
        "apis": [5, 7], "w": 300, "h": 250, "exp": 300, "language": "en", "dealid": "d", "ext": { "a": [1, 2] },
    });
    let response = json!({ "id": "r", "seatbid": [{ "seat": "s", "bid": vec![bid; 8 * 1024] }] });
    let mut issues = Vec::new();
    let schema = Schema::compile(schema).unwrap();
    schema.check(response.to_string().as_bytes(), &mut issues);
    assert_eq!(issues, []);
}

/// The stack of a test is that of a worker, in a build that uses far more of it.
#[test]
fn schemas_within_schemas_are_limited() {
    let mut schema = json!({ "items": { "$ref": "#" } });
    for _ in 0..6 {
        schema = json!({ "allOf": [schema] });
    }
    let payload = format!("{}{}", "[".repeat(64), "]".repeat(64));
    let found = issues(&schema, &payload);
    assert_eq!(found.last().unwrap().breach, Breach::Budget);
}

#[test]
fn a_scalar_is_a_payload_too() {
    assert!(issues(&json!({ "type": "string" }), " \"x\" ").is_empty());
    assert_eq!(issues(&json!({ "type": "string" }), " 5").len(), 1);
    let empty = Map::new();
    assert!(issues(&Value::Object(empty), "null").is_empty());
}
