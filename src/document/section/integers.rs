//! Reading whole numbers.

use std::ops::RangeInclusive;

use super::Section;
use crate::document::effective::Effective;
use crate::document::node::Value;
use crate::document::shape::Shape;
use crate::document::wanted::Wanted;

impl Section {
    /// A whole number within `range`.
    pub fn integer(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let read = |value: &Value| value.whole().filter(|integer| range.contains(integer));
        let integer = self
            .scalar(key, &Wanted::Integer(range.clone()), read)
            .unwrap_or(default);
        self.record(key, Effective::Integer(integer.into()));
        integer
    }

    /// A list of whole numbers within `range`; absent is empty.
    pub fn integers(&mut self, key: &str, range: RangeInclusive<u64>) -> Vec<u64> {
        self.keys.add(key, Shape::Integers(range.clone()));
        let wanted = Wanted::Integer(range.clone());
        let mut integers = Vec::new();
        for (item, index) in self.items(key).unwrap_or_default().iter().zip(0..) {
            let integer = item.value.whole();
            match integer.filter(|integer| range.contains(integer)) {
                Some(integer) => integers.push(integer),
                None => self.mismatch(&format!("{key}[{index}]"), item, &wanted),
            }
        }
        let recorded = integers
            .iter()
            .map(|&integer| Effective::Integer(integer.into()));
        self.record(key, Effective::List(recorded.collect()));
        integers
    }
}
