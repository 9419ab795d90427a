//! What happened in each of the last intervals.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::quantile::{self, Quantiles, SHOWN};
use super::reading::Reading;
use super::{INTERVAL, POINTS};
use crate::metrics::{Family, catalog};
use crate::verdict::Verdict;

/// The points, oldest first; at most [`POINTS`].
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Point>);

/// One interval.
#[derive(Debug)]
struct Point {
    elapsed_ms: u64,
    verdicts: [u64; Verdict::ALL.len()],
    shed: u64,
    turned_away: u64,
    lost: u64,
    cpu_ms: u64,
    evaluation: Quantiles,
    rpc: Quantiles,
}

impl History {
    /// Adds what happened between two readings.
    pub(super) fn add(&mut self, before: &Reading, after: &Reading, elapsed: Duration) {
        if self.0.len() >= POINTS {
            self.0.pop_front();
        }
        self.0.push_back(Point::between(before, after, elapsed));
    }

    /// Series by name, all of the same length.
    pub(super) fn to_json(&self) -> Value {
        let verdicts: serde_json::Map<_, _> = Verdict::ALL
            .into_iter()
            .enumerate()
            .map(|(place, verdict)| {
                let series = self.series(|point| point.verdicts.get(place).copied());
                (verdict.name().to_owned(), series)
            })
            .collect();
        json!({
            "interval_ms": millis(INTERVAL),
            "elapsed_ms": self.series(|point| Some(point.elapsed_ms)),
            "verdicts": verdicts,
            "shed": self.series(|point| Some(point.shed)),
            "turned_away": self.series(|point| Some(point.turned_away)),
            "lost": self.series(|point| Some(point.lost)),
            "cpu_ms": self.series(|point| Some(point.cpu_ms)),
            "evaluation": self.quantiles(|point| &point.evaluation),
            "rpc": self.quantiles(|point| &point.rpc),
        })
    }

    fn quantiles(&self, of: impl Fn(&Point) -> &Quantiles) -> Value {
        let named = SHOWN.iter().enumerate().map(|(place, (name, _))| {
            let series = self.series(|point| of(point).get(place).copied().flatten());
            ((*name).to_owned(), series)
        });
        Value::Object(named.collect())
    }

    fn series(&self, value: impl Fn(&Point) -> Option<u64>) -> Value {
        self.0.iter().map(value).collect()
    }
}

impl Point {
    fn between(before: &Reading, after: &Reading, elapsed: Duration) -> Self {
        let more = |family: Family| after.count(family).saturating_sub(before.count(family));
        let turned_away = turned_away(after).saturating_sub(turned_away(before));
        let [evaluation, rpc] = [catalog::EVALUATION_SECONDS, catalog::RPC_SECONDS].map(|family| {
            let [before, after] = [before, after].map(|reading| reading.durations(family));
            quantile::between(before.as_ref(), after.as_ref())
        });
        Self {
            elapsed_ms: millis(elapsed),
            verdicts: verdicts(before, after),
            shed: more(catalog::SHED),
            turned_away,
            lost: lost(after).saturating_sub(lost(before)),
            cpu_ms: more(catalog::CPU_SECONDS) / NS_PER_MS,
            evaluation,
            rpc,
        }
    }
}

fn verdicts(before: &Reading, after: &Reading) -> [u64; Verdict::ALL.len()] {
    let [before, after] = [before, after].map(|reading| reading.by_label(catalog::EVALUATIONS));
    Verdict::ALL.map(|verdict| {
        let [before, after] =
            [&before, &after].map(|counts| counts.get(verdict.name()).copied().unwrap_or(0));
        after.saturating_sub(before)
    })
}

/// Refused for what they were, or for want of room for a connection; calls shed count by themselves.
fn turned_away(reading: &Reading) -> u64 {
    let malformed = reading.by_label(catalog::MALFORMED);
    malformed.get("message").copied().unwrap_or(0)
        + reading.count(catalog::TOO_LARGE)
        + reading.count(catalog::INVALID_ARGUMENT)
        + reading.count(catalog::CONNECTIONS_REFUSED)
}

/// Events dropped, but for those that the sample rate leaves out.
fn lost(reading: &Reading) -> u64 {
    let dropped = reading.by_label(catalog::TELEMETRY_DROPPED);
    let unwanted = dropped
        .iter()
        .filter(|(reason, _)| **reason != "sampled_out");
    unwanted.map(|(_, events)| events).sum()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const NS_PER_MS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(evaluations: u64) -> Reading {
        let dropped = catalog::TELEMETRY_DROPPED;
        Reading::of_counters(&[
            (catalog::EVALUATIONS, &["pass"], evaluations),
            (catalog::EVALUATIONS, &["fail"], 7),
            (catalog::SHED, &[], 2 * evaluations),
            (catalog::MALFORMED, &["bid_request"], 9 * evaluations),
            (catalog::MALFORMED, &["message"], evaluations),
            (catalog::TOO_LARGE, &[], evaluations),
            (dropped, &["sampled_out"], 9 * evaluations),
            (dropped, &["ring_full"], 3 * evaluations),
            (catalog::CPU_SECONDS, &[], evaluations * NS_PER_MS),
        ])
    }

    #[test]
    fn a_point_is_what_happened_between_two_readings() {
        let mut history = History::default();
        history.add(&reading(10), &reading(11), Duration::from_millis(2001));
        let told = history.to_json();
        assert_eq!(told["elapsed_ms"], json!([2001]));
        assert_eq!(told["verdicts"]["pass"], json!([1]));
        assert_eq!(told["verdicts"]["fail"], json!([0]));
        assert_eq!(told["shed"], json!([2]));
        assert_eq!(told["turned_away"], json!([2]));
        assert_eq!(told["lost"], json!([3]));
        assert_eq!(told["cpu_ms"], json!([1]));
        assert_eq!(told["rpc"]["p999_ns"], json!([null]));
    }

    #[test]
    fn ten_minutes_are_kept_and_no_more() {
        let mut history = History::default();
        for number in 0..1000 {
            history.add(&reading(0), &reading(number), INTERVAL);
        }
        let told = history.to_json();
        let pass = told["verdicts"]["pass"].as_array().unwrap();
        assert_eq!(pass.len(), POINTS);
        assert_eq!(pass.last(), Some(&json!(999)));
        assert_eq!(POINTS * 2, 600);
    }
}
