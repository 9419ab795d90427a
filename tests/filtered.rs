//! What may go to the exchange: `tests/filtered` has whole responses and what is left of them, byte for byte; and what
//! is left of any generated auction is what one gets by removing the rejected bids from parsed JSON, and passes.
#[cfg(test)]
mod generate;
#[cfg(test)]
mod left;
#[cfg(test)]
mod oracle;
#[cfg(test)]
#[expect(dead_code, reason = "answers are not compared here")]
mod support;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::path::Path;

    use bidgate::evaluate::{Clock, Evaluator};
    use bidgate::limits::Limits;
    use bidgate::proto::{EvaluateResponse, GateStatus};
    use proptest::collection::vec;
    use proptest::prop_oneof;
    use proptest::sample::select;
    use proptest::strategy::{Strategy, ValueTree as _};
    use proptest::test_runner::TestRunner;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use crate::generate;
    use crate::generate::text::{Json, Spelling};
    use crate::left::{self, Left, judge, wanting};
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

    /// What becomes of what is left of so many auctions.
    fn check_all(cases: impl Strategy<Value = Case>, times: usize) -> Count {
        let (mut evaluator, mut runner) = (
            Evaluator::new(Limits::default()),
            TestRunner::deterministic(),
        );
        let mut count = Count::default();
        for _ in 0..times {
            let case = cases.new_tree(&mut runner).unwrap().current();
            match left::check(&mut evaluator, &case, &case.compile_policy()) {
                Left::Unchanged => count.unchanged += 1,
                Left::Cut => count.cut += 1,
                Left::Emptied => count.emptied += 1,
                Left::Unknown => {}
            }
        }
        count
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

    fn filtered(evaluator: &mut Evaluator, case: &Case) -> EvaluateResponse {
        let policy = case.compile_policy();
        judge(evaluator, &wanting(case), &policy, &case.clock())
    }
}
