//! After warm-up an evaluation and its reply allocate nothing, whether the reply says what may go to the exchange or not;
//! counting and recording them never does.
#[cfg(test)]
#[expect(dead_code, reason = "answers are not compared here")]
mod fixture;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod oracle;
#[cfg(test)]
#[expect(dead_code, reason = "answers are not compared here")]
mod support;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bidgate::audit::Audit;
    use bidgate::config::Telemetry as Settings;
    use bidgate::evaluate::{Call, Evaluation, Evaluator};
    use bidgate::limits::Limits;
    use bidgate::metrics::{Metrics, Recorder, RpcMethod};
    use bidgate::policy::Policy;
    use bidgate::telemetry::{GateNames, Hears, Listener, OpenSink, Plan, Telemetry, TraceParent};
    use bidgate::wire::EvaluationIds;
    use proptest::strategy::{Strategy as _, ValueTree as _};
    use proptest::test_runner::TestRunner;

    use crate::support::{Case, Engine};
    use crate::{fixture, generate};

    #[test]
    fn no_auction_of_the_fixtures_allocates() {
        let fixtures = fixture::all().into_iter();
        let cases: Vec<_> = fixtures
            .map(|fixture| (fixture.name, fixture.case))
            .collect();
        assert_none_allocates(&cases);
    }

    #[test]
    fn no_generated_auction_allocates() {
        let (strategy, mut runner) = (generate::case(), TestRunner::deterministic());
        let mut generated = || strategy.new_tree(&mut runner).unwrap().current();
        let cases: Vec<_> = (0..300)
            .map(|number| (format!("generated {number}"), generated()))
            .collect();
        assert_none_allocates(&cases);
    }

    #[test]
    fn what_is_counted_does_not_allocate_not_even_the_first_time() {
        let (_metrics, recorders) = Metrics::new(1);
        let mut evaluator = Evaluator::new(Limits::default());
        for (number, fixture) in fixture::all().into_iter().enumerate() {
            let policy = fixture.case.compile_policy();
            let agent_id = format!("agent {number}");
            let call = Call {
                agent_id: &agent_id,
                ..fixture.case.call()
            };
            let evaluation = evaluator.evaluate(&call, &policy, &fixture.case.clock());
            let allocated = allocation_counter::measure(|| count(&recorders[0], &evaluation));
            assert_eq!(allocated.count_total, 0, "{}", fixture.name);
        }
    }

    /// All that can be counted of a call.
    fn count(recorder: &Recorder, evaluation: &Evaluation<'_>) {
        recorder.observe(evaluation);
        for method in RpcMethod::ALL {
            recorder.answered(method, evaluation.total_ns);
        }
        recorder.shed();
        recorder.too_large();
        recorder.malformed_message();
        recorder.invalid_argument();
    }

    /// With room in the ring and without.
    #[test]
    fn recording_an_evaluation_allocates_nothing() {
        let policy = Policy::default();
        let (metrics, recorders) = Metrics::new(1);
        let settings = Settings::default();
        let plan = Plan {
            settings: &settings,
            sink: OpenSink::open(&settings, &Audit::default()).unwrap(),
            writers: 1,
            metrics: &metrics,
            gate_names: &Arc::new(GateNames::new(&policy)),
            listeners: vec![Listener {
                hears: Hears::All,
                tell: Box::new(|_| {}),
            }],
        };
        let (_telemetry, mut pens) = Telemetry::start(plan).unwrap();
        let parent = TraceParent {
            trace_id: 1,
            parent_id: 2,
            flags: 1,
        };
        let mut evaluator = Evaluator::default();
        for fixture in fixture::all().iter().take(20) {
            let evaluation =
                evaluator.evaluate(&fixture.case.call(), &policy, &fixture.case.clock());
            let mut ids = EvaluationIds::new(7);
            let allocated = allocation_counter::measure(|| {
                for _ in 0..1000 {
                    let caller = recorders[0].observe(&evaluation);
                    pens[0].offer(ids.next_id(), caller, &evaluation, Some(parent));
                }
            });
            assert_eq!(allocated.count_total, 0, "{}", fixture.name);
        }
    }

    /// One that asks what may go to the exchange, and one that does not.
    fn calls(case: &Case) -> [Call<'_>; 2] {
        [false, true].map(|want_filtered_response| Call {
            want_filtered_response,
            ..case.call()
        })
    }

    /// Judges all twice with one engine: the first time warms it up.
    fn assert_none_allocates(cases: &[(String, Case)]) {
        let mut engine = Engine::new();
        let mut allocating = Vec::new();
        let compiled: Vec<_> = cases
            .iter()
            .map(|(name, case)| (name, case, case.compile_policy()))
            .collect();
        for (_, case, policy) in &compiled {
            for call in calls(case) {
                engine.run(&call, policy, case.clock());
            }
        }
        for (name, case, policy) in &compiled {
            let (calls, clock) = (calls(case), case.clock());
            let allocated = allocation_counter::measure(|| {
                for call in &calls {
                    engine.run(call, policy, clock);
                }
            });
            if allocated.count_total > 0 {
                allocating.push(format!(
                    "{name}: {} allocations, {} bytes",
                    allocated.count_total, allocated.bytes_total
                ));
            }
        }
        assert!(
            allocating.is_empty(),
            "{} auctions allocate:\n{}",
            allocating.len(),
            allocating.join("\n")
        );
    }
}
