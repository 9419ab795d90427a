//! Modes, held-back evaluations and overrides, through the public doors of the engine.
#![cfg(test)]

use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::limits::{Limits, OVERRIDES_MAX};
use bidgate::metrics::{Metrics, ServerGauges};
use bidgate::policy::Policy;
use bidgate::verdict::{GateMode, Verdict};

mod tests {
    use super::*;

    #[test]
    fn mistakes_of_overrides_and_of_what_they_inherit_are_told_once_each_at_its_place() {
        let problems = Policy::from_yaml(include_str!("policy/mistakes.yaml"), "policy.yaml");
        assert_eq!(
            problems.unwrap_err().to_string(),
            include_str!("policy/mistakes.problems")
        );
    }

    #[test]
    fn a_problem_between_a_field_of_an_override_and_an_inherited_one_is_placed_at_the_field_at_fault()
     {
        let text = "\
gates: [{name: bidSanity, rates: {usd: 2}}]
overrides: [{tool: x, gates: [{name: bidSanity, rates: {usd: 3}}]}, {tool: y, gates: [{name: bidSanity, max_price: 3}]}]
";
        let problems = Policy::from_yaml(text, "t").unwrap_err().to_string();
        let places: Vec<_> = problems
            .lines()
            .map(|line| line.split(": rates are").next().unwrap())
            .collect();
        let expected = [
            "t:1:40: gates[0].rates.usd",
            "t:2:62: overrides[0].gates[0].rates.usd",
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn more_overrides_than_the_lookup_has_bits_are_refused() {
        let policy = |overrides: usize| {
            let overrides: Vec<_> = (0..overrides).map(|n| format!("{{tool: t{n}}}")).collect();
            let text = format!(
                "gates: [{{name: impidMatch}}]\noverrides: [{}]",
                overrides.join(", ")
            );
            Policy::from_yaml(&text, "t")
        };
        assert!(policy(OVERRIDES_MAX).is_ok());
        let problems = policy(OVERRIDES_MAX + 1).unwrap_err().to_string();
        assert_eq!(
            problems,
            "t:2:12: overrides: has more than 128 items; remove some\n"
        );
    }

    #[test]
    fn the_effective_policy_has_its_overrides_merged_and_reads_back_to_itself() {
        let policy = Policy::from_yaml(include_str!("policy/overrides.yaml"), "t").unwrap();
        let yaml = policy.effective().to_yaml();
        assert_eq!(yaml, include_str!("policy/overrides.effective.yaml"));
        let again = Policy::from_yaml(&yaml, "printed").unwrap();
        assert_eq!(again.effective().to_yaml(), yaml);
        assert_eq!(again.version(), policy.version());
    }

    #[test]
    fn the_overrides_of_the_readme_are_those_in_examples() {
        let sample = include_str!("../examples/config/overrides.yaml");
        assert!(include_str!("../docs/policy.md").contains(&format!("```yaml\n{sample}```")));
        let policy = Policy::from_yaml(sample, "sample").unwrap();
        let mut evaluator = Evaluator::new(Limits::default());
        let mut gates = |agent_id, tool| {
            let call = Call {
                agent_id,
                tool,
                ..rejected_call()
            };
            let evaluation = evaluator.evaluate(&call, &policy, &StillClock);
            let modes = evaluation
                .outcomes()
                .iter()
                .map(|outcome| outcome.mode.name());
            evaluation
                .gate_names()
                .iter()
                .zip(modes)
                .map(|(name, mode)| format!("{name} {mode}"))
                .collect::<Vec<_>>()
        };
        let base = ["impidMatch enforce", "bidSanity enforce"];
        let changed = [
            "impidMatch enforce",
            "bidSanity warn",
            "bcatCompliance enforce",
        ];
        assert_eq!(gates("acme-eu", "openx"), changed);
        assert_eq!(gates("acme-eu", "openx-eu"), base);
        assert_eq!(gates("acme", "openx"), base);
    }

    #[test]
    fn an_override_that_says_what_holds_anyway_makes_no_other_version_than_one_that_says_it_shorter()
     {
        let version = |over: &str| {
            let text = format!("gates: [{{name: impidMatch}}]\noverrides: [{{tool: x{over}}}]");
            Policy::from_yaml(&text, "t").unwrap().version().to_owned()
        };
        assert_eq!(
            version(""),
            version(", fail_fast: true, gates: [{name: impidMatch, mode: enforce}]")
        );
        assert_ne!(version(""), version(", fail_fast: false"));
        assert_ne!(
            version(""),
            version(", gates: [{name: impidMatch, holdback: 1}]")
        );
    }

    #[test]
    fn a_gate_holds_back_its_share_of_evaluations_on_every_worker() {
        let policy = enforced_with("holdback: 15");
        for seed in [0, 1, u64::MAX / 3] {
            let mut evaluator = Evaluator::seeded(Limits::default(), seed);
            let mut held_back = 0;
            for evaluations in 1..=2_000 {
                let evaluation = evaluator.evaluate(&rejected_call(), &policy, &StillClock);
                let outcome = evaluation.outcomes()[0];
                let expected = if outcome.mode == GateMode::Holdback {
                    Verdict::Pass
                } else {
                    Verdict::Fail
                };
                assert_eq!(evaluation.verdict, expected);
                held_back += i32::from(outcome.mode == GateMode::Holdback);
                let off_by = held_back * 100 - 15 * evaluations;
                assert!(off_by.abs() < 300, "{held_back} of {evaluations}");
            }
        }
    }

    #[test]
    fn two_evaluators_of_one_seed_hold_back_the_same_evaluations() {
        let policy = enforced_with("holdback: 50");
        let modes = |seed| {
            let mut evaluator = Evaluator::seeded(Limits::default(), seed);
            let modes = (0..64).map(|_| {
                let evaluation = evaluator.evaluate(&rejected_call(), &policy, &StillClock);
                evaluation.outcomes()[0].mode
            });
            modes.collect::<Vec<_>>()
        };
        assert_eq!(modes(7), modes(7));
        assert_ne!(modes(7), modes(u64::MAX / 2));
    }

    #[test]
    fn outcomes_are_counted_apart_by_mode_and_those_of_overrides_with_the_rest() {
        let policy = Policy::from_yaml(
            "gates: [{name: impidMatch}]\noverrides: [{tool: w, gates: [{name: impidMatch, mode: warn}]}, {tool: h, gates: [{name: impidMatch, holdback: 100}]}, {tool: b, gates: [{name: bidSanity}]}]",
            "t",
        );
        let policy = policy.unwrap();
        let (metrics, recorders) = Metrics::new(1);
        let mut evaluator = Evaluator::new(Limits::default());
        for tool in ["", "w", "w", "h", "b"] {
            let call = Call {
                tool,
                ..rejected_call()
            };
            recorders[0].observe(&evaluator.evaluate(&call, &policy, &StillClock));
        }
        let page = metrics.render(&ServerGauges::default());
        let counted: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("bidgate_gate_outcomes_total"))
            .collect();
        assert_eq!(
            counted,
            [
                r#"{gate="impidMatch",status="failed",reason="impid_missing",mode="enforce"} 2"#,
                r#"{gate="impidMatch",status="failed",reason="impid_missing",mode="warn"} 2"#,
                r#"{gate="impidMatch",status="failed",reason="impid_missing",mode="holdback"} 1"#,
                r#"{gate="bidSanity",status="aborted",reason="",mode="enforce"} 1"#,
            ]
        );
    }

    #[test]
    fn a_gate_that_warns_fails_nothing_when_time_is_up() {
        let policy = enforced_with("mode: warn");
        let mut evaluator = Evaluator::new(Limits::default());
        let evaluation = evaluator.evaluate(&rejected_call(), &policy, &LateClock);
        assert_eq!(
            (evaluation.verdict, evaluation.nbr()),
            (Verdict::Pass, None)
        );
        assert!(evaluation.outcomes()[0].passed());
    }
}

/// impidMatch alone.
fn enforced_with(option: &str) -> Policy {
    Policy::from_yaml(&format!("gates: [{{name: impidMatch, {option}}}]"), "t").unwrap()
}

/// impidMatch rejects its only bid.
fn rejected_call() -> Call<'static> {
    Call {
        agent_id: "bidder",
        bid_request: br#"{"imp":[{"id":"1"}]}"#,
        bid_response: br#"{"seatbid":[{"bid":[{}]}]}"#,
        ..Call::default()
    }
}

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

/// The budget is used up from the beginning.
#[derive(Debug)]
struct LateClock;

impl Clock for LateClock {
    fn arrived_unix_us(&self) -> u64 {
        0
    }

    fn elapsed_ns(&self) -> u64 {
        u64::MAX
    }
}
