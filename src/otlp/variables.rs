//! The `OTEL_` variables of the environment.
//!
//! The specification has an SDK warn about a value that it cannot read, and go on with the default. Here that is an
//! error at start-up, as with every other setting: whoever set the variable wanted something else than the default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::document::{Problem, Problems};

/// What the environment says, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Variables {
    texts: BTreeMap<String, OsString>,
    problems: Vec<Problem>,
}

impl Variables {
    /// Variables without a text count as absent, as the specification has it.
    pub(super) fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let texts = environment.into_iter().filter_map(|(name, text)| {
            let name = name.into_string().ok()?;
            (name.starts_with("OTEL_") && !text.is_empty()).then_some((name, text))
        });
        Self {
            texts: texts.collect(),
            problems: Vec::new(),
        }
    }

    /// # Errors
    /// Everything that was wrong with the variables read.
    pub(super) fn finish<T>(self, settings: T) -> Result<T, Problems> {
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(Problems(self.problems))
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.texts.contains_key(name)
    }

    /// The first of these variables that is there, as `read` makes it of its text. `wanted` says what that can be; the
    /// text is not quoted, for it may hold a secret.
    pub(super) fn first<T>(
        &mut self,
        names: &[&str],
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (name, text) = names
            .iter()
            .find_map(|name| self.texts.get_key_value(*name))?;
        let value = text.to_str().and_then(read);
        if value.is_none() {
            let name = name.clone();
            self.refuse(&name, &format_args!("must be {wanted}"));
        }
        value
    }

    /// Notes a problem, once: a variable for both signals is read for each.
    pub(super) fn refuse(&mut self, name: &str, message: &dyn Display) {
        let problem = Problem::new(name, "", message.to_string());
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn one<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.first(&[name], wanted, read)
    }

    pub(super) fn milliseconds(&mut self, names: &[&str]) -> Option<Duration> {
        self.first(names, "milliseconds, from 1 to 3600000", |text| {
            let milliseconds = text.parse().ok()?;
            (1..=3_600_000)
                .contains(&milliseconds)
                .then_some(Duration::from_millis(milliseconds))
        })
    }
}

/// Reads `key=value,key=value`, values percent-encoded, as resource attributes are written.
pub(super) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split(',')
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let key = key.trim();
            (!key.is_empty()).then(|| (key.to_owned(), value.into_owned()))
        })
        .collect()
}

/// Reads headers, which are written in the same way. Their values are never shown: they are keys and tokens.
pub(super) fn headers(text: &str) -> Option<HeaderMap> {
    let headers = pairs(text)?.into_iter().map(|(name, value)| {
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name).ok()?, value))
    });
    headers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_decoded() {
        let read = pairs(" a=1, b.c = x%2Cy%3D%20z ,,d=").unwrap();
        let expected = [("a", "1"), ("b.c", "x,y= z"), ("d", "")];
        assert!(
            read.iter()
                .map(|(key, value)| (&**key, &**value))
                .eq(expected)
        );
        for bad in ["a", "=1", "a=1,b", "a=%ff"] {
            assert_eq!(pairs(bad), None, "{bad}");
        }
    }

    #[test]
    fn headers_are_read_and_hidden() {
        let read = headers("Authorization=Bearer%20s3cret,x-scope=1").unwrap();
        assert_eq!(read["authorization"], "Bearer s3cret");
        assert!(!format!("{read:?}").contains("s3cret"));
        assert_eq!(headers("a b=1"), None);
        assert_eq!(headers("a=%0a"), None);
    }
}
