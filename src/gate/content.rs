#![doc = include_str!("../../docs/gates/content.md")]

use std::sync::{Arc, LazyLock};

use super::patterns::{Kinds, Patterns};
use super::strings::{Found, excerpt, judge_strings};
use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::limits::{PHRASE_BYTES, PHRASES_TABLE_BYTES};
use crate::openrtb::{Member, Text, Texts};
use crate::verdict::{Detail, Reason};

/// The rule, compiled.
#[derive(Debug)]
pub(super) struct Content {
    empty_output: bool,
    /// None where no phrase is looked for.
    phrases: Option<Arc<Patterns>>,
}

impl Content {
    pub(super) fn compile(options: &mut Section) -> Self {
        Self {
            empty_output: options.flag("empty_output", true),
            phrases: compile_phrases(options),
        }
    }

    fn find(&self, texts: &Texts<'_>, bid: &JoinedBid<'_>) -> Option<Found> {
        if self.empty_output && is_empty(texts, bid) {
            return Some((Reason::EmptyOutput, Detail::None));
        }
        let phrases = self.phrases.as_ref()?;
        of_member(bid, Member::Markup).find_map(|text| {
            let hit = phrases.first(texts.bytes(text), Kinds::of(&[true]))?;
            Some((Reason::RefusalPhrase, excerpt(texts, text, hit.end)))
        })
    }
}

impl Gate for Content {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let texts = auction.response.texts();
        judge_strings(auction, sheet, |_| None, |bid| self.find(texts, bid))
    }

    fn reads_strings(&self) -> bool {
        true
    }
}

/// True when there is markup, all of it is blank, and no notice URL will bring other.
fn is_empty(texts: &Texts<'_>, bid: &JoinedBid<'_>) -> bool {
    let is_blank = |text| texts.bytes(text).trim_ascii().is_empty();
    of_member(bid, Member::Markup).next().is_some()
        && of_member(bid, Member::Markup).all(is_blank)
        && of_member(bid, Member::NoticeUrl).all(is_blank)
}

fn of_member(bid: &JoinedBid<'_>, member: Member) -> impl Iterator<Item = Text> {
    let strings = bid.strings().iter();
    strings
        .filter(move |string| string.member == member)
        .map(|string| string.text)
}

fn compile_phrases(options: &mut Section) -> Option<Arc<Patterns>> {
    let refusals = options.flag("refusals", true);
    let extra = options.strings("extra_phrases");
    for (phrase, position) in extra.iter().zip(0..) {
        if phrase.trim_ascii().is_empty() || phrase.len() > PHRASE_BYTES {
            let message = format!("must be a phrase of 1 to {PHRASE_BYTES} bytes");
            options.reject(&format!("extra_phrases[{position}]"), &message);
        }
    }
    if extra.is_empty() {
        return refusals.then(|| Arc::clone(&REFUSALS));
    }
    let mut phrases: Vec<&str> = refusal_phrases().filter(|_| refusals).collect();
    phrases.extend(extra.iter().map(String::as_str));
    let phrases = compile(&phrases);
    if phrases.is_none() {
        options.reject(
            "extra_phrases",
            "is too much to look for; remove phrases or shorten them",
        );
    }
    phrases.map(Arc::new)
}

#[expect(
    clippy::expect_used,
    reason = "the phrases are constants, and compiled by every test"
)]
static REFUSALS: LazyLock<Arc<Patterns>> = LazyLock::new(|| {
    let phrases: Vec<&str> = refusal_phrases().collect();
    Arc::new(compile(&phrases).expect("the phrases are sound"))
});

/// The rows of the table below its header.
fn refusal_phrases() -> impl Iterator<Item = &'static str> {
    include_str!("../../data/refusals.tsv").lines().skip(1)
}

/// One pattern that matches any of the phrases.
fn compile(phrases: &[&str]) -> Option<Patterns> {
    let phrases: Vec<_> = phrases.iter().map(|phrase| pattern_of(phrase)).collect();
    Patterns::compile(&[&phrases.join("|")], PHRASES_TABLE_BYTES)
}

/// The phrase as it may be spelt, on word boundaries where it begins or ends with a word.
fn pattern_of(phrase: &str) -> String {
    let words: Vec<_> = phrase
        .split_ascii_whitespace()
        .map(|word| word.bytes().map(pattern_of_byte).collect::<String>())
        .collect();
    let boundary = |byte: Option<u8>| {
        if byte.is_some_and(is_of_word) {
            r"\b"
        } else {
            ""
        }
    };
    let (first, last) = (
        phrase.trim_ascii().bytes().next(),
        phrase.trim_ascii().bytes().last(),
    );
    [
        boundary(first),
        &words.join(r"[ \t\n\x0c\r]+"),
        boundary(last),
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

/// An apostrophe, U+2019, or an entity that stands for either.
const APOSTROPHE: &str = r"(?:'|\xe2\x80\x99|&(?:#39|#x27|#8217|#x2019|apos|rsquo);)";

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
