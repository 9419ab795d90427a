//! The gate `schema` beyond its verdicts: what its findings point at, and where its schema comes from.
#![cfg(test)]

use std::fs;
use std::path::Path;

use bidgate::document::{Document, Problems};
use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::limits::Limits;
use bidgate::policy::Policy;
use bidgate::proto::EvaluateResponse;
use bidgate::wire::EvaluationId;
use prost::Message as _;
use serde_json::{Value, json};

mod tests {
    use super::*;

    #[test]
    fn a_detail_is_the_pointer_of_the_value() {
        let policy = policy("gates: [{ name: schema }]");
        let bid = |mut rest: Value| {
            let mut bid = json!({ "id": "b", "impid": "1", "price": 1 });
            bid.as_object_mut()
                .unwrap()
                .append(rest.as_object_mut().unwrap());
            json!({ "id": "r", "seatbid": [{ "bid": [bid] }] })
        };
        let cases = [
            (
                bid(json!({ "price": "1" })),
                "schema_type",
                "/seatbid/0/bid/0/price",
            ),
            (
                bid(json!({ "cat": ["IAB1", 2] })),
                "schema_type",
                "/seatbid/0/bid/0/cat/1",
            ),
            (
                bid(json!({ "a~b/c\u{e9}\n": {} })),
                "schema_unknown_key",
                "/seatbid/0/bid/0/a~0b~1c\u{e9}\n",
            ),
            (
                bid(json!({ "wratio": 2 })),
                "schema_required",
                "/seatbid/0/bid/0",
            ),
            (
                json!({ "seatbid": [{ "bid": [{}] }] }),
                "schema_required",
                "/seatbid/0/bid/0",
            ),
            (
                json!({ "seatbid": [{ "bid": [{ "id": "b", "impid": "1", "price": 1 }] }] }),
                "schema_required",
                "",
            ),
        ];
        for (response, reason, pointer) in cases {
            let reply = judge(&policy, &response);
            let finding = &reply.bids[0].findings[0];
            assert_eq!(
                (finding.reason.as_str(), finding.detail.as_str()),
                (reason, pointer),
                "{response}"
            );
        }
    }

    #[test]
    fn a_long_pointer_is_cut() {
        let policy = policy("gates: [{ name: schema }]");
        let key = "\u{e9}".repeat(200);
        let response = json!({ "id": "r", "seatbid": [{ "bid": [{ "id": "b", "impid": "1", "price": 1, key: 0 }] }] });
        let reply = judge(&policy, &response);
        let detail = &reply.bids[0].findings[0].detail;
        assert_eq!(*detail, format!("/seatbid/0/bid/0/{}", "\u{e9}".repeat(55)));
    }

    #[test]
    fn a_check_that_takes_too_long_rejects_every_bid() {
        let folder = tempfile::tempdir().unwrap();
        let branches: Vec<_> = (0..8)
            .map(|number| json!({ "$ref": format!("#/$defs/{number}") }))
            .collect();
        let mut definitions = json!({ "8": false });
        for level in 0..8 {
            let next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
            definitions[level.to_string()] = json!({ "anyOf": vec![next; 8] });
        }
        let schema =
            json!({ "properties": { "cur": { "anyOf": branches } }, "$defs": definitions });
        let policy = with_schema(folder.path(), &schema).unwrap();
        let response =
            json!({ "cur": "USD", "seatbid": [{ "bid": [{ "id": "a" }, { "id": "b" }] }] });
        let reply = judge(&policy, &response);
        assert_eq!(reply.bids.len(), 2);
        for bid in &reply.bids {
            let finding = &bid.findings[0];
            assert_eq!(
                (finding.reason.as_str(), finding.detail.as_str()),
                ("schema_budget", "/cur")
            );
            assert_eq!((finding.loss_reason, finding.nonbid_status), (1, 100));
        }
    }

