//! Traces: an evaluation as a span, and each gate that was come to as a span in it.
//!
//! Gates are spans rather than events of the one span because a viewer draws spans as bars: what an evaluation spent its
//! time on is seen at a glance. What is known of a gate is how long it took. The bars stand one behind the other and end
//! with the evaluation, so that what is free in front of them is the reading of the payloads.
//!
//! A rejected bid is an answer and no error, so that it does not count where errors of services are counted. Only an
//! auction that could not be judged is one.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, SpanFlags, Status};

use super::client::Export;
use super::messages::{scope, text};
use super::sampler::Sampler;
use crate::telemetry::{Seen, TraceParent};
use crate::verdict::{GateOutcome, GateStatus, Reason, Verdict};
use crate::wire::{EvaluationId, mix};

impl Export for ExportTraceServiceRequest {
    type Answer = ExportTraceServiceResponse;
    const METHOD: &'static str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

    fn refused(answer: &Self::Answer) -> u64 {
        let partial = answer.partial_success.as_ref();
        partial.map_or(0, |partial| {
            u64::try_from(partial.rejected_spans).unwrap_or(0)
        })
    }
}

/// The message that carries `spans`.
pub(super) fn request(spans: Vec<Span>, resource: Resource) -> ExportTraceServiceRequest {
    let spans = ScopeSpans {
        scope: Some(scope()),
        spans,
        ..ScopeSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![spans],
            ..ResourceSpans::default()
        }],
    }
}

/// What a trace shows of an evaluation.
#[derive(Clone, Debug)]
pub(super) struct Judged<'a> {
    pub(super) evaluation_id: EvaluationId,
    pub(super) agent_id: &'a str,
    pub(super) tool: &'a str,
    pub(super) verdict: Verdict,
    /// When the call arrived.
    pub(super) arrived_unix_us: u64,
    pub(super) total_ns: u64,
    pub(super) policy_version: String,
    pub(super) parent: Option<TraceParent>,
    /// By name, in the order of the reply.
    pub(super) gates: Vec<(&'a str, GateOutcome)>,
}

impl<'a> From<&'a Seen<'_>> for Judged<'a> {
    fn from(seen: &'a Seen<'_>) -> Self {
        Self {
            evaluation_id: seen.evaluation_id(),
            agent_id: seen.agent_id(),
            tool: seen.tool(),
            verdict: seen.verdict(),
            arrived_unix_us: seen.arrived_unix_us(),
            total_ns: seen.total_ns(),
            policy_version: seen.policy_version(),
            parent: seen.trace_parent(),
            gates: seen.gates().map(|gate| (gate.name, gate.outcome)).collect(),
        }
    }
}

/// Whether an evaluation is to be traced.
pub(super) fn is_sampled(
    sampler: Sampler,
    evaluation_id: EvaluationId,
    parent: Option<TraceParent>,
) -> bool {
    sampler.samples(Ids::of(evaluation_id, parent).trace_id, parent)
}

/// The spans of an evaluation, its own first.
pub(super) fn spans(judged: &Judged<'_>) -> Vec<Span> {
    let ids = Ids::of(judged.evaluation_id, judged.parent);
    let start = judged.arrived_unix_us.saturating_mul(1000);
    let end = start.saturating_add(judged.total_ns);
    let mut spans = vec![evaluation(judged, ids, start, end)];
    let gates = judged
        .gates
        .iter()
        .filter(|(_, outcome)| is_come_to(outcome));
    let taken_ns: u64 = gates.clone().map(|(_, outcome)| outcome.latency_ns).sum();
    let mut start = end.saturating_sub(taken_ns.min(judged.total_ns));
    for (position, (name, outcome)) in (1..).zip(gates) {
        let end = start.saturating_add(outcome.latency_ns);
        spans.push(Span {
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            ..gate(name, outcome, ids, position)
        });
        start = end;
    }
    spans
}

fn is_come_to(outcome: &GateOutcome) -> bool {
    outcome.status != GateStatus::Aborted
}

