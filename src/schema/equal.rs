//! Whether two values are the same, as JSON Schema has it: `1` is `1.0`, and members may stand in any order.

use super::check::{Steps, Stop};
use super::decimal::Decimal;
use crate::openrtb::{Checked, Kind, Next, Written};

/// Compares the value of one text with that of another.
///
/// # Errors
/// When the steps are used up.
pub(super) fn are_equal(
    json: Checked<'_>,
    at: usize,
    other: Checked<'_>,
    other_at: usize,
    steps: &mut Steps,
) -> Result<bool, Stop> {
    steps.take(1)?;
    let kind = json.kind(at);
    if kind != other.kind(other_at) {
        return Ok(false);
    }
    match kind {
        Kind::Null => Ok(true),
        Kind::Boolean => Ok(json.word(at) == other.word(other_at)),
        Kind::Number => {
            let [one, other] = [json.word(at), other.word(other_at)];
            steps.take(one.len() / 16 + other.len() / 16)?;
            Ok(one == other || Decimal::read(one).compare(&Decimal::read(other)).is_eq())
        }
        Kind::Text => are_texts_equal(json.text(at), other.text(other_at), steps),
        Kind::Array => are_arrays_equal(json, at, other, other_at, steps),
        Kind::Object => are_objects_equal(json, at, other, other_at, steps),
    }
}

fn are_texts_equal(text: Written<'_>, other: Written<'_>, steps: &mut Steps) -> Result<bool, Stop> {
    steps.take(text.len() / 64 + other.len() / 64)?;
    Ok(match (text.plain(), other.plain()) {
        (Some(text), Some(other)) => text == other,
        _ => text.chars().eq(other.chars()),
    })
}

fn are_arrays_equal(
    json: Checked<'_>,
    at: usize,
    other: Checked<'_>,
    other_at: usize,
    steps: &mut Steps,
) -> Result<bool, Stop> {
    let (mut next, mut next_other) = (at + 1, other_at + 1);
    loop {
        let (element, other_element) = match (json.next(next), other.next(next_other)) {
            (Next::Item(element), Next::Item(other)) => (element, other),
            (Next::End(_), Next::End(_)) => return Ok(true),
            _ => return Ok(false),
        };
        if !are_equal(json, element, other, other_element, steps)? {
            return Ok(false);
        }
        next = pass(json, element, steps)?;
        next_other = pass(other, other_element, steps)?;
    }
}

fn are_objects_equal(
    json: Checked<'_>,
    at: usize,
    other: Checked<'_>,
    other_at: usize,
    steps: &mut Steps,
) -> Result<bool, Stop> {
    let (mut next, mut members) = (at + 1, 0);
    while let Next::Item(key_at) = json.next(next) {
        let member = json.member(key_at);
        let Some(value) = value_of(other, other_at, member.key, steps)? else {
            return Ok(false);
        };
        if !are_equal(json, member.value_at, other, value, steps)? {
            return Ok(false);
        }
        members += 1;
        next = pass(json, member.value_at, steps)?;
    }
    Ok(count(other, other_at, steps)? == members)
}

/// Where the value of a key begins.
fn value_of(
    json: Checked<'_>,
    object: usize,
    key: Written<'_>,
    steps: &mut Steps,
) -> Result<Option<usize>, Stop> {
    let mut next = object + 1;
    while let Next::Item(key_at) = json.next(next) {
        let member = json.member(key_at);
        if are_texts_equal(member.key, key, steps)? {
            return Ok(Some(member.value_at));
        }
        next = pass(json, member.value_at, steps)?;
    }
    Ok(None)
}

fn count(json: Checked<'_>, object: usize, steps: &mut Steps) -> Result<u32, Stop> {
    let (mut next, mut members) = (object + 1, 0);
    while let Next::Item(key_at) = json.next(next) {
        members += 1;
        next = pass(json, json.member(key_at).value_at, steps)?;
    }
    Ok(members)
}

fn pass(json: Checked<'_>, at: usize, steps: &mut Steps) -> Result<usize, Stop> {
    let end = json.end(at);
    steps.take(1 + (end - at) / 64)?;
    Ok(end)
}
