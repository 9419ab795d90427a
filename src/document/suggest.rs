//! What was probably meant.
use std::cmp::Reverse;

/// The candidate closest to `word`: at most two edits away, or else one that ends with the word.
pub(crate) fn closest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str> + Clone,
) -> Option<&'c str> {
    let near = candidates
        .clone()
        .into_iter()
        .map(|candidate| (edits(word, candidate), candidate));
    let near = near.filter(|(edits, _)| *edits <= EDITS_MAX && *edits < word.chars().count());
    let near = near
        .min_by_key(|(edits, candidate)| (*edits, Reverse(shared_prefix(word, candidate))))
        .map(|(_, candidate)| candidate);
    near.or_else(|| {
        candidates
            .into_iter()
            .find(|candidate| word.len() >= TAIL_MIN && candidate.ends_with(word))
    })
}

/// Letters with which both words begin: slips are likelier behind a right beginning.
fn shared_prefix(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs.take_while(|(a, b)| a == b).count()
}

/// Two edits are a slip of the fingers; three turn most short keys into another.
const EDITS_MAX: usize = 2;
/// Shorter words end too many candidates to hint at one.
const TAIL_MIN: usize = 4;

/// Letters to insert, delete or replace to turn one word into the other, whatever their case.
fn edits(from: &str, to: &str) -> usize {
    let (from, to) = (from.to_lowercase(), to.to_lowercase());
    let mut line: Vec<usize> = (1..=to.chars().count()).collect();
    let mut edits = line.len();
    for (row, letter) in from.chars().enumerate() {
        let mut diagonal = row;
        edits = row + 1;
        for (cell, wanted) in line.iter_mut().zip(to.chars()) {
            let replaced = diagonal + usize::from(letter != wanted);
            diagonal = *cell;
            edits = replaced.min(*cell + 1).min(edits + 1);
            *cell = edits;
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_inserts_deletes_or_replaces() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("gate", "gates", 1),
            ("tiemout", "timeout", 2),
            ("bcat", "acat", 1),
            ("abc", "", 3),
        ] {
            assert_eq!(edits(from, to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["timeout_ms", "fail_fast", "gates"];
        assert_eq!(closest("timeout_msec", known), Some("timeout_ms"));
        assert_eq!(closest("Gates", known), Some("gates"));
        assert_eq!(closest("fast", known), Some("fail_fast"));
        assert_eq!(closest("rates_of_exchange", known), None);
        assert_eq!(closest("ms", known), None);
        let tables = ["content_1_0", "content_2_x"];
        assert_eq!(closest("content_2_0", tables), Some("content_2_x"));
    }
}