fn evaluation(judged: &Judged<'_>, ids: Ids, start: u64, end: u64) -> Span {
    let code = match judged.verdict {
        Verdict::Error => StatusCode::Error,
        Verdict::Pass | Verdict::Fail | Verdict::NoBid | Verdict::NotEvaluated => StatusCode::Unset,
    };
    Span {
        trace_id: ids.trace_id.to_be_bytes().to_vec(),
        span_id: ids.span_id.to_be_bytes().to_vec(),
        parent_span_id: judged
            .parent
            .map_or_else(Vec::new, |parent| parent.parent_id.to_be_bytes().to_vec()),
        flags: flags(judged.parent.is_some()),
        name: "Evaluate".to_owned(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        attributes: vec![
            text(
                "bidgate.evaluation_id",
                format!("{:032x}", judged.evaluation_id.0),
            ),
            text("bidgate.agent_id", judged.agent_id),
            text("bidgate.tool", judged.tool),
            text("bidgate.verdict", judged.verdict.name()),
            text("bidgate.policy_version", &judged.policy_version),
        ],
        status: Some(Status {
            code: code.into(),
            ..Status::default()
        }),
        ..Span::default()
    }
}

fn gate(name: &str, outcome: &GateOutcome, ids: Ids, position: u64) -> Span {
    let reason = outcome.reason.map(Reason::name);
    let attributes = [
        Some(text("bidgate.gate.status", outcome.status.name())),
        reason.map(|reason| text("bidgate.gate.reason", reason)),
        Some(text("bidgate.gate.mode", outcome.mode.name())),
    ];
    Span {
        trace_id: ids.trace_id.to_be_bytes().to_vec(),
        span_id: ids.of_gate(position).to_be_bytes().to_vec(),
        parent_span_id: ids.span_id.to_be_bytes().to_vec(),
        flags: flags(false),
        name: name.to_owned(),
        kind: SpanKind::Internal.into(),
        attributes: attributes.into_iter().flatten().collect(),
        ..Span::default()
    }
}

/// Sampled, and whether the parent is in another process, which is always known.
fn flags(is_remote: bool) -> u32 {
    let remote = if is_remote {
        SpanFlags::ContextIsRemoteMask as u32
    } else {
        0
    };
    u32::from(TraceParent::SAMPLED) | SpanFlags::ContextHasIsRemoteMask as u32 | remote
}

/// The numbers of an evaluation's trace and spans.
///
/// They are made of its own number, of which half is random and half a count: mixed, because the share of traces to
/// sample goes by the trace's number.
#[derive(Clone, Copy, Debug)]
struct Ids {
    trace_id: u128,
    span_id: u64,
}

impl Ids {
    fn of(EvaluationId(number): EvaluationId, parent: Option<TraceParent>) -> Self {
        let [random, count] = halves(number);
        let state = random.wrapping_add(count.wrapping_mul(GOLDEN_RATIO));
        let own = u128::from(random.max(1)) << 64 | u128::from(mix(state));
        Self {
            trace_id: parent.map_or(own, |parent| parent.trace_id),
            span_id: mix(!state).max(1),
        }
    }

    fn of_gate(self, position: u64) -> u64 {
        mix(self
            .span_id
            .wrapping_add(position.wrapping_mul(GOLDEN_RATIO)))
        .max(1)
    }
}

fn halves(number: u128) -> [u64; 2] {
    let half = |shift: u32| u64::try_from(number >> shift & u128::from(u64::MAX)).unwrap_or(0);
    [half(64), half(0)]
}

/// The fractional part of the golden ratio, in units of 2^-64.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::verdict::GateMode;

    fn judged() -> Judged<'static> {
        let outcome = |status, reason, latency_ns| GateOutcome {
            latency_ns,
            ..GateOutcome::new(status, reason)
        };
        Judged {
            evaluation_id: EvaluationId(7 << 64 | 9),
            agent_id: "a",
            tool: "t",
            verdict: Verdict::Fail,
            arrived_unix_us: 1_000_000,
            total_ns: 5_000,
            policy_version: "v".to_owned(),
            parent: None,
            gates: vec![
                ("one", outcome(GateStatus::Passed, None, 300)),
                (
                    "two",
                    outcome(GateStatus::Failed, Some(Reason::ImpidUnknown), 700),
                ),
                ("three", outcome(GateStatus::Aborted, None, 0)),
            ],
        }
    }

    fn sampler(name: &str) -> Sampler {
        Sampler::named(name, super::super::sampler::Ratio::DEFAULT).unwrap()
    }

    #[test]
    fn gates_stand_one_behind_the_other_at_the_end_of_their_evaluation() {
        let spans = spans(&judged());
        let times = spans.iter().map(|span| {
            (
                span.name.as_str(),
                span.start_time_unix_nano,
                span.end_time_unix_nano,
            )
        });
        assert!(times.eq([
            ("Evaluate", 1_000_000_000, 1_000_005_000),
            ("one", 1_000_004_000, 1_000_004_300),
            ("two", 1_000_004_300, 1_000_005_000),
        ]));
    }

    #[test]
    fn gates_that_claim_more_time_than_there_was_begin_with_their_evaluation() {
        let mut long = judged();
        long.gates[0].1.latency_ns = 1_000_000;
        assert_eq!(spans(&long)[1].start_time_unix_nano, 1_000_000_000);
    }

    #[test]
    fn a_span_says_what_was_judged_and_what_a_gate_found() {
        let mut warned = judged();
        warned.gates[1].1.mode = GateMode::Warn;
        let spans = spans(&warned);
        let said = [
            ("bidgate.evaluation_id", "00000000000000070000000000000009"),
            ("bidgate.agent_id", "a"),
            ("bidgate.tool", "t"),
            ("bidgate.verdict", "fail"),
            ("bidgate.policy_version", "v"),
        ];
        assert_eq!(
            spans[0].attributes,
            said.map(|(key, value)| text(key, value))
        );
        let said = [
            ("bidgate.gate.status", "failed"),
            ("bidgate.gate.reason", "impid_unknown"),
            ("bidgate.gate.mode", "warn"),
        ];
        assert_eq!(
            spans[2].attributes,
            said.map(|(key, value)| text(key, value))
        );
        assert_eq!(spans[1].attributes.len(), 2);
    }

    #[test]
    fn a_rejection_is_no_error_and_an_unreadable_auction_is() {
        let code = |verdict| {
            let spans = spans(&Judged {
                verdict,
                ..judged()
            });
            spans[0].status.as_ref().unwrap().code()
        };
        assert_eq!(code(Verdict::Fail), StatusCode::Unset);
        assert_eq!(code(Verdict::Error), StatusCode::Error);
    }

    #[test]
    fn a_trace_is_the_callers_if_there_is_one() {
        let parent = TraceParent {
            trace_id: 0xabc,
            parent_id: 0xdef,
            flags: 1,
        };
        let judged = Judged {
            parent: Some(parent),
            ..judged()
        };
        let [evaluation, gates @ ..] = &spans(&judged)[..] else {
            panic!()
        };
        assert_eq!(evaluation.trace_id, 0xabc_u128.to_be_bytes());
        assert_eq!(evaluation.parent_span_id, 0xdef_u64.to_be_bytes());
        assert_eq!(evaluation.flags, 0x301);
        for gate in gates {
            assert_eq!(gate.trace_id, evaluation.trace_id);
            assert_eq!(gate.parent_span_id, evaluation.span_id);
            assert_eq!(gate.flags, 0x101);
        }
        let id = judged.evaluation_id;
        let asks_parent = sampler("parentbased_always_on");
        assert!(is_sampled(asks_parent, id, Some(parent)));
        let unsampled = TraceParent { flags: 0, ..parent };
        assert!(!is_sampled(asks_parent, id, Some(unsampled)));
    }

    #[test]
    fn every_span_has_an_id_of_its_own_and_traces_are_sampled_by_their_share() {
        let (mut span_ids, mut trace_ids, mut sampled) = (BTreeSet::new(), BTreeSet::new(), 0);
        for count in 0..20_000 {
            let judged = Judged {
                evaluation_id: EvaluationId(7 << 64 | count),
                ..judged()
            };
            let is_sampled = is_sampled(sampler("traceidratio"), judged.evaluation_id, None);
            sampled += usize::from(is_sampled);
            let spans = spans(&judged);
            trace_ids.insert(spans[0].trace_id.clone());
            span_ids.extend(spans.into_iter().map(|span| span.span_id));
        }
        assert_eq!((trace_ids.len(), span_ids.len()), (20_000, 60_000));
        assert!((10..=30).contains(&sampled), "{sampled}");
    }
}
