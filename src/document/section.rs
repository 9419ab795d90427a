//! One mapping of a document while it is read.
use std::ops::RangeInclusive;

/// One mapping of a document while it is read. Each getter names a key, its default and what it may be; a wrong
/// value is recorded as a problem and the default returned, so that reading goes on and all problems come at once.
/// What no getter asked for is an unknown key.
#[derive(Debug)]
pub struct Section;

impl Section {
    /// A flag.
    pub fn flag(&mut self, key: &str, default: bool) -> bool { let _ = key; default }
    /// A whole number within `range`.
    pub fn integer(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 { let _ = (key, range); default }
    /// A finite number greater than 0.
    pub fn positive(&mut self, key: &str, default: f64) -> f64 { let _ = key; default }
    /// A finite number of at least 0.
    pub fn non_negative(&mut self, key: &str, default: f64) -> f64 { let _ = key; default }
    /// One of a closed set of words.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)], default: T) -> T { let _ = (key, choices); default }
    /// A string.
    pub fn string(&mut self, key: &str, default: &str) -> String { let _ = key; default.to_owned() }
    /// A list of strings; absent is empty.
    pub fn strings(&mut self, key: &str) -> Vec<String> { let _ = key; Vec::new() }
    /// A mapping from names to finite numbers greater than 0; absent is empty.
    pub fn rates(&mut self, key: &str) -> Vec<(String, f64)> { let _ = key; Vec::new() }
    /// Records that the value of `key` is not acceptable, and why.
    pub fn reject(&mut self, key: &str, message: &str) { let _ = (key, message); }
}
