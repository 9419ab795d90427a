//! The README as a page: its blocks and tables.

use std::fs;
use std::path::{Path, PathBuf};

/// The fenced blocks of a language, in order, without their fences.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let mut blocks = Vec::new();
    for (position, part) in text.split("\n```").enumerate() {
        // Odd parts are within fences.
        if position % 2 == 1
            && let Some((found, block)) = part.split_once('\n')
            && found == language
        {
            blocks.push(block.to_owned());
        }
    }
    blocks
}

/// The rows of the table whose heading begins so, cell by cell.
pub(crate) fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = readme();
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with(heading))
        .skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<String>> = rows
        .map(|row| {
            row.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect();
    assert!(!rows.is_empty(), "no table begins {heading:?}");
    rows
}

pub(crate) fn column(heading: &str, column: usize) -> Vec<String> {
    rows(heading)
        .iter()
        .map(|row| unquoted(&row[column]))
        .collect()
}

pub(crate) fn unquoted(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

/// The words in code marks that are names: lower case and underscores.
pub(crate) fn code_words(text: &str) -> Vec<String> {
    let words = text.split('`').skip(1).step_by(2).map(str::to_owned);
    words
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

pub(crate) fn between(line: &str, mark: &str) -> String {
    line.split(mark)
        .nth(1)
        .unwrap()
        .split(']')
        .next()
        .unwrap()
        .to_owned()
}

pub(crate) fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
