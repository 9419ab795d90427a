//! The JSON of a batch and its events (spec: telemetry §3).

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use prost_types::Timestamp;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::batch::Drops;
use super::seen::{Seen, SeenGate};
use crate::verdict::{GateStatus, Reason, Verdict};
use crate::wire::EvaluationId;

/// What stands before the events.
#[derive(Debug, Serialize)]
pub(super) struct Head<'b> {
    pub(super) batch_id: Uuid,
    pub(super) sender: &'b str,
    pub(super) boot_id: Uuid,
    pub(super) seq: u64,
    pub(super) sent_at: Iso8601,
    pub(super) policy_version: &'b str,
}

/// What stands behind the events.
#[derive(Debug, Serialize)]
pub(super) struct Tail<'b> {
    pub(super) counts: CountList<'b>,
    pub(super) dropped: Drops,
}

/// Evaluations by `agent_id`, `tool` and verdict.
#[derive(Debug, Default)]
pub(super) struct CountList<'b>(BTreeMap<(&'b str, &'b str, &'static str), u64>);

impl<'b> CountList<'b> {
    /// Adds to what there is of this caller and verdict.
    pub(super) fn add(&mut self, (agent_id, tool): (&'b str, &'b str), verdict: Verdict, n: u64) {
        *self
            .0
            .entry((agent_id, tool, verdict_name(verdict)))
            .or_default() += n;
    }
}

impl Serialize for CountList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(&(agent_id, tool, verdict), &n)| Count {
            agent_id,
            tool,
            verdict,
            n,
        }))
    }
}

#[derive(Serialize)]
struct Count<'b> {
    agent_id: &'b str,
    tool: &'b str,
    verdict: &'static str,
    n: u64,
}

/// The bytes that an entry of [`CountList`] takes at most.
pub(super) fn count_bytes_max((agent_id, tool): (&str, &str)) -> usize {
    COUNT_BYTES_MAX + escaped_bytes_max(agent_id) + escaped_bytes_max(tool)
}

/// Of an entry without its names, with the longest verdict and number, and the comma behind it.
const COUNT_BYTES_MAX: usize = 96;

/// A control character takes six bytes at most, quotes and backslashes two.
fn escaped_bytes_max(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    });
    bytes.sum()
}

/// A batch: head and tail are objects that the events join to one.
pub(super) fn body(head: &Head<'_>, events: &[u8], tail: &Tail<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(events.len() + HEAD_AND_TAIL_BYTES);
    write(&mut body, head);
    body.pop();
    body.extend_from_slice(br#","events":["#);
    body.extend_from_slice(events);
    body.push(b']');
    let end = body.len();
    write(&mut body, tail);
    if let Some(brace) = body.get_mut(end) {
        *brace = b',';
    }
    body
}

/// Of some callers.
const HEAD_AND_TAIL_BYTES: usize = 4096;

/// Adds an event to others, with a comma between them.
pub(super) fn append_event(events: &mut Vec<u8>, seen: &Seen<'_>) {
    if !events.is_empty() {
        events.push(b',');
    }
    write(events, &Event::of(seen));
}

/// Writing what is here to a vector cannot fail: there is no map but of names, and no number that is not finite.
fn write(json: &mut Vec<u8>, value: &impl Serialize) {
    let _written = serde_json::to_writer(json, value);
}

#[derive(Serialize)]
struct Event<'s> {
    evaluation_id: Hex,
    agent_id: &'s str,
    tool: &'s str,
    passed: bool,
    verdict: &'static str,
    gates: Gates<'s>,
    total_latency_ms: f64,
    timestamp: Iso8601,
}

impl<'s> Event<'s> {
    fn of(seen: &'s Seen<'s>) -> Self {
        Self {
            evaluation_id: Hex(seen.evaluation_id()),
            agent_id: seen.agent_id(),
            tool: seen.tool(),
            passed: seen.passed(),
            verdict: verdict_name(seen.verdict()),
            gates: Gates(seen),
            total_latency_ms: milliseconds(seen.total_ns()),
            timestamp: Iso8601 {
                unix_us: seen.arrived_unix_us(),
            },
        }
    }
}

struct Gates<'s>(&'s Seen<'s>);

impl Serialize for Gates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.gates().map(Gate::of))
    }
}

#[derive(Serialize)]
struct Gate<'s> {
    name: &'s str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    latency_ms: f64,
    /// There when it is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<bool>,
}

impl<'s> Gate<'s> {
    fn of(gate: SeenGate<'s>) -> Self {
        let SeenGate { name, outcome } = gate;
        Self {
            name,
            passed: outcome.passed(),
            reason: outcome.reason.map(Reason::name),
            latency_ms: milliseconds(outcome.latency_ns),
            skipped: (outcome.status == GateStatus::Skipped).then_some(true),
        }
    }
}

/// As in a reply that is written as JSON.
const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "VERDICT_PASS",
        Verdict::Fail => "VERDICT_FAIL",
        Verdict::NoBid => "VERDICT_NO_BID",
        Verdict::NotEvaluated => "VERDICT_NOT_EVALUATED",
        Verdict::Error => "VERDICT_ERROR",
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 104 days")]
pub(super) fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// As in a reply: 32 hexadecimal digits.
pub(super) struct Hex(pub(super) EvaluationId);

impl Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EvaluationId(id) = self.0;
        write!(f, "{id:032x}")
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A moment as ISO 8601: UTC, with microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Iso8601 {
    pub(super) unix_us: u64,
}

impl Display for Iso8601 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.unix_us / 1_000_000).unwrap_or_default();
        let whole = Timestamp { seconds, nanos: 0 }.to_string();
        let microseconds = self.unix_us % 1_000_000;
        write!(f, "{}.{microseconds:06}Z", whole.trim_end_matches('Z'))
    }
}

impl Serialize for Iso8601 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_counts_has_no_more_bytes_than_are_planned_for() {
        for name in ["", "bidder", "\"\\\n\0\u{1f}\u{7f}\u{2028}\u{1f600}"] {
            let mut list = CountList::default();
            list.add((name, name), Verdict::NotEvaluated, u64::MAX);
            let mut json = Vec::new();
            write(&mut json, &list);
            assert!(json.len() <= count_bytes_max((name, name)), "{name:?}");
        }
    }

    #[test]
    fn a_moment_has_six_digits_behind_its_seconds() {
        let written = |unix_us| Iso8601 { unix_us }.to_string();
        assert_eq!(
            written(1_760_000_000_000_000),
            "2025-10-09T08:53:20.000000Z"
        );
        assert_eq!(
            written(1_760_000_000_000_007),
            "2025-10-09T08:53:20.000007Z"
        );
        assert_eq!(written(0), "1970-01-01T00:00:00.000000Z");
    }
}
