//! The words of an expression.

use std::ops::Range;

use super::mistake::Mistake;

/// One word, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: Range<usize>,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Number(f64),
    Text(String),
    /// A word that is not quoted: a field's part, a function, `in`, `true`.
    Name(String),
    Sign(&'static str),
    End,
}

/// Longer signs before those they begin with.
const SIGNS: [&str; 22] = [
    "&&", "||", "<=", ">=", "==", "!=", "<", ">", "!", "-", "+", "*", "/", "%", "(", ")", "[", "]",
    ",", ".", "?", ":",
];

/// The words of `source`, the last of which is [`TokenKind::End`].
///
/// # Errors
/// The first place that begins no word.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Mistake> {
    let mut words = Words { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        words.skip_blanks();
        let start = words.at;
        let kind = words.next()?;
        let end = kind == TokenKind::End;
        let at = start..words.at;
        tokens.push(Token { at, kind });
        if end {
            return Ok(tokens);
        }
    }
}

struct Words<'s> {
    source: &'s str,
    /// Bytes read.
    at: usize,
}

impl<'s> Words<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.take_while(|c| c.is_ascii_whitespace());
    }

    fn next(&mut self) -> Result<TokenKind, Mistake> {
        let rest = self.rest();
        let raw = rest.starts_with("r\"") || rest.starts_with("r'");
        match rest.chars().next() {
            None => Ok(TokenKind::End),
            Some('"' | '\'') => self.text(false),
            Some('r') if raw => self.text(true),
            Some(c) if c.is_ascii_digit() => self.number(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                Ok(TokenKind::Name(name.to_owned()))
            }
            Some(c) => self.sign(c),
        }
    }

    fn sign(&mut self, first: char) -> Result<TokenKind, Mistake> {
        let rest = self.rest();
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            self.at += sign.len();
            return Ok(TokenKind::Sign(sign));
        }
        let message = match first {
            '=' => "compare with ==".to_owned(),
            '&' => "combine with &&".to_owned(),
            '|' => "combine with ||".to_owned(),
            first => format!("unexpected {first:?}"),
        };
        Err(Mistake::new(self.at..self.at + first.len_utf8(), message))
    }

    fn number(&mut self) -> Result<TokenKind, Mistake> {
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit());
        let fraction = self.rest().strip_prefix('.');
        if fraction.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        let exponent = self.rest().strip_prefix(['e', 'E']);
        let digits = exponent.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            self.at += 2;
            self.take_while(|c| c.is_ascii_digit());
        }
        let junk = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let written = self.source.get(start..self.at).unwrap_or_default();
        let number = written
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite());
        match number {
            Some(number) if junk.is_empty() => Ok(TokenKind::Number(number)),
            _ => Err(Mistake::new(
                start..self.at,
                "is not a finite decimal number",
            )),
        }
    }

    /// A quoted text; a raw one, which begins with `r`, has no escapes.
    fn text(&mut self, raw: bool) -> Result<TokenKind, Mistake> {
        let start = self.at;
        self.at += usize::from(raw);
        let quote = self.take();
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.take() {
                None => return Err(Mistake::new(start..start + 1, "the text does not end")),
                c if c == quote => return Ok(TokenKind::Text(text)),
                Some('\\') if !raw => text.push(self.escaped(at)?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escaped(&mut self, backslash: usize) -> Result<char, Mistake> {
        match self.take() {
            Some(c @ ('\\' | '"' | '\'')) => Ok(c),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            _ => {
                let message =
                    r#"the escapes are \\ \" \' \n \r \t; in r"..." a backslash is itself"#;
                Err(Mistake::new(backslash..self.at, message))
            }
        }
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }
}
