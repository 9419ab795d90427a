//! All metrics at one moment.

use std::collections::BTreeMap;

use crate::metrics::{Family, HistogramSnapshot, Sample, Value};
use crate::server::instruments::Instruments;

/// Every sample, as `/metrics` would have shown it.
#[derive(Debug)]
pub(super) struct Reading(Vec<Taken>);

/// One sample.
#[derive(Debug)]
pub(super) struct Taken {
    family: Family,
    labels: Vec<String>,
    amount: Amount,
}

#[derive(Debug)]
enum Amount {
    /// Of things, or of nanoseconds.
    Count(u64),
    Gauge(f64),
    Durations(Box<HistogramSnapshot>),
}

impl Reading {
    pub(super) fn take(instruments: &Instruments) -> Self {
        let mut taken = Vec::new();
        instruments.collect(&mut |sample| taken.push(Taken::from(sample)));
        Self(taken)
    }

    /// Counted in a family, over all its labels.
    pub(super) fn count(&self, family: Family) -> u64 {
        self.of(family).filter_map(Taken::count).sum()
    }

    /// Counted in a family that has one label, by its value.
    pub(super) fn by_label(&self, family: Family) -> BTreeMap<&str, u64> {
        let samples = self.of(family).map(|sample| {
            let [label] = sample.labels()?;
            Some((label, sample.count()?))
        });
        samples.flatten().collect()
    }

    /// The one label of the one sample of a family: what it tells.
    pub(super) fn info(&self, family: Family) -> Option<&str> {
        self.of(family).find_map(|sample| {
            let [label] = sample.labels()?;
            Some(label)
        })
    }

    /// A number of things. None if the system does not tell.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a gauge of things or bytes is a whole number that fits"
    )]
    pub(super) fn gauge(&self, family: Family) -> Option<u64> {
        self.of(family).find_map(|sample| match sample.amount {
            Amount::Gauge(value) => Some(value as u64),
            Amount::Count(_) | Amount::Durations(_) => None,
        })
    }

    /// Durations of a family, over all its labels.
    pub(super) fn durations(&self, family: Family) -> Option<HistogramSnapshot> {
        let histograms = self.of(family).filter_map(|sample| match &sample.amount {
            Amount::Durations(histogram) => Some(HistogramSnapshot::clone(histogram)),
            Amount::Count(_) | Amount::Gauge(_) => None,
        });
        histograms.reduce(|all, one| all.plus(&one))
    }

    /// The samples of a family.
    pub(super) fn of(&self, family: Family) -> impl Iterator<Item = &Taken> {
        self.0
            .iter()
            .filter(move |sample| sample.family.name == family.name)
    }
}

#[cfg(test)]
impl Reading {
    /// Of counters: family, values of its labels, and how many.
    pub(super) fn of_counters(counters: &[(Family, &[&str], u64)]) -> Self {
        let taken = counters.iter().map(|(family, labels, count)| Taken {
            family: *family,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            amount: Amount::Count(*count),
        });
        Self(taken.collect())
    }
}

impl Taken {
    /// The labels' values, if there are so many.
    pub(super) fn labels<const LABELS: usize>(&self) -> Option<[&str; LABELS]> {
        let labels: &[String; LABELS] = self.labels.as_slice().try_into().ok()?;
        Some(labels.each_ref().map(String::as_str))
    }

    pub(super) const fn count(&self) -> Option<u64> {
        match self.amount {
            Amount::Count(count) => Some(count),
            Amount::Gauge(_) | Amount::Durations(_) => None,
        }
    }
}

impl From<&Sample<'_>> for Taken {
    fn from(sample: &Sample<'_>) -> Self {
        let labels = sample.labels.iter().map(|(_, value)| (*value).to_owned());
        Self {
            family: sample.family,
            labels: labels.collect(),
            amount: match sample.value {
                Value::Count(count) | Value::Seconds { ns: count } => Amount::Count(count),
                Value::Gauge(value) => Amount::Gauge(value),
                Value::Histogram(histogram) => Amount::Durations(Box::new(histogram.clone())),
            },
        }
    }
}
