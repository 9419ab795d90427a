//! What may go to the exchange: `tests/filtered` has whole responses and what is left of them, byte for byte; and what
//! is left of any generated auction is what one gets by removing the rejected bids from parsed JSON, and passes.
#[cfg(test)]
mod generate;
#[cfg(test)]
mod oracle;
#[cfg(test)]
#[expect(dead_code, reason = "answers are not compared here")]
mod support;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use bidgate::evaluate::{Call, Clock, Evaluator};
    use bidgate::limits::Limits;
    use bidgate::policy::Policy;
    use bidgate::proto::{EvaluateResponse, GateStatus, Verdict};
    use bidgate::wire::EvaluationId;
    use proptest::collection::vec;
    use proptest::prop_oneof;
    use proptest::sample::select;
    use proptest::strategy::{Strategy, ValueTree as _};
    use proptest::test_runner::TestRunner;
    use prost::Message as _;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use crate::generate;
    use crate::generate::text::{Json, Spelling};
    use crate::support::Case;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fact {
        fact: String,
        #[serde(default = "one_imp")]
        request: String,
        /// Without them `impidMatch` alone: bids for imp 1 may go, all others are rejected.
        #[serde(default = "impid_match")]
        gates: Value,
        elapsed_us: Option<u64>,
        response: String,
        filtered: String,
    }

    fn one_imp() -> String {
        r#"{"id":"r","imp":[{"id":"1"}]}"#.to_owned()
    }

    fn impid_match() -> Value {
        json!([{ "name": "impidMatch" }])
    }

    #[test]
    fn what_is_left_is_what_the_facts_say() {
        let mut evaluator = Evaluator::new(Limits::default());
        let mut facts = 0;
        for file in
            fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filtered")).unwrap()
        {
            let path = file.unwrap().path();
            let fact: Fact = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let policy = json!({ "gates": fact.gates });
            let mut case = Case::new(fact.request, fact.response, policy);
            case.timing.elapsed_us = fact.elapsed_us;
            // Nothing is left of the auction before, whatever is read of this one.
            filtered(&mut evaluator, &another_auction());
            let reply = filtered(&mut evaluator, &case);
            let left = String::from_utf8(reply.filtered_response.clone()).unwrap();
            assert_eq!(left, fact.filtered, "{}: {}", path.display(), fact.fact);
            facts += 1;
        }
        assert!(facts >= 30, "only {facts} facts");
    }

    fn another_auction() -> Case {
        let response = r#"{"seatbid":[{"bid":[{"impid":"1"},{"impid":"9"}]}]}"#;
        Case::new(one_imp(), response, json!({ "gates": impid_match() }))
    }

    #[test]
    fn what_is_left_of_generated_auctions_passes() {
        let count = check_all(generate::case().prop_map(lenient), 2500);
        assert!(count.cut > 10 && count.emptied > 100, "{count:?}");
    }

    /// With few gates, so that some bids pass; and none that is held back for one evaluation and not for the next.
    fn lenient(mut case: Case) -> Case {
        let policy = case.policy.as_object_mut().unwrap();
        policy.remove("overrides");
        if let Some(Value::Array(gates)) = policy.get_mut("gates") {
            gates.truncate(4);
            for gate in gates {
                gate.as_object_mut().unwrap().remove("holdback");
            }
        }
        case
    }

    #[test]
    fn what_is_left_of_any_mixture_of_bids_passes() {
        let count = check_all(mixture(), 1500);
        assert!(count.cut > 300 && count.emptied > 100, "{count:?}");
    }

    /// Seatbids of bids that may go, bids that may not, and what is no bid, with white space in all places.
    fn mixture() -> impl Strategy<Value = Case> {
        let bids = [
            r#"{"impid":"1"}"#,
            r#"{"id":"1","impid":"9"}"#,
            r#"{"im\u0070id":"1","adm":"]},{\"[\\"}"#,
            r#"{"adm":"}],\u005d\"","ext":{"bid":[{}]}}"#,
            "{}",
            "null",
            r#"[{"impid":"9"}]"#,
        ];
        let bids = vec(select(bids.to_vec()).prop_map(Json::raw), 0..6);
        let seatbid = bids.prop_map(|bids| {
            Json::Object(vec![
                ("seat".to_owned(), Spelling::Plain, Json::text("s")),
                ("bid".to_owned(), Spelling::FirstEscaped, Json::Array(bids)),
            ])
        });
        let other = select(vec!["{}", "null", r#"{"bid":null}"#, "1"]).prop_map(Json::raw);
        let seatbids = vec(prop_oneof![4 => seatbid, 1 => other], 0..5);
        (seatbids, select(vec!["", " ", "\r\n\t"])).prop_map(|(seatbids, blank)| {
            let response = Json::Object(vec![
                ("cur".to_owned(), Spelling::Plain, Json::text("USD")),
                (
                    "seatbid".to_owned(),
                    Spelling::AllEscaped,
                    Json::Array(seatbids),
                ),
            ]);
            Case::new(
                one_imp(),
                response.render(blank),
                json!({ "gates": impid_match() }),
            )
        })
    }

    /// What became of the responses that were checked.
    #[derive(Debug, Default)]
    struct Count {
        unchanged: usize,
        cut: usize,
        emptied: usize,
    }

    /// Compares what is left of generated auctions with what naive removal leaves, and judges it again.
    fn check_all(cases: impl Strategy<Value = Case>, times: usize) -> Count {
        let (mut evaluator, mut runner) = (
            Evaluator::new(Limits::default()),
            TestRunner::deterministic(),
        );
        let mut count = Count::default();
        for _ in 0..times {
            let case = cases.new_tree(&mut runner).unwrap().current();
            let reply = filtered(&mut evaluator, &case);
            count_left(&case, &reply, &mut count);
            assert_passes(&mut evaluator, &case, &reply);
        }
        count
    }

    fn count_left(case: &Case, reply: &EvaluateResponse, count: &mut Count) {
        let left = &reply.filtered_response[..];
        match (reply.verdict(), naive(&case.response, reply)) {
            (Verdict::Pass | Verdict::NoBid, _) => {
                assert_eq!(left, case.response, "{case:?}");
                count.unchanged += 1;
            }
            (Verdict::Fail, Some(expected)) if any_may_go(reply, &expected) => {
                let parsed: Value = serde_json::from_slice(left).unwrap();
                assert_eq!(parsed, expected, "{case:?}");
                assert!(is_subsequence(left, &case.response), "{case:?}");
                count.cut += 1;
            }
            // Too large a number for this parser.
            (Verdict::Fail, None) => {}
            _ => {
                assert!(is_no_bid(left), "{case:?}\n{}", left.escape_ascii());
                count.emptied += 1;
            }
        }
    }

    /// Judges what is left. How late it is by then is no matter, and a request that cannot be read stays that way.
    fn assert_passes(evaluator: &mut Evaluator, case: &Case, first: &EvaluateResponse) {
        let left = first.filtered_response.clone();
        if first
            .error
            .as_ref()
            .is_some_and(|error| error.payload == "bid_request")
        {
            return assert!(left.is_empty());
        }
        let mut again = case.clone();
        again.response.clone_from(&left);
        again.timing.elapsed_us = None;
        again.timing.started_at_unix_us = None;
        let second = filtered(evaluator, &again);
        let passed = matches!(second.verdict(), Verdict::Pass | Verdict::NoBid);
        assert!(passed, "{again:?}\n{second:#?}");
        assert_eq!(second.filtered_response, left, "{again:?}");
    }

    #[test]
    fn asking_changes_nothing_else_but_that_every_gate_has_its_word() {
        let (cases, mut runner) = (generate::case(), TestRunner::deterministic());
        for _ in 0..1000 {
            // Two new evaluators hold the same gates back.
            let [mut evaluator, mut other] = [(); 2].map(|()| Evaluator::new(Limits::default()));
            let mut case = cases.new_tree(&mut runner).unwrap().current();
            let asked = filtered(&mut other, &case);
            case.policy["fail_fast"] = json!(false);
            if let Some(Value::Array(overrides)) = case.policy.get_mut("overrides") {
                for rules in overrides {
                    rules["fail_fast"] = json!(false);
                }
            }
            let policy = case.compile_policy();
            let unasked = judge(&mut evaluator, &case.call(), &policy, &case.clock());
            assert!(unasked.filtered_response.is_empty());
            let expected = EvaluateResponse {
                policy_version: asked.policy_version.clone(),
                filtered_response: asked.filtered_response.clone(),
                ..unasked
            };
            assert_eq!(asked, expected, "{case:?}");
        }
    }

    #[test]
    fn the_primary_reason_is_the_first_failing_finding() {
        let (cases, mut runner) = (generate::case(), TestRunner::deterministic());
        let mut evaluator = Evaluator::new(Limits::default());
        let mut several = 0;
        for _ in 0..1000 {
            let case = cases.new_tree(&mut runner).unwrap().current();
            for bid in filtered(&mut evaluator, &case).bids {
                let first = bid.findings.iter().find(|finding| !finding.note).cloned();
                let first = first.unwrap_or_default();
                assert_eq!(
                    bid.primary_reason.is_empty(),
                    bid.passed || first.reason.is_empty()
                );
                if !bid.passed {
                    assert_eq!(bid.primary_reason, first.reason);
                }
                assert_eq!(
                    (
                        bid.loss_reason,
                        bid.nonbid_status,
                        &bid.loss_reason_name,
                        &bid.nonbid_status_name
                    ),
                    (
                        first.loss_reason,
                        first.nonbid_status,
                        &first.loss_reason_name,
                        &first.nonbid_status_name
                    )
                );
                assert_eq!(bid.loss_reason == 0, bid.loss_reason_name.is_empty());
                several +=
                    usize::from(bid.findings.iter().filter(|finding| !finding.note).count() > 1);
            }
        }
        assert!(several > 20, "only {several} bids have several reasons");
    }

    #[test]
    fn bids_that_a_gate_had_no_time_for_may_not_go() {
        let case = Case::new(
            one_imp(),
            r#"{"seatbid":[{"bid":[{"impid":"1"},{"impid":"9"}]}]}"#,
            json!({ "timeout_ms": 1, "gates": [{ "name": "impidMatch" }, { "name": "bcatCompliance" }] }),
        );
        let mut evaluator = Evaluator::new(Limits::default());
        let slow = Slow(Cell::new(0));
        let reply = judge(
            &mut evaluator,
            &wanting(&case),
            &case.compile_policy(),
            &slow,
        );
        assert_eq!(reply.gates[0].status(), GateStatus::Failed);
        assert_eq!(reply.gates[1].status(), GateStatus::TimedOut);
        assert_eq!(reply.filtered_response, br#"{"id":"r","nbr":1}"#.as_slice());
    }

    /// A clock that is 0.6 ms further at every look.
    struct Slow(Cell<u64>);

    impl Clock for Slow {
        fn arrived_unix_us(&self) -> u64 {
            0
        }

        fn elapsed_ns(&self) -> u64 {
            self.0.replace(self.0.get() + 600_000)
        }
    }

    fn wanting(case: &Case) -> Call<'_> {
        Call {
            want_filtered_response: true,
            ..case.call()
        }
    }

    fn filtered(evaluator: &mut Evaluator, case: &Case) -> EvaluateResponse {
        let policy = case.compile_policy();
        judge(evaluator, &wanting(case), &policy, &case.clock())
    }

    fn judge(
        evaluator: &mut Evaluator,
        call: &Call<'_>,
        policy: &Policy,
        clock: &impl Clock,
    ) -> EvaluateResponse {
        let mut reply = Vec::new();
        evaluator
            .evaluate(call, policy, clock)
            .encode(EvaluationId(1), &mut reply);
        EvaluateResponse::decode(reply.as_slice()).unwrap()
    }

    /// The response without its rejected bids, by way of a tree. None where this parser is at its limits.
    fn naive(response: &[u8], reply: &EvaluateResponse) -> Option<Value> {
        let mut root: Value = serde_json::from_slice(response).ok()?;
        let rejected: BTreeSet<_> = reply
            .bids
            .iter()
            .filter(|bid| !bid.passed)
            .map(|bid| (bid.seatbid_index as usize, bid.bid_index as usize))
            .collect();
        let seatbids = root.get_mut("seatbid")?.as_array_mut()?;
        let mut left = Vec::new();
        for (seatbid_index, mut seatbid) in std::mem::take(seatbids).into_iter().enumerate() {
            if seatbid.is_object() {
                let Some(bids) = seatbid.get_mut("bid").and_then(Value::as_array_mut) else {
                    continue;
                };
                let mut bid_index = 0..;
                bids.retain(|_| !rejected.contains(&(seatbid_index, bid_index.next().unwrap())));
                if !bids.iter().any(Value::is_object) {
                    continue;
                }
            }
            left.push(seatbid);
        }
        *seatbids = left;
        Some(root)
    }

    /// Whether every gate judged the bids, and left one.
    fn any_may_go(reply: &EvaluateResponse, left: &Value) -> bool {
        let judged = reply
            .gates
            .iter()
            .all(|gate| gate.status() != GateStatus::Aborted);
        let mut seatbids = left["seatbid"].as_array().into_iter().flatten();
        judged && seatbids.any(Value::is_object)
    }

    /// Empty, or an object of `nbr` with or without an `id` before it.
    fn is_no_bid(left: &[u8]) -> bool {
        if left.is_empty() {
            return true;
        }
        let Ok(Value::Object(mut members)) = serde_json::from_slice(left) else {
            return false;
        };
        let nbr = members.remove("nbr").and_then(|nbr| nbr.as_u64());
        let id = members.remove("id");
        nbr.is_some_and(|nbr| nbr > 0) && id.is_none_or(|id| id.is_string()) && members.is_empty()
    }

    fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
        let mut whole = whole.iter();
        part.iter().all(|byte| whole.any(|other| other == byte))
    }
}