    #[test]
    fn a_file_is_relative_to_the_policy() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("schemas")).unwrap();
        fs::write(
            folder.path().join("schemas/s.json"),
            r#"{ "required": ["nurl"] }"#,
        )
        .unwrap();
        let policy = open(
            folder.path(),
            "gates: [{ name: schema, file: schemas/s.json }]",
        )
        .unwrap();
        let reply = judge(&policy, &json!({ "seatbid": [{ "bid": [{}] }] }));
        assert_eq!(reply.gates[0].reason, "schema_required");
    }

    #[test]
    fn flaws_of_a_schema_are_problems_of_the_policy() {
        let folder = tempfile::tempdir().unwrap();
        let schema = json!({ "type": "objekt", "properties": { "cur": { "patern": "x" } } });
        let Problems(problems) = with_schema(folder.path(), &schema).unwrap_err();
        let file = folder.path().join("s.json").display().to_string();
        let told: Vec<_> = problems
            .iter()
            .map(|problem| (problem.place.as_str(), problem.path.as_str()))
            .collect();
        assert_eq!(
            told,
            [(&*file, "/properties/cur/patern"), (&*file, "/type")]
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_problem_of_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let Problems(problems) = open(
            folder.path(),
            "gates:\n  - { name: schema, file: gone.json }",
        )
        .unwrap_err();
        let [problem] = &problems[..] else {
            panic!("{problems:?}")
        };
        assert!(problem.place.ends_with("policy.yaml:2:27"), "{problem}");
        assert_eq!(problem.path, "gates[0].file");
        assert!(
            problem.message.contains("gone.json: No such file"),
            "{problem}"
        );
    }

    #[test]
    fn another_schema_is_another_policy() {
        let folder = tempfile::tempdir().unwrap();
        let [one, same, other] =
            [json!({}), json!({}), json!({ "type": "object" })].map(|schema| {
                with_schema(folder.path(), &schema)
                    .unwrap()
                    .version()
                    .to_owned()
            });
        assert_eq!(one, same);
        assert_ne!(one, other);
    }

    #[test]
    fn a_printed_policy_refuses_a_schema_that_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let policy = with_schema(folder.path(), &json!({})).unwrap();
        let printed = policy.effective().to_yaml();
        assert_eq!(
            open(folder.path(), &printed).unwrap().version(),
            policy.version()
        );
        fs::write(folder.path().join("s.json"), r#"{ "type": "object" }"#).unwrap();
        let Problems(problems) = open(folder.path(), &printed).unwrap_err();
        let [problem] = &problems[..] else {
            panic!("{problems:?}")
        };
        assert!(
            problem
                .message
                .starts_with("is not that of the schema, which is "),
            "{problem}"
        );
    }
}

fn policy(text: &str) -> Policy {
    Policy::from_yaml(text, "policy").unwrap()
}

fn with_schema(folder: &Path, schema: &Value) -> Result<Policy, Problems> {
    fs::write(folder.join("s.json"), schema.to_string()).unwrap();
    open(folder, "gates: [{ name: schema, file: s.json }]")
}

fn open(folder: &Path, text: &str) -> Result<Policy, Problems> {
    let path = folder.join("policy.yaml");
    fs::write(&path, text).unwrap();
    Document::open(&path)?.read(Policy::compile)
}

fn judge(policy: &Policy, response: &Value) -> EvaluateResponse {
    let mut evaluator = Evaluator::new(Limits::default());
    let response = response.to_string();
    let call = Call {
        agent_id: "bidder",
        tool: "",
        bid_request: b"{}",
        bid_response: response.as_bytes(),
        started_at_unix_us: None,
        elapsed_us: None,
        tmax_ms: None,
        latency_ms: None,
        correlation_id: 0,
        want_filtered_response: false,
    };
    let mut reply = Vec::new();
    evaluator
        .evaluate(&call, policy, &StillClock)
        .encode(EvaluationId(1), &mut reply);
    EvaluateResponse::decode(reply.as_slice()).unwrap()
}

/// The budget of time never ends.
#[derive(Debug)]
struct StillClock;

impl Clock for StillClock {
    fn arrived_unix_us(&self) -> u64 {
        0
    }

    fn elapsed_ns(&self) -> u64 {
        0
    }
}
