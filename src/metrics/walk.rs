//! One walk over every family, in the order of the catalog. Whatever is exported is written from it.

use std::time::Duration;

use super::Metrics;
use super::catalog::{self, Family};
use super::cells::{Cells, OutcomeCells};
use super::counter::Counter;
use super::evaluations::Evaluations;
use super::gauges::{
    AuditGauges, OtlpCounts, PolicyGauges, ServerGauges, TelemetryGauges, TlsGauges,
};
use super::histogram::Histogram;
use super::process::Process;
use super::rpc_method::RpcMethod;
use super::sample::{HistogramSnapshot, Sample, Value};
use crate::verdict::{GateMode, GateStatus, Reason};

/// Hands every sample to `each`. It reads cells and holds nothing that a worker could wait for, however long `each`
/// takes.
pub(super) struct Walk<'a> {
    metrics: &'a Metrics,
    each: &'a mut dyn FnMut(&Sample<'_>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(metrics: &'a Metrics, each: &'a mut dyn FnMut(&Sample<'_>)) -> Self {
        Self { metrics, each }
    }

    pub(super) fn all(&mut self, server: &ServerGauges<'_>) {
        self.evaluations();
        self.gate_outcomes();
        self.latency();
        self.time(catalog::EVALUATION_BUDGET, server.policy.budget);
        self.gauge(catalog::IN_FLIGHT, server.in_flight);
        self.gauge(catalog::MAX_IN_FLIGHT, server.max_in_flight);
        self.refusals();
        self.gauge(catalog::CONNECTIONS_OPEN, server.connections_open);
        self.count(catalog::CONNECTIONS_REFUSED, server.connections_refused);
        let turned_away = server.unix_connections_turned_away;
        self.count(catalog::UNIX_TURNED_AWAY, turned_away);
        server.tls.iter().for_each(|tls| self.tls(tls));
        for (reason, requests) in server.admin_turned_away {
            self.labelled(catalog::ADMIN_TURNED_AWAY, [reason], requests);
        }
        self.info(catalog::BUILD_INFO, env!("CARGO_PKG_VERSION"));
        self.policy(&server.policy);
        self.telemetry(&server.telemetry);
        self.count(catalog::PANICS, server.panics);
        for (thread, lost) in server.threads_lost {
            let lost = if lost { 1.0 } else { 0.0 };
            self.sample_with(catalog::THREADS_LOST, [thread], Value::Gauge(lost));
        }
        self.count(catalog::LOG_LINES_SUPPRESSED, server.log_lines_suppressed);
        self.otlp(server.otlp);
        self.audit(server.audit);
        self.process();
    }

    /// Both families from one reading: the agents add up to the total.
    fn evaluations(&mut self) {
        let evaluations = Evaluations::read(self.metrics);
        for (verdict, count) in evaluations.total() {
            self.labelled(catalog::EVALUATIONS, [verdict.name()], count);
        }
        for ((agent_id, tool), verdict, count) in evaluations.by_caller() {
            let labels = [agent_id, tool, verdict.name()];
            self.labelled(catalog::AGENT_EVALUATIONS, labels, count);
        }
    }

    /// Most combinations of gate, status and reason cannot happen: what has not is left out.
    fn gate_outcomes(&mut self) {
        for (slot, gate) in self.metrics.gates() {
            for mode in GateMode::ALL {
                for status in GateStatus::ALL {
                    self.outcomes(
                        |cells| cells.outcomes(slot, mode, status),
                        |reason| [gate, status.name(), reason, mode.name()],
                    );
                }
            }
        }
    }

    /// Those of one gate, mode and status. There are a hundred reasons and more for each: where no worker has seen one,
    /// none is looked at.
    fn outcomes(
        &mut self,
        of: impl Fn(&Cells) -> &OutcomeCells,
        labels: impl Fn(&'static str) -> [&'static str; 4],
    ) {
        let without = self.sum(|cells| &of(cells).without_reason);
        self.outcome(labels(""), without);
        let metrics = self.metrics;
        if metrics.workers.iter().any(|cells| of(cells).have_reasons()) {
            for reason in Reason::ALL {
                let count = self.sum(|cells| of(cells).by_reason(*reason));
                self.outcome(labels(reason.name()), count);
            }
        }
    }

    fn outcome(&mut self, labels: [&'static str; 4], count: u64) {
        if count > 0 {
            self.labelled(catalog::GATE_OUTCOMES, labels, count);
        }
    }

    fn latency(&mut self) {
        let workers = || self.metrics.workers.iter();
        let evaluations = workers().map(|cells| &cells.evaluation_seconds);
        self.durations(catalog::EVALUATION_SECONDS, [], evaluations);
        for method in RpcMethod::ALL {
            let calls = workers().map(|cells| cells.rpc_seconds(method));
            self.durations(catalog::RPC_SECONDS, [method.name()], calls);
        }
    }

    fn refusals(&mut self) {
        let shed = self.sum(|cells| &cells.shed);
        self.count(catalog::SHED, shed);
        let unread = self.sum(|cells| &cells.unread);
        self.count(catalog::UNREAD, unread);
        let too_large = self.sum(|cells| &cells.too_large);
        self.count(catalog::TOO_LARGE, too_large);
        let bid_requests = self.sum(|cells| &cells.malformed_bid_request);
        self.labelled(catalog::MALFORMED, ["bid_request"], bid_requests);
        let bid_responses = self.sum(|cells| &cells.malformed_bid_response);
        self.labelled(catalog::MALFORMED, ["bid_response"], bid_responses);
        let messages = self.sum(|cells| &cells.malformed_message);
        self.labelled(catalog::MALFORMED, ["message"], messages);
        let invalid_argument = self.sum(|cells| &cells.invalid_argument);
        self.count(catalog::INVALID_ARGUMENT, invalid_argument);
    }

    /// Left out where there is none.
    fn tls(&mut self, tls: &TlsGauges) {
        for (outcome, handshakes) in tls.handshakes {
            self.labelled(catalog::TLS_HANDSHAKES, [outcome], handshakes);
        }
        if let Some(not_after) = tls.not_after_unix_s {
            self.gauge(catalog::TLS_NOT_AFTER, not_after.max(0));
        }
        self.labelled(catalog::TLS_RELOADS, ["loaded"], tls.reloads);
        self.labelled(catalog::TLS_RELOADS, ["refused"], tls.refusals);
        let accepted = usize::from(tls.files_accepted);
        self.gauge(catalog::TLS_FILES_ACCEPTED, accepted);
    }

    fn policy(&mut self, policy: &PolicyGauges<'_>) {
        self.info(catalog::POLICY_INFO, policy.version);
        self.time(catalog::POLICY_AGE, policy.age);
        self.labelled(catalog::POLICY_RELOADS, ["loaded"], policy.reloads);
        self.labelled(catalog::POLICY_RELOADS, ["refused"], policy.refusals);
        let accepted = usize::from(policy.file_accepted);
        self.gauge(catalog::POLICY_FILE_ACCEPTED, accepted);
    }

    fn telemetry(&mut self, telemetry: &TelemetryGauges<'_>) {
        self.info(catalog::TELEMETRY_INFO, telemetry.sink);
        self.count(catalog::TELEMETRY_OFFERED, telemetry.offered);
        self.count(catalog::TELEMETRY_DELIVERED, telemetry.delivered);
        for (reason, events) in telemetry.dropped.by_reason() {
            self.labelled(catalog::TELEMETRY_DROPPED, [reason], events);
        }
        self.gauge(catalog::TELEMETRY_IN_FLIGHT, telemetry.in_flight);
        self.gauge(catalog::TELEMETRY_PENDING, telemetry.batches_pending);
        self.count(catalog::TELEMETRY_BATCHES, telemetry.batches_delivered);
        self.count(catalog::TELEMETRY_RETRIES, telemetry.retries);
        let failures = telemetry.rotation_failures;
        self.count(catalog::TELEMETRY_ROTATION_FAILURES, failures);
    }

    fn otlp(&mut self, otlp: OtlpCounts) {
        for (labels, messages) in otlp.exports() {
            self.labelled(catalog::OTLP_EXPORTS, labels, messages);
        }
        for (outcome, spans) in otlp.spans() {
            self.labelled(catalog::OTLP_SPANS, [outcome], spans);
        }
    }

    fn audit(&mut self, audit: AuditGauges) {
        for (outcome, events) in [("written", audit.written), ("lost", audit.lost)] {
            self.labelled(catalog::AUDIT_EVENTS, [outcome], events);
        }
        self.count(catalog::AUDIT_FAILURES, audit.failures);
    }

    /// What the system does not tell is left out.
    fn process(&mut self) {
        let process = Process::look();
        let numbers = [
            (catalog::RESIDENT_MEMORY, process.resident_memory_bytes),
            (catalog::OPEN_FDS, process.open_fds),
            (catalog::MAX_FDS, process.max_fds),
            (catalog::THREADS, process.threads),
        ];
        for (family, number) in numbers.into_iter().filter_map(told) {
            self.gauge(family, number);
        }
        let times = [
            (catalog::CPU_SECONDS, process.cpu_time),
            (catalog::START_TIME, process.start_time),
        ];
        for (family, time) in times.into_iter().filter_map(told) {
            self.time(family, time);
        }
    }

    fn durations<'c, const LABELS: usize>(
        &mut self,
        family: Family,
        labels: [&str; LABELS],
        histograms: impl Iterator<Item = &'c Histogram>,
    ) {
        let mut snapshot = HistogramSnapshot::new();
        histograms.for_each(|histogram| snapshot.add(histogram));
        self.sample_with(family, labels, Value::Histogram(&snapshot));
    }

    fn info(&mut self, family: Family, text: &str) {
        self.sample_with(family, [text], Value::Gauge(1.0));
    }

    fn labelled<const LABELS: usize>(
        &mut self,
        family: Family,
        labels: [&str; LABELS],
        count: u64,
    ) {
        self.sample_with(family, labels, Value::Count(count));
    }

    fn count(&mut self, family: Family, count: u64) {
        self.sample(family, &[], Value::Count(count));
    }

    fn gauge(&mut self, family: Family, value: impl TryInto<u64>) {
        let value = value.try_into().unwrap_or(u64::MAX);
        #[expect(
            clippy::cast_precision_loss,
            reason = "bytes and numbers of things: far below 2^53"
        )]
        self.sample(family, &[], Value::Gauge(value as f64));
    }

    fn time(&mut self, family: Family, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sample(family, &[], Value::Seconds { ns });
    }

    fn sample_with<const LABELS: usize>(
        &mut self,
        family: Family,
        texts: [&str; LABELS],
        value: Value<'_>,
    ) {
        let mut labels = texts.map(|text| ("", text));
        for (label, name) in labels.iter_mut().zip(family.labels) {
            label.0 = name;
        }
        self.sample(family, &labels, value);
    }

    fn sample(&mut self, family: Family, labels: &[(&'static str, &str)], value: Value<'_>) {
        (self.each)(&Sample {
            family,
            labels,
            value,
        });
    }

    fn sum(&self, counter: impl Fn(&Cells) -> &Counter) -> u64 {
        self.metrics
            .workers
            .iter()
            .map(|cells| counter(cells).read())
            .sum()
    }
}

/// A value together with its family, if there is one.
fn told<T>((family, value): (Family, Option<T>)) -> Option<(Family, T)> {
    Some((family, value?))
}
