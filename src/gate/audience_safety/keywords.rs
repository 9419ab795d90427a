//! Words that mark an app as one for children, found in its bundle id or name as whole words, never inside one:
//! `kids` is in `com.fun.kidsGames2`, and `child` is not in `rothschild`.

use crate::document::Section;

/// Keywords, lower case.
#[derive(Debug)]
pub(super) struct Keywords {
    words: Vec<String>,
}

impl Keywords {
    pub(super) fn compile(options: &mut Section) -> Self {
        let words: Vec<String> = options
            .strings("bundle_keywords")
            .iter()
            .map(|word| word.trim().to_lowercase())
            .collect();
        for word in &words {
            if words_of(word).count() != 1 || words_of(word).next() != Some(word) {
                options.reject("bundle_keywords", &format!("{word:?} is not one word: names are split into words of letters or of digits"));
            }
        }
        Self { words }
    }

    /// True when a word of `name` is a keyword.
    pub(super) fn occur_in(&self, name: &str) -> bool {
        !self.words.is_empty()
            && words_of(name).any(|word| self.words.iter().any(|keyword| same(keyword, word)))
    }
}

fn same(lower: &str, word: &str) -> bool {
    word.chars().flat_map(char::to_lowercase).eq(lower.chars())
}

/// The words of a name: split at all that is neither letter nor digit, where digits begin or end, and at camel-case
/// humps (`fooBar`, and `FOOBar` before the last capital).
fn words_of(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let (word, behind) = rest.split_at_checked(word_len(rest))?;
        rest = behind;
        Some(word).filter(|word| !word.is_empty())
    })
}

/// Bytes of the word that `text` begins with.
fn word_len(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut before: Option<char> = None;
    while let Some((at, current)) = chars.next() {
        let after = chars.peek().map(|&(_, after)| after);
        if !current.is_alphanumeric()
            || before.is_some_and(|before| is_boundary(before, current, after))
        {
            return at;
        }
        before = Some(current);
    }
    text.len()
}

/// True when a word begins at `current`.
fn is_boundary(before: char, current: char, after: Option<char>) -> bool {
    before.is_numeric() != current.is_numeric()
        || (before.is_lowercase() && current.is_uppercase())
        || (before.is_uppercase()
            && current.is_uppercase()
            && after.is_some_and(char::is_lowercase))
}

#[cfg(test)]
mod tests {
    use super::words_of;

    #[test]
    fn names_are_split_into_words() {
        let words = |name| words_of(name).collect::<Vec<_>>();
        assert_eq!(
            words("com.fun.kidsGames2"),
            ["com", "fun", "kids", "Games", "2"]
        );
        assert_eq!(words("ABCKids"), ["ABC", "Kids"]);
        assert_eq!(words("--rothschild__"), ["rothschild"]);
        assert_eq!(words("kids4fun"), ["kids", "4", "fun"]);
        assert_eq!(words("\u{c9}t\u{e9} Kids"), ["\u{c9}t\u{e9}", "Kids"]);
        assert!(words("..").is_empty());
    }
}
