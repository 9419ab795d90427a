//! Patterns: regular expressions of ECMA-262, as a schema writes them, run as finished automata.
//!
//! An automaton is built in full when the schema is compiled: matching then takes one step a byte, whatever the
//! pattern, and needs no memory. What no automaton can do is refused: backreferences and look-around.

use std::fmt::{self, Write as _};
use std::iter::Peekable;
use std::str::Chars;

use regex_automata::dfa::Automaton as _;
use regex_automata::util::{primitives::StateID, start};

use crate::automaton::{self, Automaton, BuildFault};
use crate::openrtb::Written;

/// A compiled pattern. It matches anywhere in a string, unless it says otherwise.
#[derive(Debug)]
pub(super) struct Pattern {
    automaton: Automaton,
    start: StateID,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(super) fn compile(pattern: &str) -> Result<Self, PatternFault> {
        let automaton = automaton::build(&translate(pattern)?).map_err(PatternFault::Build)?;
        let start = automaton
            .start_state(&start::Config::new())
            .map_err(|error| syntax(&error.to_string()))?;
        Ok(Self { automaton, start })
    }

    /// True when the pattern matches somewhere in `text`.
    pub(super) fn matches(&self, text: Written<'_>) -> bool {
        let mut run = Run {
            pattern: self,
            state: self.start,
        };
        let ended = match text.plain() {
            Some(plain) => run.read(plain),
            None => text
                .chars()
                .find_map(|character| run.read(character.encode_utf8(&mut [0; 4]).as_bytes())),
        };
        ended.unwrap_or_else(|| run.ends())
    }
}

/// A pattern on its way through a text.
struct Run<'p> {
    pattern: &'p Pattern,
    state: StateID,
}

impl Run<'_> {
    /// Whether the pattern matches, once that is certain.
    fn read(&mut self, bytes: &[u8]) -> Option<bool> {
        let automaton = &self.pattern.automaton;
        for &byte in bytes {
            self.state = automaton.next_state(self.state, byte);
            if automaton.is_special_state(self.state) {
                if automaton.is_match_state(self.state) {
                    return Some(true);
                }
                if automaton.is_dead_state(self.state) {
                    return Some(false);
                }
            }
        }
        None
    }

    /// Matches are seen one byte late, the last one at the end of the text.
    fn ends(&self) -> bool {
        let automaton = &self.pattern.automaton;
        automaton.is_match_state(automaton.next_eoi_state(self.state))
    }
}

/// Why a pattern does not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PatternFault {
    /// It is not a regular expression, or too large.
    Build(BuildFault),
    /// `\1` or `\k<name>`.
    Backreference,
    /// `(?=`, `(?!`, `(?<=` or `(?<!`.
    LookAround,
    /// A group that begins with `(?` and something ECMA-262 does not have.
    Group,
    /// An escape that ECMA-262 does not have.
    Escape(char),
    /// `[]` or `[^]`.
    EmptyClass,
}

fn syntax(fault: &str) -> PatternFault {
    PatternFault::Build(BuildFault::Syntax(fault.to_owned()))
}

impl fmt::Display for PatternFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(fault) => fault.fmt(f),
            Self::Backreference => f.write_str(
                "has a backreference, which takes more than linear time; write the pattern without it",
            ),
            Self::LookAround => f.write_str(
                "looks ahead or behind, which an automaton cannot; use `allOf`, `not` and simpler patterns",
            ),
            Self::Group => {
                f.write_str("has a group that is none of `(`, `(?:` and `(?<name>`; write one of these")
            }
            Self::Escape(character) => {
                write!(f, "has the escape `\\{character}`, which is none of ECMA-262")
            }
            Self::EmptyClass => f.write_str("has an empty class; name the characters that it holds"),
        }
    }
}

/// The same expression in the syntax of the automaton's builder, where `\d`, `.` and others mean something else.
fn translate(pattern: &str) -> Result<String, PatternFault> {
    let mut translating = Translating {
        rest: pattern.chars().peekable(),
        out: String::new(),
    };
    while let Some(character) = translating.rest.next() {
        match character {
            '\\' => translating.escape(Place::Outside)?,
            '[' => translating.class()?,
            '(' => translating.group()?,
            '.' => translating.out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
            other => translating.out.push(other),
        }
    }
    Ok(translating.out)
}

/// Where an escape stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    InClass,
}

/// A pattern half translated.
struct Translating<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
}

