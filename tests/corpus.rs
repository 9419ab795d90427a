//! What fuzzing has found interesting is held to the facts again, and so is every auction of `tests/auctions`.
#[cfg(test)]
mod facts;
#[cfg(test)]
#[expect(dead_code, reason = "the runner of auctions reads more of it")]
mod fixture;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod left;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::{Path, PathBuf};

    use crate::{facts, fixture};

    #[test]
    fn every_fact_has_a_target_and_a_corpus() {
        let facts: BTreeSet<_> = facts::FACTS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let targets = names("fuzz_targets").map(|name| name.trim_end_matches(".rs").to_owned());
        assert_eq!(targets.collect::<BTreeSet<_>>(), facts);
        assert_eq!(names("corpus").collect::<BTreeSet<_>>(), facts);
        let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
        for fact in facts {
            assert!(manifest.contains(&format!("name = \"{fact}\"")), "{fact}");
        }
    }

    #[test]
    fn what_is_kept_in_the_corpus_is_as_the_facts_say() {
        for (fact, hold) in facts::FACTS {
            let folder = Path::new("corpus").join(fact);
            let files: Vec<_> = names(&folder).collect();
            assert!(files.len() >= 10, "only {} files for {fact}", files.len());
            for file in files {
                let bytes = fs::read(fuzz(folder.join(&file))).unwrap();
                let held = catch_unwind(AssertUnwindSafe(|| hold(&bytes)));
                assert!(held.is_ok(), "{fact} does not hold of {file}");
            }
        }
    }

    #[test]
    fn every_auction_is_judged_as_by_the_oracle_under_another_policy() {
        for (number, fixture) in fixture::all().iter().enumerate() {
            let case = &fixture.case;
            let judged = catch_unwind(|| facts::judged(number, &case.request, &case.response));
            assert!(judged.is_ok(), "{}", fixture.name);
        }
    }

    #[test]
    fn every_payload_is_json_or_refused() {
        for fixture in fixture::all() {
            facts::hold("a_payload_is_json_or_refused", &fixture.case.request);
            facts::hold("a_payload_is_json_or_refused", &fixture.case.response);
        }
    }

    fn names(folder: impl AsRef<Path>) -> impl Iterator<Item = String> {
        let entries = fs::read_dir(fuzz(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap())
    }

    fn fuzz(path: impl AsRef<Path>) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz")
            .join(path)
    }
}
