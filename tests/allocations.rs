//! After warm-up an evaluation and its reply allocate nothing.
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

    /// Judges all twice with one engine: the first time warms it up.
    fn assert_none_allocates(cases: &[(String, Case)]) {
        let mut engine = Engine::new();
        let mut allocating = Vec::new();
        let compiled: Vec<_> = cases
            .iter()
            .map(|(name, case)| (name, case, case.compile_policy()))
            .collect();
        for (_, case, policy) in &compiled {
            engine.run(&case.call(), policy, case.clock());
        }
        for (name, case, policy) in &compiled {
            let (call, clock) = (case.call(), case.clock());
            let allocated = allocation_counter::measure(|| {
                engine.run(&call, policy, clock);
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
