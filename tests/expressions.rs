//! Gates of one's own: what a policy may say of them, and what it is told when it says something else.
#[cfg(test)]
#[path = "../examples/custom_gate.rs"]
#[expect(dead_code, reason = "what its main does is called without it")]
mod custom_gate;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use bidgate::evaluate::{Call, Clock, Evaluator};
    use bidgate::gate::Row;
    use bidgate::limits::{EXPRESSION_BYTES_MAX, Limits};
    use bidgate::policy::Policy;
    use bidgate::verdict::{Reason, Verdict};
    use proptest::collection::vec;
    use proptest::prelude::{Strategy as _, prop_assert, prop_oneof};
    use proptest::sample::select;
    use proptest::test_runner::{Config, RngSeed, TestRunner};

    use crate::custom_gate;

    /// Each mistake of the file: an expression, carets, and the message.
    #[test]
    fn a_mistake_is_shown_under_its_place() {
        let mistakes = include_str!("expression/mistakes.txt").trim_end();
        for mistake in mistakes.split("\n\n") {
            let [source, carets, message] = mistake.lines().collect::<Vec<_>>()[..] else {
                panic!("{mistake}");
            };
            let expected = format!("{message}\n    {source}\n    {carets}");
            assert_eq!(
                problem_of(source),
                format!("gates[0].expression: {expected}")
            );
        }
    }

    #[test]
    fn the_place_is_that_of_the_scalar_and_the_line_that_of_the_expression() {
        for (scalar, shown, carets) in [
            (
                "'bid.prize < 1 || bid.id == ''x'''",
                "bid.prize < 1 || bid.id == 'x'",
                "^^^^^^^^^",
            ),
            (
                r#""\"\u00e9\" == bid.prize""#,
                "\"\u{e9}\" == bid.prize",
                "       ^^^^^^^^^",
            ),
        ] {
            let text = format!("gates:\n  - name: own\n    expression: {scalar}\n");
            let problems = Policy::from_yaml(&text, "policy.yaml").unwrap_err();
            let expected = format!(
                "policy.yaml:3:17: gates[0].expression: unknown field bid.prize; did you mean bid.price?\n    {shown}\n    {carets}\n"
            );
            assert_eq!(problems.to_string(), expected);
        }
        let folded = "gates:\n  - name: own\n    expression: |\n      bid.price < 1 &&\n        bid.prize < 1\n";
        let problems = Policy::from_yaml(folded, "policy.yaml").unwrap_err();
        let shown = "\n      bid.prize < 1\n      ^^^^^^^^^\n";
        assert!(problems.to_string().ends_with(shown), "{problems}");
    }

    #[test]
    fn every_mistake_of_a_policy_is_reported_at_once() {
        let text = "gates: [{ name: one, expression: '1' }, { name: two, expression: 'x', reason: late }, { expression: 'true' }]";
        let problems = Policy::from_yaml(text, "p").unwrap_err();
        let paths: Vec<_> = problems
            .0
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        let expected = [
            "gates[0].expression",
            "gates[1].expression",
            "gates[1].reason",
            "gates[2].name",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_name_is_ones_own() {
        for name in ["priceCap", "a", "a1", &"a".repeat(64)] {
            assert!(named(name).is_ok(), "{name}");
        }
        for name in [
            "PriceCap",
            "1a",
            "price_cap",
            "bidSanity",
            "tmaxGuard",
            "''",
            &"a".repeat(65),
        ] {
            let problems = named(name).unwrap_err().to_string();
            assert!(
                problems.contains("a name of a gate of one's own is"),
                "{problems}"
            );
        }
        let twice = "gates: [{ name: a, expression: 'true' }, { name: a, expression: 'true' }]";
        let problems = Policy::from_yaml(twice, "p").unwrap_err().to_string();
        assert!(
            problems.contains("stands in the list already"),
            "{problems}"
        );
    }

    fn named(name: &str) -> Result<Policy, bidgate::document::Problems> {
        Policy::from_yaml(
            &format!("gates: [{{ name: {name}, expression: 'true' }}]"),
            "p",
        )
    }

    #[test]
    fn hostile_expressions_are_refused() {
        for (source, message) in [
            (
                format!("{}true{}", "(".repeat(10_000), ")".repeat(10_000)),
                "longer than 4096 bytes",
            ),
            (
                format!("{}true{}", "(".repeat(2000), ")".repeat(2000)),
                "nested deeper than 48 levels",
            ),
            (
                format!("{}true", "!".repeat(4000)),
                "nested deeper than 48 levels",
            ),
            (
                format!("{}1 > 0", "-".repeat(4000)),
                "nested deeper than 48 levels",
            ),
            (
                format!("{}true", "true?true:".repeat(400)),
                "nested deeper than 48 levels",
            ),
            (
                format!("{}true{}", "true?".repeat(300), ":true".repeat(300)),
                "nested deeper than 48 levels",
            ),
            (
                format!("1{} > 0", "+1".repeat(1000)),
                "nested deeper than 48 levels",
            ),
            (
                format!("true{}", "==true".repeat(600)),
                "nested deeper than 48 levels",
            ),
            (
                format!("bid.id{}", ".size()".repeat(500)),
                "nested deeper than 48 levels",
            ),
            (
                format!("{}1", "[".repeat(4000)),
                "nested deeper than 48 levels",
            ),
            (format!("{}()", "size".repeat(1000)), "unknown function"),
            (
                format!("bid.id in [{}]", "\"a\",".repeat(2000)),
                "longer than 4096 bytes",
            ),
            (
                "bid.id.matches('(a{1000}){1000}')".to_owned(),
                "the pattern needs an automaton",
            ),
            (
                r"bid.id.matches('[\\w]{200}x(a|b)*a(a|b){20}')".to_owned(),
                "the pattern needs an automaton",
            ),
        ] {
            let problem = problem_of(&source);
            assert!(problem.contains(message), "{message}: {problem}");
        }
    }

    #[test]
    #[expect(
        clippy::result_large_err,
        reason = "the size of proptest's error is not ours"
    )]
    fn any_text_is_compiled_or_refused_with_carets_below_it() {
        let word = select(WORDS).prop_map(str::to_owned);
        let any = "\\PC{0,3}";
        let text = vec(prop_oneof![20 => word, 1 => any], 0..30).prop_map(|words| words.concat());
        let config = Config {
            cases: 5000,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(7),
            ..Config::default()
        };
        let compiled = Cell::new(0);
        let result = TestRunner::new(config).run(&text, |source| {
            match Policy::from_yaml(&policy(&source), "p") {
                Ok(_) => compiled.set(compiled.get() + 1),
                Err(problems) => {
                    let problems = problems.to_string();
                    let carets = problems
                        .lines()
                        .last()
                        .unwrap_or_default()
                        .trim_matches(' ');
                    prop_assert!(
                        carets.chars().all(|c| c == '^') && !carets.is_empty(),
                        "{problems}"
                    );
                }
            }
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{error}"));
        assert!(
            compiled.get() > 10,
            "only {} texts are expressions",
            compiled.get()
        );
    }

    const WORDS: &[&str] = &[
        "bid.price",
        "bid.id",
        "bid.cat",
        "request.coppa",
        "true",
        "1",
        "2.5",
        "\"a\"",
        "'",
        "\"",
        "\\",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        " ",
        " ",
        "!",
        "-",
        "+",
        "*",
        " && ",
        " || ",
        "<",
        "==",
        " in ",
        "?",
        ":",
        "has(",
        "size(",
        ".exists(e, ",
        "e",
        ".matches(",
        "r\"(\"",
        "e9",
        "&",
    ];

    #[test]
    fn long_expressions_within_the_limits_are_taken() {
        for source in [
            vec!["true"; EXPRESSION_BYTES_MAX / 8].join(" && "),
            format!("{}true{}", "(".repeat(48), ")".repeat(48)),
            format!("bid.id in [\"a\"{}]", ",\"a\"".repeat(1000)),
        ] {
            assert!(Policy::from_yaml(&policy(&source), "p").is_ok(), "{source}");
        }
    }

    #[test]
    fn an_expression_that_costs_too_much_rejects_what_is_left() {
        let domains = vec!["\"a.com\""; 2000].join(",");
        let bid = format!(r#"{{"adomain":[{domains}]}}"#);
        let response = format!(r#"{{"seatbid":[{{"bid":[{{}},{bid},{{}}]}}]}}"#);
        let source = "bid.adomain.all(a, bid.adomain.all(b, a == b))";
        assert_eq!(
            judge(source, &response),
            (Verdict::Fail, Some(Reason::ExpressionTooCostly))
        );
        let source = "bid.adomain.all(a, a in bid.adomain)";
        assert_eq!(
            judge(source, &response),
            (Verdict::Fail, Some(Reason::ExpressionTooCostly))
        );
    }

    #[test]
    fn the_policy_that_is_printed_means_the_same() {
        let text = policy("bid.price < 20.0 || bid.dealid != \"\"");
        let policy = Policy::from_yaml(&text, "p").unwrap();
        let printed = policy.effective().to_yaml();
        let again = Policy::from_yaml(&printed, "printed").unwrap();
        assert_eq!(again.version(), policy.version());
        assert!(printed.contains("reason: expression_false"), "{printed}");
        let other = Policy::from_yaml(&text.replace("20.0", "20.5"), "p").unwrap();
        assert_ne!(other.version(), policy.version());
    }

    #[test]
    fn the_page_shows_expressions_that_compile() {
        let page = include_str!("../docs/gates/expression.md");
        let yaml = page
            .split("```yaml\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        let policy = Policy::from_yaml(yaml, "docs/gates/expression.md");
        assert_eq!(policy.unwrap().gate_names().len(), 3);
    }

    #[test]
    fn a_gate_in_code_is_named_like_one_in_the_policy() {
        let text = "gates: [{ name: impidMatch }]";
        for name in ["impidMatch", "tmaxGuard", "Own", ""] {
            let row = Row::new(name, |_| panic!("nothing names it"));
            let problems = Policy::from_yaml_with(text, "p", &[row]).unwrap_err();
            assert!(
                problems
                    .to_string()
                    .contains("the program brings a gate along"),
                "{problems}"
            );
        }
    }

    #[test]
    fn the_example_of_a_gate_in_code_runs() {
        let mut said = Vec::new();
        custom_gate::judge(&mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(
            said,
            "fail\n  impidMatch passed \n  houseBlockList failed custom\n"
        );
    }

    fn policy(source: &str) -> String {
        serde_json::json!({ "gates": [{ "name": "own", "expression": source }] }).to_string()
    }

    /// The only problem of a policy with this expression, without its place.
    #[track_caller]
    fn problem_of(source: &str) -> String {
        let problems = Policy::from_yaml(&policy(source), "p").unwrap_err();
        let [problem] = &problems.0[..] else {
            panic!("{problems}");
        };
        format!("{}: {}", problem.path, problem.message)
    }

    fn judge(source: &str, response: &str) -> (Verdict, Option<Reason>) {
        let policy = Policy::from_yaml(&policy(source), "p").unwrap();
        let call = Call {
            agent_id: "a",
            bid_request: b"{}",
            bid_response: response.as_bytes(),
            ..Call::default()
        };
        let mut evaluator = Evaluator::new(Limits::default());
        let evaluation = evaluator.evaluate(&call, &policy, &Still);
        (evaluation.verdict, evaluation.outcomes()[0].reason)
    }

    struct Still;

    impl Clock for Still {
        fn arrived_unix_us(&self) -> u64 {
            0
        }

        fn elapsed_ns(&self) -> u64 {
            0
        }
    }
}
