//! Phrases that no ad consists of, however they are spelt.

use std::sync::{Arc, LazyLock};

use crate::document::Section;
use crate::gate::patterns::{Kinds, Patterns};
use crate::limits::{PHRASE_BYTES, PHRASES_TABLE_BYTES};

/// The phrases to be found.
#[derive(Debug)]
pub(super) struct Phrases {
    /// A single kind. None where no phrase is looked for.
    patterns: Option<Arc<Patterns>>,
}

impl Phrases {
    pub(super) fn compile(options: &mut Section) -> Self {
        let refusals = options.flag("refusals", true);
        let extra = extra_phrases(options);
        if extra.is_empty() {
            return Self {
                patterns: refusals.then(|| Arc::clone(&REFUSALS)),
            };
        }
        let mut phrases: Vec<&str> = built_in().filter(|_| refusals).collect();
        phrases.extend(extra.iter().map(String::as_str));
        let patterns = compile(&phrases);
        if patterns.is_none() {
            let message = "is too much to look for; remove phrases or shorten them";
            options.reject("extra_phrases", message);
        }
        Self {
            patterns: patterns.map(Arc::new),
        }
    }

    /// The byte behind the first phrase in `markup`.
    pub(super) fn find(&self, markup: &[u8]) -> Option<usize> {
        let hit = self.patterns.as_ref()?.first(markup, Kinds::of(&[true]))?;
        Some(hit.end)
    }
}

fn extra_phrases(options: &mut Section) -> Vec<String> {
    let phrases = options.strings("extra_phrases");
    for (phrase, position) in phrases.iter().zip(0..) {
        if phrase.trim_ascii().is_empty() || phrase.len() > PHRASE_BYTES {
            let message = format!("must be a phrase of 1 to {PHRASE_BYTES} bytes");
            options.reject(&format!("extra_phrases[{position}]"), &message);
        }
    }
    phrases
}

#[expect(
    clippy::expect_used,
    reason = "the phrases are constants, and compiled by every test"
)]
static REFUSALS: LazyLock<Arc<Patterns>> = LazyLock::new(|| {
    let phrases: Vec<&str> = built_in().collect();
    Arc::new(compile(&phrases).expect("the phrases are sound"))
});

/// The rows of the table below its header.
fn built_in() -> impl Iterator<Item = &'static str> {
    include_str!("../../../data/refusals.tsv").lines().skip(1)
}

/// One pattern that matches any of the phrases.
fn compile(phrases: &[&str]) -> Option<Patterns> {
    let phrases: Vec<_> = phrases.iter().map(|phrase| pattern_of(phrase)).collect();
    Patterns::compile(&[&phrases.join("|")], PHRASES_TABLE_BYTES)
}

/// The phrase as it may be spelt, on word boundaries where it begins or ends with a word.
fn pattern_of(phrase: &str) -> String {
    let phrase = phrase.trim_ascii().replace('\u{2019}', "'");
    let words = phrase.split_ascii_whitespace();
    let words: Vec<_> = words
        .map(|word| word.bytes().map(pattern_of_byte).collect::<String>())
        .collect();
    let boundary = |byte: Option<u8>| byte.filter(|&byte| is_of_word(byte)).map_or("", |_| r"\b");
    [
        boundary(phrase.bytes().next()),
        &words.join(SPACE),
        boundary(phrase.bytes().last()),
    ]
    .concat()
}

/// Bytes stand for themselves, written as numbers so that none has a meaning in a pattern.
fn pattern_of_byte(byte: u8) -> String {
    match byte {
        b'\'' => APOSTROPHE.to_owned(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!(r"\x{byte:02x}"),
    }
}

const SPACE: &str = r"[ \t\n\x0c\r]+";

/// An apostrophe, U+2019, or an entity that stands for either.
const APOSTROPHE: &str = r"(?:'|\xe2\x80\x99|&(?:#39|#x27|#8217|#x2019|apos|rsquo);)";

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::{REFUSALS, built_in};
    use crate::gate::patterns::Kinds;
    use crate::policy::Policy;

    #[test]
    fn every_built_in_phrase_is_found_and_stands_once() {
        let mut phrases: Vec<_> = built_in().collect();
        for phrase in &phrases {
            let hit = REFUSALS.first(phrase.as_bytes(), Kinds::of(&[true]));
            assert!(hit.is_some(), "{phrase}");
        }
        let count = phrases.len();
        phrases.sort_unstable();
        phrases.dedup();
        assert_eq!(phrases.len(), count);
    }

    #[test]
    fn phrases_that_are_blank_long_or_too_many_are_refused() {
        let refused = |phrases: &str| {
            let text = format!("gates: [{{name: content, extra_phrases: [{phrases}]}}]");
            Policy::from_yaml(&text, "t").unwrap_err().to_string()
        };
        let wrong = "must be a phrase of 1 to 128 bytes";
        let problems = format!(
            "t:1:41: gates[0].extra_phrases[0]: {wrong}\nt:1:46: gates[0].extra_phrases[1]: {wrong}\n"
        );
        assert_eq!(refused(&format!("' ', {}", "a".repeat(129))), problems);
        let many: Vec<_> = (0..5000)
            .map(|n| format!("phrase number {n:0100}"))
            .collect();
        assert!(refused(&many.join(",")).contains("is too much to look for"));
    }
}
