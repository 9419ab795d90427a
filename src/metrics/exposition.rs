//! The page: Prometheus text format 0.0.4.

use std::fmt::{self, Display, Write as _};

use super::catalog::Family;
use super::sample::{HistogramSnapshot, Sample, Value};

/// A page being written, sample by sample.
pub(super) struct Page {
    text: String,
    /// Of the sample before.
    family: Option<Family>,
}

impl Page {
    pub(super) fn new() -> Self {
        Self {
            text: String::with_capacity(CAPACITY_BYTES),
            family: None,
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Adds a sample. Those of one family come one after another.
    pub(super) fn add(&mut self, sample: &Sample<'_>) {
        if self.family.replace(sample.family) != Some(sample.family) {
            self.head(sample.family);
        }
        let Sample {
            family,
            labels,
            value,
        } = *sample;
        match value {
            Value::Count(count) => self.line(family.name, "", labels, count),
            Value::Gauge(value) => self.line(family.name, "", labels, value),
            Value::Seconds { ns } => self.line(family.name, "", labels, Seconds(ns)),
            Value::Histogram(durations) => self.histogram(family.name, labels, durations),
        }
    }

    fn head(&mut self, family: Family) {
        let Family { name, help, .. } = family;
        let kind = family.kind.name();
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn histogram(&mut self, name: &str, labels: &[Label<'_>], durations: &HistogramSnapshot) {
        let bounds = durations.bounds_ns.iter();
        let bounds = bounds.map(|bound| Seconds(*bound).to_string());
        let bounds = bounds.chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (bound, in_bucket) in bounds.zip(&durations.counts) {
            count += in_bucket;
            let with_bound = [labels, &[("le", &bound)]].concat();
            self.line(name, "_bucket", &with_bound, count);
        }
        self.line(name, "_sum", labels, Seconds(durations.sum_ns));
        self.line(name, "_count", labels, count);
    }

    fn line(&mut self, name: &str, suffix: &str, labels: &[Label<'_>], value: impl Display) {
        self.write(format_args!("{name}{suffix}"));
        for (position, (label, text)) in labels.iter().enumerate() {
            let before = if position == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{label}=\"{}\"", Escaped(text)));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        self.write(format_args!("{after} {value}\n"));
    }

    /// Writing to a string cannot fail.
    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).unwrap_or(());
    }
}

type Label<'a> = (&'static str, &'a str);

/// Most pages fit.
const CAPACITY_BYTES: usize = 32 * 1024;

/// A label value, with what the format reserves escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Nanoseconds as a decimal number of seconds, exact.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, nanos) = (self.0 / NS_PER_SECOND, self.0 % NS_PER_SECOND);
        let digits = format!("{nanos:09}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            fraction => write!(f, "{whole}.{fraction}"),
        }
    }
}

const NS_PER_SECOND: u64 = 1_000_000_000;