impl Translating<'_> {
    fn group(&mut self) -> Result<(), PatternFault> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        match (self.rest.next(), self.rest.peek()) {
            (Some(':'), _) => self.out.push_str("?:"),
            (Some('='), _) | (Some('!'), _) | (Some('<'), Some('=' | '!')) => {
                return Err(PatternFault::LookAround);
            }
            (Some('<'), _) => self.out.push_str("?<"),
            _ => return Err(PatternFault::Group),
        }
        Ok(())
    }

    /// A class: `[` and `&&` mean themselves in ECMA-262, and are operators of the builder.
    fn class(&mut self) -> Result<(), PatternFault> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        if self.rest.peek() == Some(&']') {
            return Err(PatternFault::EmptyClass);
        }
        while let Some(character) = self.rest.next() {
            match character {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(Place::InClass)?,
                '[' | '&' | '~' | '-' => self.out.extend(['\\', character]),
                other => self.out.push(other),
            }
            self.range()?;
        }
        Err(syntax("unclosed character class"))
    }

    /// The hyphen and the end of a range, if what stands before is its beginning.
    fn range(&mut self) -> Result<(), PatternFault> {
        let mut ahead = self.rest.clone();
        let (hyphen, end) = (ahead.next(), ahead.next());
        if hyphen != Some('-') || matches!(end, Some(']') | None) {
            return Ok(());
        }
        self.out.push('-');
        self.rest = ahead;
        match end {
            Some('\\') => self.escape(Place::InClass)?,
            Some(special @ ('[' | '&' | '~' | '-')) => self.out.extend(['\\', special]),
            end => self.out.extend(end),
        }
        Ok(())
    }

    fn escape(&mut self, place: Place) -> Result<(), PatternFault> {
        let Some(character) = self.rest.next() else {
            return Err(syntax("a backslash at the end"));
        };
        match (character, place) {
            ('d', _) => self.out.push_str("[0-9]"),
            ('D', _) => self.out.push_str("[^0-9]"),
            ('w', _) => self.out.push_str("[0-9A-Za-z_]"),
            ('W', _) => self.out.push_str("[^0-9A-Za-z_]"),
            ('s', _) => self.out.push_str(SPACE),
            ('S', _) => self.out.push_str(NO_SPACE),
            ('b', Place::Outside) => self.out.push_str(r"(?-u:\b)"),
            ('B', Place::Outside) => self.out.push_str(r"(?-u:\B)"),
            ('b', Place::InClass) => self.out.push_str(r"\x08"),
            ('t' | 'n' | 'r' | 'f' | 'v' | 'x', _) => self.out.extend(['\\', character]),
            ('0', _) => self.out.push_str(r"\x00"),
            ('c', _) => self.control()?,
            ('u', _) => self.unicode(),
            ('p' | 'P', _) if self.rest.peek() == Some(&'{') => self.property(character),
            ('1'..='9' | 'k', _) => return Err(PatternFault::Backreference),
            (other, _) if other.is_ascii_alphanumeric() => return Err(PatternFault::Escape(other)),
            (other, _) if other.is_ascii_punctuation() && !matches!(other, '<' | '>') => {
                self.out.extend(['\\', other]);
            }
            (other, _) => self.out.push(other),
        }
        Ok(())
    }

    /// `\cJ` is the character that Ctrl-J makes.
    fn control(&mut self) -> Result<(), PatternFault> {
        let letter = self.rest.next_if(char::is_ascii_alphabetic);
        let letter = letter.ok_or(PatternFault::Escape('c'))?;
        self.character(u32::from(letter) & 31);
        Ok(())
    }

    /// `\u{1f600}`, `\u00e9`, or a surrogate pair of two of the latter.
    fn unicode(&mut self) {
        if self.rest.peek() == Some(&'{') {
            self.out.push_str(r"\u");
            return;
        }
        let first = self.four_digits();
        let pair = u32::from_str_radix(&first, 16)
            .ok()
            .and_then(|high| self.second_half(high));
        match pair {
            Some(pair) => self.character(pair),
            None => self.out.extend([r"\u", &first]),
        }
    }

    fn character(&mut self, code: u32) {
        // Writing to a string cannot fail.
        let _written = write!(self.out, r"\u{{{code:x}}}");
    }

    /// The character of a surrogate pair of which `high` is the first half, if the second one follows.
    fn second_half(&mut self, high: u32) -> Option<u32> {
        let mut ahead = self.rest.clone();
        let escaped = ahead.next() == Some('\\') && ahead.next() == Some('u');
        let digits: String = ahead.by_ref().take(4).collect();
        let low = u32::from_str_radix(&digits, 16).ok()?;
        let is_pair =
            escaped && (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low);
        if is_pair {
            self.rest = ahead;
        }
        is_pair.then_some(0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff))
    }

    fn four_digits(&mut self) -> String {
        let mut digits = String::new();
        while digits.len() < 4 {
            match self.rest.next_if(char::is_ascii_hexdigit) {
                Some(digit) => digits.push(digit),
                None => break,
            }
        }
        digits
    }

    /// `\p{L}`: within the braces both syntaxes agree.
    fn property(&mut self, letter: char) {
        self.out.extend(['\\', letter]);
        for character in self.rest.by_ref() {
            self.out.push(character);
            if character == '}' {
                break;
            }
        }
    }
}

