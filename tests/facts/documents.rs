//! Of documents for people.
use std::path::Path;

use bidgate::config::Config;
use bidgate::document::{Document, Problems};
use bidgate::policy::Policy;

/// A policy that is accepted is printed as one of the same digest, which is printed alike.
pub(super) fn policy_is_printed(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match Policy::from_yaml(text, ORIGIN) {
        Ok(policy) => {
            let printed = policy.effective().to_yaml();
            let again = Policy::from_yaml(&printed, ORIGIN);
            let again = again.unwrap_or_else(|problems| panic!("{printed}\n{problems}"));
            assert_eq!(again.effective().to_yaml(), printed);
            assert_eq!(again.version(), policy.version());
        }
        Err(problems) => assert_located(text, &problems),
    }
}

/// The same of a whole configuration.
pub(super) fn configuration_is_printed(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match read(text) {
        Ok(config) => {
            let printed = config.to_yaml();
            let again = read(&printed);
            let again = again.unwrap_or_else(|problems| panic!("{printed}\n{problems}"));
            assert_eq!(again.to_yaml(), printed);
            assert_eq!(again.policy.version(), config.policy.version());
            let changed = again.changed_settings(config.effective());
            assert!(changed.is_empty(), "{changed:?}\n{printed}");
        }
        Err(problems) => assert_located(text, &problems),
    }
}

fn read(text: &str) -> Result<Config, Problems> {
    let document = Document::parse(text, ORIGIN)?;
    Config::from_document(document, Path::new("nowhere"))
}

const ORIGIN: &str = "nowhere/file.yaml";

/// Text that names no device: reading one may never end.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    (!text.contains("/dev")).then_some(text)
}

/// Each problem is at a place, says something, and speaks to no terminal; of an expression it shows the line and, below
/// it, where. A file that cannot be opened is a place of its own.
fn assert_located(text: &str, problems: &Problems) {
    assert!(!problems.0.is_empty());
    for problem in &problems.0 {
        let placed = has_line_and_column(&problem.place) || text.contains("policy_file");
        assert!(placed, "no place: {problem}");
        assert!(!problem.message.is_empty(), "{problem}");
        let shown = problem.to_string();
        let speaks = |character: char| character.is_control() && character != '\n';
        assert!(!shown.contains(speaks), "{shown:?}");
    }
}

fn has_line_and_column(place: &str) -> bool {
    let counted = |number: &str| number.parse::<u32>().is_ok_and(|number| number > 0);
    let numbers = place
        .strip_prefix(ORIGIN)
        .and_then(|place| place.strip_prefix(':')?.split_once(':'));
    numbers.is_some_and(|(line, column)| counted(line) && counted(column))
}
