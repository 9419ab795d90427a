//! The README and the pages behind it: their blocks, tables and links.

use std::fs;
use std::path::{Path, PathBuf};

/// The fenced blocks of a language, in order, without their fences.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let text = text();
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
    let text = text();
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

/// All pages, one behind the other.
pub(crate) fn text() -> String {
    PAGES.map(read).join("\n")
}

pub(crate) fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// The targets of a page's links.
pub(crate) fn links(page: &str) -> Vec<String> {
    read(page)
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap().to_owned())
        .collect()
}

/// What a link within the page says for each of its headings.
pub(crate) fn anchors(page: &str) -> Vec<String> {
    read(page)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || *c == ' ');
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The README, and the pages with what it leaves out.
pub(crate) const PAGES: [&str; 19] = [
    "README.md",
    "SECURITY.md",
    "docs/README.md",
    "docs/calls.md",
    "docs/policy.md",
    "docs/running.md",
    "docs/operation.md",
    "docs/failures.md",
    "docs/security.md",
    "docs/metrics.md",
    "docs/logs.md",
    "docs/page.md",
    "docs/kubernetes.md",
    "docs/image.md",
    "docs/observability.md",
    "docs/alerts.md",
    "docs/audit.md",
    "docs/telemetry.md",
    "docs/otlp.md",
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
