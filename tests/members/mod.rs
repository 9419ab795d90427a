//! Documents with one member changed, for every member there is.
use serde_json::Value;

use crate::generate::text::{Json, Member, Spelling};

/// Every copy of the value in which one member of one object is replaced by what `change` makes of it, with the key
/// of that member.
pub(crate) fn each_member(
    value: &Json,
    change: &impl Fn(&Member) -> Vec<Member>,
) -> Vec<(String, Json)> {
    match value {
        Json::Raw(_) | Json::Text(..) => Vec::new(),
        Json::Array(elements) => {
            let in_element = |element: &Json| {
                let copies = each_member(element, change).into_iter();
                copies.map(|(key, copy)| (key, vec![copy])).collect()
            };
            each(elements, in_element)
                .map(|(key, elements)| (key, Json::Array(elements)))
                .collect()
        }
        Json::Object(members) => {
            let in_member = |member: &Member| {
                let (key, spelling, value) = member;
                let within = each_member(value, change).into_iter();
                let within =
                    within.map(|(changed, copy)| (changed, vec![(key.clone(), *spelling, copy)]));
                std::iter::once((key.clone(), change(member)))
                    .chain(within)
                    .collect()
            };
            each(members, in_member)
                .map(|(key, members)| (key, Json::Object(members)))
                .collect()
        }
    }
}

/// Every copy of a list in which one element is replaced by one of its variants.
fn each<T: Clone>(
    list: &[T],
    variants: impl Fn(&T) -> Vec<(String, Vec<T>)>,
) -> impl Iterator<Item = (String, Vec<T>)> {
    list.iter().enumerate().flat_map(move |(at, element)| {
        let copy = |variant: &[T]| [&list[..at], variant, &list[at + 1..]].concat();
        variants(element)
            .into_iter()
            .map(|(key, variant)| (key, copy(&variant)))
            .collect::<Vec<_>>()
    })
}

/// A document as it stands, to be changed.
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
