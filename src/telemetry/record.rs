//! One evaluation as it is recorded: integers and members of closed sets, and nothing else (spec: telemetry §1).
//!
//! No byte of a payload fits in here but as a number that somebody computed: the boundary is the type.

use super::ring::Words;
use super::trace_parent::TraceParent;
use crate::callers::CallerId;
use crate::evaluate::Evaluation;
use crate::limits::GATES_MAX;
use crate::policy::GateSlot;
use crate::verdict::{GateMode, GateOutcome, GateStatus, Reason, Verdict};
use crate::wire::EvaluationId;

/// One evaluation.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: EvaluationId,
    pub(super) caller: CallerId,
    pub(super) verdict: Verdict,
    /// Microseconds since the Unix epoch.
    pub(super) arrived_unix_us: u64,
    pub(super) total_ns: u64,
    /// The policy that judged, by its digest.
    pub(super) policy: u64,
    pub(super) trace_parent: Option<TraceParent>,
    /// In the order of the reply.
    pub(super) gates: Vec<(GateSlot, GateOutcome)>,
}

/// True when something went wrong: failed, not judged, or warned of.
pub(super) fn is_notable<'o>(
    verdict: Verdict,
    mut outcomes: impl Iterator<Item = &'o GateOutcome>,
) -> bool {
    let warned = |outcome: &GateOutcome| outcome.passed() && !outcome.status.passed();
    match verdict {
        Verdict::Fail | Verdict::NotEvaluated | Verdict::Error => true,
        Verdict::Pass | Verdict::NoBid => outcomes.any(warned),
    }
}

/// Words of the largest record.
pub(super) const RECORD_WORDS: usize = HEAD_WORDS + TRACE_WORDS + GATES_MAX;
const HEAD_WORDS: usize = 6;
const TRACE_WORDS: usize = 3;
/// What stands for no reason.
const NO_REASON: u8 = u8::MAX;
const _: () = assert!(Reason::ALL.len() < NO_REASON as usize);
const _: () = assert!(GATES_MAX < u8::MAX as usize);
const _: () = assert!(CallerId::COUNT <= 1 << 16);

/// Writes an evaluation into the words of a slot.
#[inline]
pub(super) fn write(
    words: &mut Words<'_>,
    id: EvaluationId,
    caller: CallerId,
    evaluation: &Evaluation<'_>,
    trace_parent: Option<TraceParent>,
) {
    let EvaluationId(id) = id;
    let [caller_low, caller_high, ..] = (caller.index() as u64).to_le_bytes();
    let verdict = evaluation.verdict as u8;
    let (traced, flags) = trace_parent.map_or((0, 0), |parent| (1, parent.flags));
    words.write(u64::from_le_bytes([
        caller_low,
        caller_high,
        verdict,
        traced,
        flags,
        0,
        0,
        0,
    ]));
    words.write(high(id));
    words.write(low(id));
    words.write(evaluation.arrived_unix_us);
    words.write(evaluation.total_ns);
    words.write(evaluation.policy.digest());
    if let Some(parent) = trace_parent {
        words.write(high(parent.trace_id));
        words.write(low(parent.trace_id));
        words.write(parent.parent_id);
    }
    let outcomes = evaluation.outcomes().iter();
    for (slot, outcome) in evaluation.gate_slots().iter().zip(outcomes) {
        words.write(gate_word(*slot, outcome));
    }
}

/// A latency beyond four seconds is that.
fn gate_word(slot: GateSlot, outcome: &GateOutcome) -> u64 {
    let [slot_low, slot_high] = slot.number().to_le_bytes();
    let kind = outcome.status as u8 | (outcome.mode as u8) << 4;
    let reason = outcome.reason.map_or(NO_REASON, |reason| reason as u8);
    let latency_ns = u32::try_from(outcome.latency_ns).unwrap_or(u32::MAX);
    let [a, b, c, d] = latency_ns.to_le_bytes();
    u64::from_le_bytes([slot_low, slot_high, kind, reason, a, b, c, d])
}

impl Record {
    /// Reads the words that [`write()`] wrote, in place of what stands here. False when they are no record.
    pub(super) fn read(&mut self, words: &[u64]) -> bool {
        let Some((head, rest)) = words.split_first_chunk::<HEAD_WORDS>() else {
            return false;
        };
        let [kind, id_high, id_low, arrived_unix_us, total_ns, policy] = *head;
        let [caller_low, caller_high, verdict, traced, flags, ..] = kind.to_le_bytes();
        let Some(verdict) = Verdict::ALL.get(usize::from(verdict)) else {
            return false;
        };
        let (trace_parent, gates) = match rest.split_first_chunk::<TRACE_WORDS>() {
            Some((words, gates)) if traced == 1 => (Some(trace_parent(words, flags)), gates),
            _ => (None, rest),
        };
        self.id = EvaluationId(wide(id_high, id_low));
        self.caller = CallerId::from_index(u16::from_le_bytes([caller_low, caller_high]).into());
        self.verdict = *verdict;
        self.arrived_unix_us = arrived_unix_us;
        self.total_ns = total_ns;
        self.policy = policy;
        self.trace_parent = trace_parent;
        self.gates.clear();
        self.gates
            .extend(gates.iter().filter_map(|word| gate(*word)));
        true
    }
}

