//! What came of a fault.

use std::fmt::Write as _;

use serde::Serialize;

use super::scrape::Scrape;
use crate::error::Error;

/// What came of a fault. It passes unless something is not as it should be.
#[derive(Debug, Default, Serialize)]
pub(super) struct Finding {
    /// By callers.
    saw: Vec<String>,
    /// In `/metrics`.
    moved: Vec<String>,
    /// Empty is nothing.
    lost: Vec<String>,
    /// What is not as it should be.
    wrong: Vec<String>,
    /// Why the fault could not be brought about on this machine.
    skipped: Option<String>,
}

/// Whether a fault had the effects that it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    Skipped,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Skipped => "skipped",
        }
    }
}

impl Finding {
    /// Of a fault that this machine does not let happen.
    pub(super) fn skipped(why: impl Into<String>) -> Self {
        Self {
            skipped: Some(why.into()),
            ..Self::default()
        }
    }

    /// Of a fault in the midst of which the scenario itself came to an end.
    pub(super) fn broken(error: &Error) -> Self {
        Self {
            wrong: vec![error.to_string()],
            ..Self::default()
        }
    }

    pub(super) fn saw(&mut self, what: impl Into<String>) {
        self.saw.push(what.into());
    }

    /// What was not answered, or not delivered. It was never acknowledged, or that would be [`Self::expect`]ed.
    pub(super) fn lost(&mut self, what: impl Into<String>) {
        self.lost.push(what.into());
    }

    /// Notes by how much samples have grown.
    pub(super) fn moved(&mut self, before: &Scrape, after: &Scrape, samples: &[&str]) {
        for sample in samples {
            let grown = after.get(sample) - before.get(sample);
            self.moved.push(format!("{sample} {grown:+.0}"));
        }
    }

    /// Notes what moved elsewhere.
    pub(super) fn note_moved(&mut self, what: impl Into<String>) {
        self.moved.push(what.into());
    }

    /// Notes what must hold, if it does not.
    pub(super) fn expect(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.wrong.push(format!("not so: {}", what.into()));
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        match (&self.skipped, self.wrong.is_empty()) {
            (Some(_), _) => Verdict::Skipped,
            (None, true) => Verdict::Pass,
            (None, false) => Verdict::Fail,
        }
    }

    fn cells(&self, name: &str) -> [String; COLUMNS] {
        let saw = self.saw.iter().chain(&self.skipped).chain(&self.wrong);
        let lost = if self.lost.is_empty() {
            "nothing".to_owned()
        } else {
            self.lost.join("; ")
        };
        [
            name.to_owned(),
            saw.map(String::as_str).collect::<Vec<_>>().join("; "),
            self.moved.join(", "),
            lost,
            self.verdict().name().to_owned(),
        ]
    }
}

/// One row for each fault, its cells in several lines where they are long.
pub(super) fn table<'a>(findings: impl Iterator<Item = (&'a str, &'a Finding)>) -> String {
    let heads = HEADS.map(str::to_owned);
    let rows = findings.map(|(name, finding)| finding.cells(name));
    let mut text = String::new();
    for row in std::iter::once(heads).chain(rows) {
        write_row(&mut text, &row);
    }
    text
}

fn write_row(text: &mut String, cells: &[String; COLUMNS]) {
    let columns: Vec<Vec<String>> = cells
        .iter()
        .zip(WIDTHS)
        .map(|(cell, width)| wrapped(cell, width))
        .collect();
    let height = columns.iter().map(Vec::len).max().unwrap_or_default();
    for line in 0..height {
        for (column, width) in columns.iter().zip(WIDTHS) {
            let part = column.get(line).map_or("", String::as_str);
            write!(text, "{part:<width$} ").unwrap_or_default();
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
}

/// Lines of at most this width, unless a word is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

const COLUMNS: usize = 5;
const HEADS: [&str; COLUMNS] = [
    "FAULT",
    "WHAT CALLERS SAW",
    "WHAT MOVED IN /metrics",
    "LOST",
    "VERDICT",
];
const WIDTHS: [usize; COLUMNS] = [21, 58, 50, 26, 7];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fails_when_something_is_not_as_expected() {
        let mut finding = Finding::default();
        finding.expect(true, "the sun rises");
        assert_eq!(finding.verdict(), Verdict::Pass);
        finding.expect(false, "the moon is made of cheese");
        assert_eq!(finding.verdict(), Verdict::Fail);
        assert_eq!(Finding::skipped("no moon").verdict(), Verdict::Skipped);
        assert!(table([("moon", &finding)].into_iter()).contains("not so: the moon"));
    }

    #[test]
    fn long_cells_take_several_lines() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("abcdef g", 4), ["abcdef", "g"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
