//! Every auction of `tests/auctions` is answered as it says, by the engine and by the oracle.
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use crate::fixture::{self, Fixture};
    use crate::support::Engine;

    #[test]
    fn the_engine_answers_every_auction_as_it_says() {
        let mut engine = Engine::new();
        report(
            |fixture| match engine.judge_under(&fixture.case, &fixture.case.compile_policy()) {
                Ok(observed) => fixture.differences_observed(&observed),
                Err(disagreement) => vec![disagreement.to_string()],
            },
        );
    }

    #[test]
    fn the_engine_agrees_with_the_oracle_on_every_auction() {
        let mut engine = Engine::new();
        report(|fixture| {
            engine
                .check(&fixture.case)
                .err()
                .iter()
                .map(ToString::to_string)
                .collect()
        });
    }

    #[test]
    fn the_oracle_answers_every_auction_as_it_says() {
        report(|fixture| {
            let answers = fixture.case.expected();
            let differences: Vec<_> = answers
                .iter()
                .map(|answer| fixture.differences(answer))
                .collect();
            if differences.iter().any(Vec::is_empty) {
                Vec::new()
            } else {
                differences.concat()
            }
        });
    }

    #[test]
    fn every_gate_is_described_by_at_least_fifteen_facts() {
        let fixtures = fixture::all();
        for gate in [
            "tmaxGuard",
            "impidMatch",
            "adomainVerify",
            "bidSanity",
            "audienceSafety",
            "bcatCompliance",
            "schema",
            "expression",
        ] {
            let facts = fixtures
                .iter()
                .filter(|fixture| fixture::is_gate(gate, &fixture.folder))
                .count();
            assert!(facts >= 15, "{gate} is described by {facts} facts");
        }
    }

    #[test]
    fn every_gate_there_is_is_described_by_at_least_eight_facts() {
        let fixtures = fixture::all();
        for gate in bidgate::policy::Policy::known_gates() {
            let facts = fixtures
                .iter()
                .filter(|fixture| fixture.folder == gate)
                .count();
            assert!(facts >= 8, "{gate} is described by {facts} facts");
        }
    }

    #[test]
    fn every_further_gate_is_described_by_at_least_ten_facts() {
        let fixtures = fixture::all();
        for gate in ["latency", "pii", "filesystem", "content"] {
            let facts = fixtures.iter().filter(|fixture| fixture.folder == gate);
            assert!(facts.count() >= 10, "{gate}");
        }
    }

    /// Collects what is wrong with each fixture and fails once, with all of it.
    fn report(mut differences: impl FnMut(&Fixture) -> Vec<String>) {
        let fixtures = fixture::all();
        let mut failures = Vec::new();
        for fixture in &fixtures {
            let differences = differences(fixture);
            if !differences.is_empty() {
                failures.push(format!(
                    "{}\n    {}",
                    fixture.name,
                    differences.join("\n    ")
                ));
            }
        }
        let (failed, all) = (failures.len(), fixtures.len());
        assert!(
            failures.is_empty(),
            "{failed} of {all} auctions are answered otherwise:\n{}",
            failures.join("\n")
        );
    }
}
