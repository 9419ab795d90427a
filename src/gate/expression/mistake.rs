//! What is wrong with an expression, shown under its place.

use std::fmt;
use std::ops::Range;

/// What keeps an expression from being compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Bytes of the expression that are at fault; empty at its end.
    at: Range<u32>,
    message: Box<str>,
}

impl Mistake {
    pub(super) fn new(at: Range<usize>, message: impl Into<Box<str>>) -> Self {
        let [start, end] = [at.start, at.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        let message = message.into();
        Self {
            at: start..end,
            message,
        }
    }

    /// The message with the line of `source` that it is about, and carets under the place.
    pub(super) const fn shown_in<'m>(&'m self, source: &'m str) -> Shown<'m> {
        Shown {
            mistake: self,
            source,
        }
    }
}

/// A mistake with its expression.
#[derive(Debug)]
pub(super) struct Shown<'m> {
    mistake: &'m Mistake,
    source: &'m str,
}

/// Characters of a line that are shown before the place, and from its beginning on.
const SHOWN_AROUND: usize = 48;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [start, end] = [self.mistake.at.start, self.mistake.at.end].map(|at| at as usize);
        let (before, rest) = self.source.split_at_checked(start).unwrap_or_default();
        let before = before.rsplit('\n').next().unwrap_or_default();
        let rest = rest.lines().next().unwrap_or_default();
        let hidden = before.chars().count().saturating_sub(SHOWN_AROUND);
        let shown = before
            .chars()
            .skip(hidden)
            .chain(rest.chars().take(SHOWN_AROUND));
        let fault = rest.get(..end.saturating_sub(start)).unwrap_or(rest);
        let carets = fault.chars().take(SHOWN_AROUND).count().max(1);
        let cut = |cut: bool| if cut { "..." } else { "" };
        let (left, right) = (cut(hidden > 0), cut(rest.chars().count() > SHOWN_AROUND));
        let indent = left.len() + before.chars().skip(hidden).count();
        let line: String = shown
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        writeln!(f, "{}", self.mistake.message)?;
        writeln!(f, "    {left}{line}{right}")?;
        write!(f, "    {:indent$}{:^<carets$}", "", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, at: Range<usize>) -> String {
        let shown = Mistake::new(at, "wrong").shown_in(source).to_string();
        shown.split_once('\n').unwrap().1.replace("\n    ", "\n")
    }

    #[test]
    fn carets_stand_under_the_characters_at_fault() {
        assert_eq!(shown("a < bb", 4..6), "    a < bb\n    ^^");
        assert_eq!(
            shown("\"\u{e9}\" < bb", 7..9),
            "    \"\u{e9}\" < bb\n      ^^"
        );
        assert_eq!(shown("a <", 3..3), "    a <\n   ^");
    }

    #[test]
    fn of_several_lines_the_one_at_fault_is_shown() {
        assert_eq!(shown("a <\n\tbb ||\nc", 5..7), "     bb ||\n ^^");
    }

    #[test]
    fn of_a_long_line_only_what_stands_around_is_shown() {
        let source = format!("{}?{}", "a".repeat(100), "b".repeat(100));
        let expected = format!(
            "    ...{}?{}...\n{}^",
            "a".repeat(48),
            "b".repeat(47),
            " ".repeat(51)
        );
        assert_eq!(shown(&source, 100..101), expected);
    }
}
