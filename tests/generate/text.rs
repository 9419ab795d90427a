//! JSON as text, with its spelling.
use serde_json::Value;

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

    /// Every copy of the value in which one member of one object is replaced by what `change` makes of it, with the
    /// key of that member.
    pub(crate) fn each_member(
        &self,
        change: &impl Fn(&Member) -> Vec<Member>,
    ) -> Vec<(String, Self)> {
        match self {
            Self::Raw(_) | Self::Text(..) => Vec::new(),
            Self::Array(elements) => each(elements, |element| {
                let copies = element.each_member(change).into_iter();
                copies.map(|(key, copy)| (key, vec![copy])).collect()
            })
            .map(|(key, elements)| (key, Self::Array(elements)))
            .collect(),
            Self::Object(members) => each(members, |member| {
                let within = member.2.each_member(change).into_iter();
                let within =
                    within.map(|(key, copy)| (key, vec![(member.0.clone(), member.1, copy)]));
                std::iter::once((member.0.clone(), change(member)))
                    .chain(within)
                    .collect()
            })
            .map(|(key, members)| (key, Self::Object(members)))
            .collect(),
        }
    }
}

/// Every copy of a list in which one element is replaced by one of its variants.
fn each<T: Clone>(
    list: &[T],
    variants: impl Fn(&T) -> Vec<(String, Vec<T>)>,
) -> impl Iterator<Item = (String, Vec<T>)> {
    list.iter().enumerate().flat_map(move |(at, element)| {
        let copy = move |variant: &[T]| [&list[..at], variant, &list[at + 1..]].concat();
        variants(element)
            .into_iter()
            .map(|(key, variant)| (key, copy(&variant)))
            .collect::<Vec<_>>()
    })
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::text(text),
            Value::Array(elements) => Self::Array(elements.iter().map(Self::from).collect()),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| (key.clone(), Spelling::Plain, Self::from(value)));
                Self::Object(members.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::raw(value.to_string()),
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
