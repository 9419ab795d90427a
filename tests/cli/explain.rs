//! `bidgate policy explain`.

use serde_json::Value;

use crate::said::{Pair, Said, bidgate};

const REQUEST: &str = r#"{"id":"r","imp":[{"id":"1","bidfloor":0.5}],"bcat":["IAB7"]}"#;
const RESPONSE: &str =
    r#"{"seatbid":[{"bid":[{"id":"b","impid":"1","price":90,"cat":["IAB7-1"]}]}]}"#;
const POLICY: &str = "gates: [{name: tmaxGuard}, {name: bidSanity, max_floor_multiple: 100}, {name: bcatCompliance, unknown_category: fail}, {name: impidMatch}]";

fn explain(pair: &Pair, flags: &[&str]) -> Said {
    let policy = pair.write("policy.yaml", POLICY);
    let (request, response) = (pair.request(), pair.response());
    let args = [
        "policy", "explain", &request, &response, "--policy", &policy,
    ];
    Said::of(bidgate(&[&args, flags].concat()))
}

#[test]
fn each_gate_is_explained_with_its_options_and_their_defaults() {
    let said = explain(&Pair::new(REQUEST, RESPONSE), &[]);
    assert_eq!(said.code(), 1, "{}", said.err);
    let explained = said.out.split_once("\n\n").unwrap().1;
    let expected = "\
-   tmaxGuard skipped, tmax_unknown: neither the call nor the request names a time limit.
      buffer_ms     15.0 (default)
      on_exhausted  skip (default)

x   bidSanity failed, price_above_floor_multiple: `price` is out of proportion to the floor.
      max_floor_multiple  100.0
      min_floor           0.1 (default)
      max_price           5000.0 (default)
      max_price_cur       USD (default)
      rates               {} (default)
      x bid 0/0 \"b\" for imp \"1\": price_above_floor_multiple
        `price` is out of proportion to the floor.
        seen: 90 vs 0.5
        loss reason 3 Invalid Bid Response, non-bid 300 Response Rejected - General

.   bcatCompliance aborted: bidSanity failed before it and ended the evaluation
      hierarchical       true (default)
      unknown_category   fail
      taxonomy_mismatch  allow (default)

.   impidMatch aborted: bidSanity failed before it and ended the evaluation
";
    assert_eq!(explained, expected);
    assert!(
        said.out.contains("\nfail_fast   true (default)\n"),
        "{}",
        said.out
    );
}

#[test]
fn a_gate_that_only_warns_says_so_and_a_required_option_has_no_default() {
    let pair = Pair::new(REQUEST, RESPONSE);
    let policy = "gates: [{name: responseId}, {name: cheap, expression: bid.price < 9.0}]";
    let policy = pair.write("policy.yaml", policy);
    let (request, response) = (pair.request(), pair.response());
    let said = Said::of(bidgate(&[
        "policy", "explain", &request, &response, "--policy", &policy,
    ]));
    for line in [
        "!   responseId failed (warn), response_id_missing: ",
        "      ! bid 0/0 ",
        "x   cheap failed, expression_false: ",
        "      expression  bid.price < 9.0\n",
        "      reason      expression_false (default)\n",
    ] {
        assert!(said.out.contains(line), "{line} is not in\n{}", said.out);
    }
}

#[test]
fn the_explanation_is_also_one_json_object() {
    let said = explain(&Pair::new(REQUEST, RESPONSE), &["--json"]);
    assert_eq!(said.code(), 1, "{}", said.err);
    let explained: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(explained["verdict"], "VERDICT_FAIL");
    let gate = &explained["gates"][1];
    assert_eq!(gate["gate"], "bidSanity");
    assert_eq!(gate["mode"], "enforce");
    assert_eq!(
        gate["options"][0],
        serde_json::json!({ "option": "max_floor_multiple", "value": 100.0, "default": false })
    );
    assert_eq!(gate["findings"][0]["detail"], "90 vs 0.5");
    assert_eq!(gate["findings"][0]["nonbid_status"], 300);
    assert_eq!(explained["gates"][2]["status"], "aborted");
}

#[test]
fn what_cannot_be_judged_is_shown_at_its_place() {
    let said = explain(&Pair::new(REQUEST, "{"), &[]);
    assert_eq!(said.code(), 2);
    assert!(said.out.contains("malformed_bid_response"), "{}", said.out);
    assert!(
        said.out.contains("response.json:1:2 (byte 1)"),
        "{}",
        said.out
    );
}

#[test]
fn the_explanation_in_the_documentation_is_printed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/policy.md")).unwrap();
    let mut blocks = page.split("```text\n").skip(1);
    let shown = blocks.find(|block| block.starts_with("x   bidSanity"));
    let shown = shown.unwrap().split("```").next().unwrap();
    let file = |name: &str| {
        let file = root.join("examples/auction").join(name);
        file.into_os_string().into_string().unwrap()
    };
    let said = Said::of(bidgate(&[
        "policy",
        "explain",
        &file("request.json"),
        &file("response.json"),
    ]));
    assert!(said.out.contains(shown), "{}", said.out);
}