/// White space of ECMA-262, which has the byte order mark and not the next line character.
const SPACE: &str = r"[\t\n\v\f\r\x20\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}]";
const NO_SPACE: &str = r"[^\t\n\v\f\r\x20\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}]";

#[cfg(test)]
mod tests {
    use super::{BuildFault, Pattern, PatternFault};
    use crate::openrtb::Checked;

    #[track_caller]
    fn matches(pattern: &str, text: &str) -> bool {
        let quoted = serde_json::to_string(text).unwrap();
        Pattern::compile(pattern)
            .unwrap()
            .matches(Checked::new(quoted.as_bytes()).text(0))
    }

    #[test]
    fn a_pattern_means_what_ecma_262_says() {
        let cases = [
            ("b", "abc", true),
            ("^b", "abc", false),
            ("^abc$", "abc\n", false),
            ("^$", "", true),
            (r"^\d+$", "123", true),
            (r"^\d+$", "\u{661}", false),
            (r"^\w$", "\u{e9}", false),
            (r"^\W$", "\u{e9}", true),
            (r"^\s$", "\u{feff}", true),
            (r"^\s$", "\u{85}", false),
            (r"^\S$", "\u{85}", true),
            ("^.$", "\u{1f600}", true),
            ("^.$", "\u{2028}", false),
            ("^.$", "\r", false),
            (r"^\bab\b$", "ab", true),
            (r"a\b", "ab", false),
            (r"a\B", "ab", true),
            (r"a\b", "a\u{e9}", true),
            ("^[[a]$", "[", true),
            ("^[a&&b]$", "&", true),
            ("^[+--]$", ",", true),
            ("^[--/]$", ".", true),
            ("^[-a]+$", "-a", true),
            (r"^[\x41-\u0043-]+$", "B-", true),
            ("^[~~a]+$", "a~", true),
            (r"^[\d-]+$", "1-2", true),
            (r"^[\b]$", "\u{8}", true),
            (r"^[^\s]$", "a", true),
            (r"^\cJ$", "\n", true),
            (r"^\u00e9\u{e9}\x65$", "\u{e9}\u{e9}e", true),
            (r"^\ud83d\ude00$", "\u{1f600}", true),
            (r"^\/\-\.\<$", "/-.<", true),
            (r"^\p{Lu}\P{Lu}$", "\u{c9}\u{e9}", true),
            ("^(?:a|(?<name>b))+$", "abba", true),
            ("^a{2,3}$", "aaa", true),
            ("^a{2,3}$", "aaaa", false),
            (r"^\0$", "\u{0}", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn what_an_automaton_cannot_do_is_refused() {
        use PatternFault::{Backreference, Build, EmptyClass, Escape, Group, LookAround};
        let cases = [
            (r"(a)\1", Backreference),
            (r"(?<n>a)\k<n>", Backreference),
            ("a(?=b)", LookAround),
            ("(?<!a)b", LookAround),
            ("(?i)a", Group),
            ("(?P<n>a)", Group),
            (r"\A", Escape('A')),
            (r"\pL", Escape('p')),
            (r"\c1", Escape('c')),
            ("[]", EmptyClass),
            ("[^]", EmptyClass),
            (r"\p{L}{2000}", Build(BuildFault::TooLarge)),
            ("a.{30}b", Build(BuildFault::TooLarge)),
        ];
        for (pattern, fault) in cases {
            assert_eq!(Pattern::compile(pattern).err(), Some(fault), "{pattern}");
        }
        for pattern in [
            "(",
            "a)",
            "a**b{2",
            "[a",
            "[b-a]",
            r"\p{Nope}",
            r"\ud83d",
            "*",
            "\\",
        ] {
            let fault = Pattern::compile(pattern).err();
            assert!(
                matches!(fault, Some(Build(BuildFault::Syntax(_)))),
                "{pattern}: {fault:?}"
            );
        }
    }
}