impl Default for Record {
    /// What is there to be read over.
    fn default() -> Self {
        Self {
            id: EvaluationId(0),
            caller: CallerId::OTHER,
            verdict: Verdict::Error,
            arrived_unix_us: 0,
            total_ns: 0,
            policy: 0,
            trace_parent: None,
            gates: Vec::new(),
        }
    }
}

fn trace_parent(
    &[trace_high, trace_low, parent_id]: &[u64; TRACE_WORDS],
    flags: u8,
) -> TraceParent {
    TraceParent {
        trace_id: wide(trace_high, trace_low),
        parent_id,
        flags,
    }
}

fn gate(word: u64) -> Option<(GateSlot, GateOutcome)> {
    let [slot_low, slot_high, kind, reason, latency_ns @ ..] = word.to_le_bytes();
    let outcome = GateOutcome {
        status: *GateStatus::ALL.get(usize::from(kind & 15))?,
        mode: *GateMode::ALL.get(usize::from(kind >> 4))?,
        reason: Reason::ALL.get(usize::from(reason)).copied(),
        latency_ns: u32::from_le_bytes(latency_ns).into(),
    };
    let slot = GateSlot::from_number(u16::from_le_bytes([slot_low, slot_high]));
    Some((slot, outcome))
}

const fn high(wide: u128) -> u64 {
    (wide >> 64) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
const fn low(wide: u128) -> u64 {
    wide as u64
}

const fn wide(high: u64, low: u64) -> u128 {
    (high as u128) << 64 | low as u128
}

#[cfg(test)]
mod tests {
    use super::super::ring::ring;
    use super::*;
    use crate::evaluate::{Call, Clock, Evaluator};
    use crate::policy::Policy;

    struct Stopped;

    impl Clock for Stopped {
        fn arrived_unix_us(&self) -> u64 {
            1_760_000_000_123_456
        }
        fn elapsed_ns(&self) -> u64 {
            3_000
        }
    }

    fn recorded(policy: &Policy, response: &[u8], trace_parent: Option<TraceParent>) -> Record {
        let mut evaluator = Evaluator::default();
        let call = Call {
            agent_id: "a",
            bid_request: br#"{"id":"r","imp":[{"id":"1"}]}"#,
            bid_response: response,
            elapsed_us: Some(0),
            ..Call::default()
        };
        let evaluation = evaluator.evaluate(&call, policy, &Stopped);
        let (mut producer, mut consumer) = ring(1, RECORD_WORDS);
        let id = EvaluationId(u128::MAX - 5);
        let caller = CallerId::from_index(300);
        producer.push(|words| write(words, id, caller, &evaluation, trace_parent));
        let (mut words, mut record) = (Vec::new(), Record::default());
        assert!(consumer.pop(&mut words) && record.read(&words));
        assert_eq!((record.id, record.caller), (id, caller));
        assert_eq!(record.verdict, evaluation.verdict);
        assert_eq!(record.policy, policy.digest());
        let slots: Vec<_> = record.gates.iter().map(|(slot, _)| *slot).collect();
        let outcomes = evaluation.outcomes();
        let expected = evaluation.gate_slots().get(..outcomes.len()).unwrap();
        assert_eq!(slots, expected);
        for ((_, read), outcome) in record.gates.iter().zip(outcomes) {
            assert_eq!((read.status, read.mode), (outcome.status, outcome.mode));
            assert_eq!(
                (read.reason, read.latency_ns),
                (outcome.reason, outcome.latency_ns)
            );
        }
        record
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let failing = br#"{"seatbid":[{"bid":[{"id":"b","impid":"9","price":1}]}]}"#;
        let record = recorded(&Policy::default(), failing, None);
        assert_eq!(record.verdict, Verdict::Fail);
        assert_eq!(record.gates[1].1.reason, Some(Reason::ImpidUnknown));
        assert_eq!(
            (record.arrived_unix_us, record.total_ns),
            (1_760_000_000_123_456, 3_000)
        );
        assert_eq!(record.trace_parent, None);
    }

    #[test]
    fn a_trace_parent_stands_before_the_gates() {
        let parent = TraceParent {
            trace_id: 7 << 64 | 9,
            parent_id: u64::MAX,
            flags: 1,
        };
        let record = recorded(&Policy::default(), b"{}", Some(parent));
        assert_eq!(record.trace_parent, Some(parent));
        assert_eq!(record.gates.len(), 6);
    }

    #[test]
    fn an_evaluation_without_outcomes_is_a_record_too() {
        let record = recorded(&Policy::default(), b"{", None);
        assert_eq!((record.verdict, record.gates.len()), (Verdict::Error, 0));
    }

    #[test]
    fn the_largest_policy_fits_into_a_slot() {
        let gates: Vec<_> = (1..=GATES_MAX)
            .map(|number| format!("{{name: own{number}, mode: warn, expression: 'bid.price < 1'}}"))
            .collect();
        let text = format!("fail_fast: false\ngates: [{}]", gates.join(", "));
        let failing = br#"{"seatbid":[{"bid":[{"id":"b","impid":"9","price":2}]}]}"#;
        let parent = TraceParent {
            trace_id: 1,
            parent_id: 2,
            flags: 3,
        };
        let policy = Policy::from_yaml(&text, "t").unwrap();
        let record = recorded(&policy, failing, Some(parent));
        assert_eq!(record.gates.len(), GATES_MAX);
        assert_eq!(
            record.gates[GATES_MAX - 1].1.reason,
            Some(Reason::ExpressionFalse)
        );
    }
}
