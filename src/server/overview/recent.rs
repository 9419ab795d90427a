//! What fails and who calls: in the last minutes, not since the start, or a sidecar that runs for weeks would show what
//! went wrong weeks ago.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::reading::Reading;
use super::{MARK_EVERY, POINTS};
use crate::metrics::catalog;
use crate::server::clock::Moment;
use crate::verdict::{GateMode, GateStatus, Verdict};

/// Counts of the past to subtract from those of the present: one a minute, for ten minutes.
#[derive(Debug)]
pub(super) struct Recent {
    marks: VecDeque<Mark>,
    until_next: usize,
}

#[derive(Debug)]
struct Mark {
    at: Moment,
    judged: u64,
    failures: BTreeMap<Failure, u64>,
    callers: BTreeMap<Caller, Verdicts>,
}

/// Gate, status, reason and mode.
type Failure = [String; 4];
/// `agent_id` and `tool`.
type Caller = [String; 2];
/// In the order of [`Verdict::ALL`].
type Verdicts = [u64; Verdict::ALL.len()];

impl Recent {
    pub(super) fn since(reading: &Reading) -> Self {
        Self {
            marks: VecDeque::from([Mark::at(reading)]),
            until_next: MARK_EVERY,
        }
    }

    /// Called once an interval.
    pub(super) fn add(&mut self, reading: &Reading) {
        self.until_next -= 1;
        if self.until_next == 0 {
            if self.marks.len() >= MARKS {
                self.marks.pop_front();
            }
            self.marks.push_back(Mark::at(reading));
            self.until_next = MARK_EVERY;
        }
    }

    /// What happened between the oldest mark and a reading.
    pub(super) fn to_json(&self, reading: &Reading) -> Value {
        let present = Mark::at(reading);
        let Some(past) = self.marks.front() else {
            return Value::Null;
        };
        let (failures, failures_left_out) = present.failures_since(past);
        let (callers, callers_left_out) = present.callers_since(past);
        json!({
            "seconds": past.at.elapsed().as_secs(),
            "judged": present.judged.saturating_sub(past.judged),
            "failures": failures,
            "failures_left_out": failures_left_out,
            "callers": callers,
            "callers_left_out": callers_left_out,
        })
    }
}

impl Mark {
    fn at(reading: &Reading) -> Self {
        Self {
            at: Moment::now(),
            judged: reading.count(catalog::EVALUATIONS),
            failures: failures(reading),
            callers: callers(reading),
        }
    }

    /// Those that cost bids first, then those that only warn; the most frequent first. And how many are left out.
    fn failures_since(&self, past: &Self) -> (Vec<Value>, usize) {
        let since = |(failure, count): (&Failure, &u64)| {
            let before = past.failures.get(failure).copied().unwrap_or(0);
            (count.saturating_sub(before), failure.clone())
        };
        let mut failures: Vec<_> = self.failures.iter().map(since).collect();
        failures
            .sort_by_key(|(count, [.., mode])| (mode != GateMode::Enforce.name(), Reverse(*count)));
        first(
            failures,
            |count, [gate, status, reason, mode]| json!({ "gate": gate, "status": status, "reason": reason, "mode": mode, "count": count }),
        )
    }

    fn callers_since(&self, past: &Self) -> (Vec<Value>, usize) {
        let since = |(caller, verdicts): (&Caller, &Verdicts)| {
            let before = past.callers.get(caller).copied().unwrap_or_default();
            let mut verdicts = *verdicts;
            for (count, before) in verdicts.iter_mut().zip(before) {
                *count = count.saturating_sub(before);
            }
            (verdicts.iter().sum(), (caller.clone(), verdicts))
        };
        let mut callers: Vec<_> = self.callers.iter().map(since).collect();
        callers.sort_by_key(|(count, _)| Reverse(*count));
        first(callers, |_, ([agent_id, tool], verdicts)| {
            let names = Verdict::ALL.map(|verdict| verdict.name().to_owned());
            let counts = verdicts.map(Value::from);
            let verdicts: serde_json::Map<_, _> = names.into_iter().zip(counts).collect();
            json!({ "agent_id": agent_id, "tool": tool, "verdicts": verdicts })
        })
    }
}

fn failures(reading: &Reading) -> BTreeMap<Failure, u64> {
    let failed = [GateStatus::Failed, GateStatus::TimedOut].map(GateStatus::name);
    let outcomes = reading.of(catalog::GATE_OUTCOMES);
    let outcomes = outcomes.filter_map(|sample| Some((sample.labels::<4>()?, sample.count()?)));
    outcomes
        .filter(|([_, status, ..], _)| failed.contains(status))
        .map(|(labels, count)| (labels.map(str::to_owned), count))
        .collect()
}

