//! The table of failures: each names what shows it, and what it names is there.

use std::collections::BTreeSet;
use std::fs;

use bidgate::metrics::CATALOG;

use crate::page::{self, root, rows};

mod tests {
    use super::*;

    #[test]
    fn every_failure_is_shown_by_a_test_or_a_scenario_and_every_scenario_is_a_failure() {
        let (tests, scenarios) = (
            function_names("tests") + &function_names("src"),
            scenarios(),
        );
        let mut told = BTreeSet::new();
        for row in rows("| fault | what the caller sees") {
            let [fault, shown] = [0, 3].map(|column| row[column].clone());
            for name in shown.split('`').skip(1).step_by(2) {
                match name.split_once(' ') {
                    Some(("faults", scenario)) => {
                        assert!(scenarios.contains(scenario), "{fault}: no {name}");
                        told.insert(scenario.to_owned());
                    }
                    _ if name == "soak" => {}
                    _ if name.starts_with("src/") => assert!(root().join(name).is_file(), "{name}"),
                    _ => {
                        let function = format!("fn {name}(");
                        assert!(tests.contains(&function), "{fault}: no {name}");
                    }
                }
            }
            assert!(shown.contains('`'), "{fault} is shown by nothing");
            for family in row[2]
                .split('`')
                .filter(|word| word.starts_with("bidgate_"))
            {
                let known = CATALOG.iter().any(|known| known.name == family);
                assert!(known, "{fault}: no {family}");
            }
        }
        assert_eq!(told, scenarios);
    }
}

/// Of the load generator.
fn scenarios() -> BTreeSet<String> {
    let source = page::read("loadtest/src/scenario/faults/mod.rs");
    let named = source.split("Fault::new(\"").skip(1);
    let names = named.map(|rest| rest.split('"').next().unwrap().to_owned());
    names.collect()
}

/// The code of a folder, of which the names of functions are looked for.
fn function_names(folder: &str) -> String {
    let mut code = String::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code += &fs::read_to_string(path).unwrap();
            }
        }
    }
    code
}
