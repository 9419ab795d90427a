//! Is there an ad at all, and is it one that somebody meant to show? (docs/gates/content.md)
use super::Finding;
use super::text::{cut, is_of_word, places};
use crate::oracle::auction::{Auction, Bid};

pub(crate) fn judge(
    empty_output: bool,
    phrases: &[String],
    auction: &Auction<'_>,
    bid: &Bid<'_>,
) -> Option<Finding> {
    let of = |wanted: &str| -> Vec<&str> {
        let strings = auction.strings.of_bid((bid.seatbid_index, bid.bid_index));
        strings
            .filter(|(member, _)| *member == wanted)
            .map(|(_, text)| text)
            .collect()
    };
    let blank = |texts: &[&str]| texts.iter().all(|text| text.trim_ascii().is_empty());
    // "Markup is every string at or below a bid's `adm`."
    let markup = of("adm");
    if empty_output && !markup.is_empty() && blank(&markup) && blank(&of("nurl")) {
        return Some(Finding::Fails("empty_output"));
    }
    let refuses = |text: &&str| phrases.iter().any(|phrase| holds(text, phrase));
    if markup.iter().any(refuses) {
        return Some(Finding::Fails("refusal_phrase"));
    }
    cut(auction)
}

/// The phrases of the table.
pub(crate) fn refusals() -> Vec<String> {
    let table = include_str!("../../../data/refusals.tsv");
    table.lines().skip(1).map(str::to_owned).collect()
}

/// Both made plain, does the text hold the phrase on word boundaries?
fn holds(text: &str, phrase: &str) -> bool {
    let (text, phrase) = (plain(text), plain(phrase.trim_ascii()));
    let (text, phrase) = (text.as_bytes(), phrase.as_bytes());
    places(text, phrase).into_iter().any(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let behind = text.get(at + phrase.len());
        let begins_within_a_word = is_of_word(before) && is_of_word(phrase.first());
        let ends_within_a_word = is_of_word(behind) && is_of_word(phrase.last());
        !begins_within_a_word && !ends_within_a_word
    })
}

/// "ASCII letters compare without case; a space stands for any run of white space; an apostrophe also for [..]."
fn plain(text: &str) -> String {
    let mut lower = text.to_ascii_lowercase();
    for apostrophe in [
        "\u{2019}", "&#39;", "&#x27;", "&apos;", "&rsquo;", "&#8217;", "&#x2019;",
    ] {
        lower = lower.replace(apostrophe, "'");
    }
    let mut plain = String::new();
    for character in lower.chars() {
        if !character.is_ascii_whitespace() {
            plain.push(character);
        } else if !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    plain
}