fn callers(reading: &Reading) -> BTreeMap<Caller, Verdicts> {
    let mut callers = BTreeMap::<Caller, Verdicts>::new();
    for sample in reading.of(catalog::AGENT_EVALUATIONS) {
        let (Some([agent_id, tool, verdict]), Some(count)) = (sample.labels(), sample.count())
        else {
            continue;
        };
        let verdicts = callers
            .entry([agent_id, tool].map(str::to_owned))
            .or_default();
        let place = Verdict::ALL
            .iter()
            .position(|known| known.name() == verdict);
        if let Some(sum) = place.and_then(|place| verdicts.get_mut(place)) {
            *sum += count;
        }
    }
    callers
}

/// The first [`SHOWN`] of those that happened, and how many more there are.
fn first<T>(mut counted: Vec<(u64, T)>, show: impl Fn(u64, T) -> Value) -> (Vec<Value>, usize) {
    counted.retain(|(count, _)| *count > 0);
    let left_out = counted.len().saturating_sub(SHOWN);
    let shown = counted.into_iter().take(SHOWN);
    (
        shown.map(|(count, item)| show(count, item)).collect(),
        left_out,
    )
}

/// As many as a page shows at a glance.
const SHOWN: usize = 9;
const MARKS: usize = POINTS / MARK_EVERY;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Family;

    const OUTCOMES: Family = catalog::GATE_OUTCOMES;

    fn reading(count: u64) -> Reading {
        let callers = catalog::AGENT_EVALUATIONS;
        Reading::of_counters(&[
            (catalog::EVALUATIONS, &["pass"], count),
            (OUTCOMES, &["a", "failed", "often", "warn"], 10 * count),
            (OUTCOMES, &["a", "failed", "rare", "enforce"], count),
            (OUTCOMES, &["a", "timed_out", "", "enforce"], 2 * count),
            (OUTCOMES, &["a", "passed", "", "enforce"], 90 * count),
            (OUTCOMES, &["a", "failed", "never", "enforce"], 0),
            (callers, &["quiet", "x", "pass"], 5),
            (callers, &["loud", "x", "fail"], count),
        ])
    }

    #[test]
    fn what_costs_bids_comes_before_what_only_warns() {
        let recent = Recent::since(&reading(1));
        let told = recent.to_json(&reading(3));
        assert_eq!(told["judged"], 2);
        let failures = told["failures"].as_array().unwrap();
        let failures = failures
            .iter()
            .map(|failure| (&failure["status"], &failure["reason"], &failure["count"]));
        let expected = [
            ("timed_out", "", 4),
            ("failed", "rare", 2),
            ("failed", "often", 20),
        ];
        for (failure, (status, reason, count)) in failures.zip(expected) {
            assert_eq!(failure, (&json!(status), &json!(reason), &json!(count)));
        }
        assert_eq!(told["failures"].as_array().unwrap().len(), 3);
        let [caller] = told["callers"].as_array().unwrap().as_slice() else {
            panic!("{told:#}");
        };
        assert_eq!(
            (&caller["agent_id"], &caller["verdicts"]["fail"]),
            (&json!("loud"), &json!(2))
        );
    }

    #[test]
    fn what_happened_more_than_ten_minutes_ago_does_not_count() {
        let mut recent = Recent::since(&reading(0));
        let intervals: u64 = 1000;
        for number in 1..=intervals {
            recent.add(&reading(number));
        }
        assert_eq!(recent.marks.len(), MARKS);
        let judged = recent.to_json(&reading(intervals))["judged"]
            .as_u64()
            .unwrap();
        assert!((270..=300).contains(&judged), "{judged} intervals");
    }

    #[test]
    fn those_left_out_are_counted() {
        let names: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        let labels: Vec<_> = names
            .iter()
            .map(|name| ["a", "failed", name, "enforce"])
            .collect();
        let outcomes: Vec<_> = labels
            .iter()
            .map(|labels| (OUTCOMES, &labels[..], 1))
            .collect();
        let told = Recent::since(&reading(0)).to_json(&Reading::of_counters(&outcomes));
        assert_eq!(told["failures"].as_array().unwrap().len(), SHOWN);
        assert_eq!(told["failures_left_out"], 20 - SHOWN);
    }
}
