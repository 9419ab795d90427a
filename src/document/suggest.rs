//! What was probably meant.

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
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate);
    near.or_else(|| {
        candidates
            .into_iter()
            .find(|candidate| word.len() >= TAIL_MIN && candidate.ends_with(word))
    })
}

/// Two edits are a slip of the fingers; three turn most short keys into another.
const EDITS_MAX: usize = 2;
/// Shorter words end too many candidates to hint at one.
const TAIL_MIN: usize = 4;

/// Letters to insert, delete, replace or swap with their neighbour to turn one word into the other.
fn edits(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.to_lowercase().chars().collect();
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in to.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&above, column) + usize::from(letter != wanted);
            let mut least = replaced
                .min(at(&above, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = row > 0
                && column > 0
                && from.get(row - 1) == Some(wanted)
                && to.get(column - 1) == Some(letter);
            if swapped {
                least = least.min(at(&before, column - 1) + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_inserts_deletes_replaces_or_swaps() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("gate", "gates", 1),
            ("tiemout", "timeout", 1),
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
    }
}
