//! JSON as text, with its spelling.
/// How the characters of a string are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    Plain,
    /// The first character as `\u00XX`.
    FirstEscaped,
    /// Every character as `\u00XX`.
    AllEscaped,
}

/// One value as it will be written.
#[derive(Clone, Debug)]
pub(crate) enum Json {
    /// Verbatim: numbers, words, and what is not JSON.
    Raw(String),
    Text(String, Spelling),
    Array(Vec<Self>),
    Object(Vec<Member>),
}

/// A key, its spelling and its value.
pub(crate) type Member = (String, Spelling, Json);

impl Json {
    pub(crate) fn raw(text: impl Into<String>) -> Self {
        Self::Raw(text.into())
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into(), Spelling::Plain)
    }

    /// The text, with `blank` wherever white space may stand.
    pub(crate) fn render(&self, blank: &str) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::Text(text, spelling) => quote(text, *spelling),
            Self::Array(elements) => {
                let elements: Vec<_> = elements
                    .iter()
                    .map(|element| element.render(blank))
                    .collect();
                format!(
                    "[{blank}{}{blank}]",
                    elements.join(&format!("{blank},{blank}"))
                )
            }
            Self::Object(members) => {
                let member = |(key, spelling, value): &Member| {
                    format!(
                        "{}{blank}:{blank}{}",
                        quote(key, *spelling),
                        value.render(blank)
                    )
                };
                let members: Vec<_> = members.iter().map(member).collect();
                format!(
                    "{{{blank}{}{blank}}}",
                    members.join(&format!("{blank},{blank}"))
                )
            }
        }
    }
}

fn quote(text: &str, spelling: Spelling) -> String {
    let mut quoted = String::from("\"");
    for (at, character) in text.chars().enumerate() {
        let escaped =
            spelling == Spelling::AllEscaped || (spelling == Spelling::FirstEscaped && at == 0);
        if escaped || matches!(character, '"' | '\\' | '\0'..='\x1f') {
            let mut units = [0; 2];
            quoted.extend(
                character
                    .encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}")),
            );
        } else {
            quoted.push(character);
        }
    }
    quoted.push('"');
    quoted
}
