//! The published schema of a policy file says what the reader says.
#![cfg(test)]

#[path = "generate/expressions.rs"]
mod expressions;
#[path = "generate/policies.rs"]
mod policies;

use std::fs;
use std::path::Path;

use bidgate::document::Document;
use bidgate::policy::Policy;
use jsonschema::Validator;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_that_of_the_reader() {
        let published = fs::read_to_string(root().join("schema/policy.json")).unwrap();
        let mut schema = serde_json::to_string_pretty(&Policy::schema()).unwrap();
        schema.push('\n');
        assert_eq!(
            published, schema,
            "bidgate policy schema > schema/policy.json"
        );
    }

    #[test]
    fn the_published_schema_is_one() {
        jsonschema::draft202012::meta::validate(&schema()).unwrap();
    }

    #[test]
    fn every_option_takes_the_same_values_by_schema_and_by_reader() {
        let validator = validator();
        let mut accepted = 0;
        let mut refused = 0;
        for document in documents() {
            let by_reader = by_reader(&document);
            assert_eq!(
                validator.is_valid(&document),
                by_reader.is_ok(),
                "{document}: {by_reader:?}"
            );
            *if by_reader.is_ok() {
                &mut accepted
            } else {
                &mut refused
            } += 1;
        }
        assert!(accepted > 50 && refused > 200, "{accepted}, {refused}");
    }

    #[test]
    fn what_only_the_reader_knows_passes_the_schema() {
        let validator = validator();
        for gate in [
            r#"{"name": "bidSanity", "rates": {"USD": 2}}"#,
            r#"{"name": "bidSanity", "rates": {"EUR": 2, "eur": 2}}"#,
            r#"{"name": "adomainVerify", "extra_placeholders": ["not a domain"]}"#,
            r#"{"name": "audienceSafety", "bundle_keywords": ["two words"]}"#,
            r#"{"name": "impidMatch"}, {"name": "impidMatch"}"#,
            r#"{"name": "schema", "file": "nowhere.json"}"#,
            r#"{"name": "schema", "sha256": "0"}"#,
            r#"{"name": "bidSanity", "expression": "true"}"#,
            r#"{"name": "cheap", "expression": "bid.price <"}"#,
        ] {
            let document = serde_json::from_str(&format!(r#"{{"gates": [{gate}]}}"#)).unwrap();
            assert!(validator.is_valid(&document), "{document}");
            assert!(by_reader(&document).is_err(), "{document}");
        }
    }

    #[test]
    fn the_default_policy_and_the_samples_fit_with_every_default_filled_in() {
        let validator = validator();
        let strict = fs::read_to_string(root().join("examples/config/strict-policy.yaml")).unwrap();
        for policy in [
            Policy::default(),
            Policy::from_yaml(&strict, "strict").unwrap(),
        ] {
            let document = serde_json::to_value(policy.effective()).unwrap();
            validator.validate(&document).unwrap();
        }
    }

    #[test]
    fn every_policy_of_the_other_tests_fits() {
        let validator = validator();
        let mut runner = TestRunner::deterministic();
        for _ in 0..256 {
            let policy = policies::policy().new_tree(&mut runner).unwrap().current();
            assert!(by_reader(&policy).is_ok(), "{policy}");
            assert!(validator.is_valid(&policy), "{policy}");
        }
    }
}

/// Each option with values of every kind, for every gate that the schema knows; and what is no policy at all.
fn documents() -> Vec<Value> {
    let mut documents = values();
    let schema = schema();
    let properties = |schema: &Value| schema["properties"].as_object().unwrap().clone();
    let keys = properties(&schema).into_iter().map(|(key, _)| key);
    for key in keys.chain(["fail_fest".to_owned()]) {
        documents.extend(values().into_iter().map(|value| json!({ &key: value })));
    }
    let kinds = schema["properties"]["gates"]["items"]["oneOf"].as_array();
    for kind in kinds.unwrap() {
        let name = &kind["properties"]["name"]["const"];
        documents.push(json!({ "gates": [{ "name": name }] }));
        let options = properties(kind).into_iter().map(|(option, _)| option);
        for option in options.chain(["unknown".to_owned()]) {
            let gate = |value| json!({ "gates": [{ "name": name, &option: value }] });
            documents.extend(values_of(&option).into_iter().map(gate));
        }
    }
    documents.push(json!({ "gates": [{}] }));
    documents.push(json!({ "gates": [{ "name": "noGate" }] }));
    documents
}

/// A name would make another gate of the option's, and what a text must be only the reader knows.
fn values_of(option: &str) -> Vec<Value> {
    if ["name", "file", "sha256", "expression"].contains(&option) {
        vec![json!(7), json!(null)]
    } else {
        values()
    }
}

fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1),
        json!(15.0),
        json!(101),
        json!(60_001),
        json!("EUR"),
        json!("fail"),
        json!("allow"),
        json!("skip"),
        json!([]),
        json!(["brand"]),
        json!([1]),
        json!({}),
        json!({ "EUR": 1.08 }),
        json!({ "EUR": 0 }),
        json!({ "EURO": 1 }),
        json!({ "content_1_0": ["IAB7"] }),
        json!({ "content_1_0": "IAB7" }),
        json!({ "content_1_0": null }),
    ]
}

/// What the reader makes of a document: JSON is YAML.
fn by_reader(document: &Value) -> Result<Policy, bidgate::document::Problems> {
    Document::parse(&document.to_string(), "t")?.read(Policy::compile)
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

fn schema() -> Value {
    serde_json::to_value(Policy::schema()).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
