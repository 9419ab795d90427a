//! Colour for those who can see it, and nothing that a payload could do to a terminal.

use std::io::IsTerminal;

/// What a piece of text means to the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    Caution,
    Quiet,
    Heading,
}

/// Whether tones are shown as colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    colour: bool,
}

impl Palette {
    /// No colours: pipes, files, `NO_COLOR`.
    pub(super) const PLAIN: Self = Self { colour: false };

    /// Colours only on a terminal whose owner has not set `NO_COLOR`.
    pub(super) fn of(output: &impl IsTerminal) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if output.is_terminal() && !unwanted {
            Self { colour: true }
        } else {
            Self::PLAIN
        }
    }

    /// `text` in `tone`.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        match (self.colour, ansi(tone)) {
            (true, Some(code)) => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

/// Parameters of the escape sequence "select graphic rendition".
const fn ansi(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Good => Some("32"),
        Tone::Bad => Some("1;31"),
        Tone::Caution => Some("33"),
        Tone::Quiet => Some("2"),
        Tone::Heading => Some("1"),
    }
}

/// `text` in printable ASCII of at most `columns` characters. Whatever is not is escaped: it came with a payload, and
/// may move the cursor, reverse the line or take two columns.
pub(super) fn printable(text: &str, columns: usize) -> String {
    let escaped: String = text.chars().flat_map(escape).collect();
    match escaped.get(..columns) {
        Some(start) if start.len() < escaped.len() => {
            format!("{}..", start.get(..columns - 2).unwrap_or_default())
        }
        _ => escaped,
    }
}

fn escape(character: char) -> impl Iterator<Item = char> {
    let plain = matches!(character, ' '..='~').then_some(character);
    let escaped = plain.is_none().then(|| character.escape_default());
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_cannot_steer_the_terminal() {
        assert_eq!(
            printable("a\x1b[2J\"b\u{202e}", 40),
            "a\\u{1b}[2J\"b\\u{202e}"
        );
    }

    #[test]
    fn long_text_is_cut_with_a_sign() {
        assert_eq!(printable("0123456789", 10), "0123456789");
        assert_eq!(printable("0123456789a", 10), "01234567..");
    }

    #[test]
    fn without_colour_a_tone_changes_nothing() {
        assert_eq!(Palette::PLAIN.paint(Tone::Bad, "FAIL"), "FAIL");
        assert_eq!(
            Palette { colour: true }.paint(Tone::Bad, "FAIL"),
            "\x1b[1;31mFAIL\x1b[0m"
        );
    }
}
