//! What the sidecar counts about itself, and the Prometheus page that shows it.
//!
//! Every worker writes cells of its own and the scrape adds them up, so that recording an evaluation takes no
//! lock, no allocation, no system call and no cache line of another worker.

pub(crate) mod catalog;

mod cells;
mod counter;
mod evaluations;
mod gauges;
mod histogram;
mod rpc_method;

mod sample;
mod walk;

mod exposition;
mod process;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

pub use catalog::{CATALOG, Family, Kind};
pub use gauges::{
    AuditGauges, DroppedEvents, ExportedMessages, OtlpCounts, PolicyGauges, ServerGauges,
    TelemetryGauges, TlsGauges,
};
pub use rpc_method::RpcMethod;
pub use sample::{HistogramSnapshot, Sample, Value};

use cells::Cells;
use exposition::Page;
use walk::Walk;

use crate::callers::{CallerId, Callers};
use crate::evaluate::Evaluation;
use crate::policy::{GateSlot, Policy};
use crate::verdict::{ErrorCode, Verdict};

/// All workers' cells, for the scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    gates: Arc<[&'static str]>,
    callers: Arc<Callers>,
    workers: Arc<[Arc<Cells>]>,
}

impl Metrics {
    /// Cells for `workers` writers and every gate there is, so that a policy loaded later counts on where another
    /// stopped, and grows neither memory nor label cardinality.
    #[must_use]
    pub fn new(workers: usize) -> (Self, Vec<Recorder>) {
        let gates: Arc<[&'static str]> = Policy::known_gates().chain([CUSTOM_GATE]).collect();
        let callers = Arc::<Callers>::default();
        let workers: Arc<[_]> = (0..workers)
            .map(|_| Arc::new(Cells::new(gates.len())))
            .collect();
        let recorders = workers
            .iter()
            .map(|cells| Recorder::new(&callers, cells))
            .collect();
        (
            Self {
                gates,
                callers,
                workers,
            },
            recorders,
        )
    }

    /// Who called.
    #[must_use]
    pub fn callers(&self) -> &Callers {
        &self.callers
    }

    /// Evaluations since the start, of one caller with one verdict.
    #[must_use]
    pub fn evaluations(&self, caller: CallerId, verdict: Verdict) -> u64 {
        let counted = |cells: &Arc<Cells>| cells.evaluations(caller, verdict).read();
        self.workers.iter().map(counted).sum()
    }

    /// Every gate that has cells of its own, and the one that stands for all others, each with its label.
    fn gates(&self) -> impl Iterator<Item = (GateSlot, &'static str)> {
        let slots = (0..).map(GateSlot::from_number);
        slots.zip(self.gates.iter().copied())
    }

    /// Hands every sample of every family to `each`, in the order of [`CATALOG`]. Recording goes on meanwhile, and
    /// waits for nothing here.
    pub fn collect(&self, server: &ServerGauges<'_>, each: &mut dyn FnMut(&Sample<'_>)) {
        Walk::new(self, each).all(server);
    }

    /// The page of `/metrics`, Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self, server: &ServerGauges<'_>) -> String {
        let mut page = Page::new();
        self.collect(server, &mut |sample| page.add(sample));
        page.into_text()
    }
}

/// The label of gates that are not built in: expressions of a policy, and those that a program brings along. A policy
/// loaded later may have others, so they count together.
const CUSTOM_GATE: &str = "custom";

/// Content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One worker's pen: the only writer of its cells.
#[derive(Debug)]
pub struct Recorder {
    callers: Arc<Callers>,
    cells: Arc<Cells>,
    /// Who called last, and often calls again.
    caller: Cell<CallerId>,
    /// Not `Sync`: a cell is added to by load and store, which is right for a single writer only.
    single_writer: PhantomData<Cell<()>>,
}

impl Recorder {
    fn new(callers: &Arc<Callers>, cells: &Arc<Cells>) -> Self {
        Self {
            callers: Arc::clone(callers),
            cells: Arc::clone(cells),
            caller: Cell::new(CallerId::OTHER),
            single_writer: PhantomData,
        }
    }

    /// Counts one evaluation, and says whose it was.
    pub fn observe(&self, evaluation: &Evaluation<'_>) -> CallerId {
        let caller = self.caller(evaluation.caller());
        self.cells
            .evaluations(caller, evaluation.verdict)
            .increment();
        self.cells.evaluation_seconds.record(evaluation.total_ns);
        for (slot, outcome) in evaluation.gate_slots().iter().zip(evaluation.outcomes()) {
            self.cells
                .outcomes(*slot, outcome.mode, outcome.status)
                .increment(outcome.reason);
        }
        if let Some(error) = &evaluation.error {
            self.malformed_payload(error.code);
        }
        caller
    }

    fn caller(&self, (agent_id, tool): (&str, &str)) -> CallerId {
        let last = self.caller.get();
        if self.callers.is(last, agent_id, tool) {
            return last;
        }
        let caller = self.callers.intern(agent_id, tool);
        self.caller.set(caller);
        caller
    }

    /// Counts a call, or a message of a stream, by the time until its reply was handed over to be sent.
    pub fn answered(&self, method: RpcMethod, duration_ns: u64) {
        self.cells.rpc_seconds(method).record(duration_ns);
    }

    /// Counts a call or stream message turned away because too many were in flight, or it had waited too long.
    pub fn shed(&self) {
        self.cells.shed.increment();
    }

    /// Counts a call or stream turned away because its caller does not read its replies.
    pub fn unread(&self) {
        self.cells.unread.increment();
    }

    /// Counts a message above the size limit.
    pub fn too_large(&self) {
        self.cells.too_large.increment();
    }

    /// Counts a message that is not an encoded `EvaluateRequest`.
    pub fn malformed_message(&self) {
        self.cells.malformed_message.increment();
    }

    /// Counts a call of which `agent_id` or `tool` is out of range.
    pub fn invalid_argument(&self) {
        self.cells.invalid_argument.increment();
    }

    fn malformed_payload(&self, code: ErrorCode) {
        match code {
            ErrorCode::MalformedBidRequest => self.cells.malformed_bid_request.increment(),
            ErrorCode::MalformedBidResponse => self.cells.malformed_bid_response.increment(),
            ErrorCode::LimitExceeded | ErrorCode::InvalidArgument => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::evaluate::{Call, Clock, Evaluator};
    use crate::limits::CALLERS_MAX;

    struct Stopped;

    impl Clock for Stopped {
        fn arrived_unix_us(&self) -> u64 {
            0
        }
        fn elapsed_ns(&self) -> u64 {
            3_000
        }
    }

    fn page(recorded: impl Fn(&Recorder)) -> String {
        let (metrics, recorders) = Metrics::new(2);
        for recorder in &recorders {
            recorded(recorder);
        }
        let gauges = ServerGauges {
            in_flight: 3,
            max_in_flight: 1024,
            connections_open: 2,
            connections_refused: 1,
            policy: PolicyGauges {
                version: "v\"1",
                budget: Duration::from_millis(15),
                age: Duration::from_millis(1500),
                reloads: 4,
                refusals: 5,
                file_accepted: false,
            },
            telemetry: TelemetryGauges {
                offered: 9,
                delivered: 5,
                dropped: DroppedEvents {
                    sampled_out: 3,
                    ..DroppedEvents::default()
                },
                in_flight: 1,
                ..TelemetryGauges::default()
            },
            log_lines_suppressed: 6,
            panics: 7,
            threads_lost: ["a", "b", "c", "d", "e", "f", "g"].map(|thread| (thread, thread == "b")),
            ..ServerGauges::default()
        };
        metrics.render(&gauges)
    }

    fn observe(recorder: &Recorder) {
        observe_by(recorder, &Policy::default());
    }

    fn observe_by(recorder: &Recorder, policy: &Policy) {
        let call = Call {
            agent_id: "a",
            bid_request: b"{}",
            ..Call::default()
        };
        recorder.observe(&Evaluator::default().evaluate(&call, policy, &Stopped));
    }

    fn observe_call(recorder: &Recorder, agent_id: &str, tool: &str) {
        let call = Call {
            agent_id,
            tool,
            bid_request: b"{}",
            ..Call::default()
        };
        recorder.observe(&Evaluator::default().evaluate(&call, &Policy::default(), &Stopped));
    }

    #[test]
    fn the_scrape_adds_up_the_workers() {
        let page = page(observe);
        assert!(
            page.contains("bidgate_evaluations_total{verdict=\"no_bid\"} 2\n"),
            "{page}"
        );
        assert!(
            page.contains("bidgate_evaluation_seconds_count 2\n"),
            "{page}"
        );
        assert!(page.contains("gate=\"tmaxGuard\""), "{page}");
    }

    #[test]
    fn a_gate_counts_on_under_another_policy() {
        let other = "gates: [{name: bcatCompliance}, {name: impidMatch}, {name: tmaxGuard}]";
        let page = page(|recorder| {
            observe(recorder);
            observe_by(recorder, &Policy::from_yaml(other, "t").unwrap());
        });
        for (gate, count) in [("impidMatch", 4), ("bidSanity", 2), ("bcatCompliance", 4)] {
            let line = format!(
                "gate=\"{gate}\",status=\"skipped\",reason=\"no_bids\",mode=\"enforce\"}} {count}\n"
            );
            assert!(page.contains(&line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn the_policy_tells_its_age_and_what_became_of_reloads() {
        let page = page(|_| {});
        for line in [
            "bidgate_policy_age_seconds 1.5",
            "bidgate_policy_reloads_total{outcome=\"loaded\"} 4",
            "bidgate_policy_reloads_total{outcome=\"refused\"} 5",
            "bidgate_policy_file_accepted 0",
        ] {
            assert!(
                page.contains(&format!("{line}\n")),
                "{line} is not in\n{page}"
            );
        }
    }

    #[test]
    fn histogram_buckets_are_cumulative() {
        let page = page(observe);
        assert!(
            page.contains("bidgate_evaluation_seconds_bucket{le=\"0.000002\"} 0\n"),
            "{page}"
        );
        assert!(
            page.contains("bidgate_evaluation_seconds_bucket{le=\"0.000005\"} 2\n"),
            "{page}"
        );
        assert!(
            page.contains("bidgate_evaluation_seconds_bucket{le=\"+Inf\"} 2\n"),
            "{page}"
        );
        assert!(
            page.contains("bidgate_evaluation_seconds_sum 0.000006\n"),
            "{page}"
        );
    }

    #[test]
    fn refusals_have_counters_of_their_own() {
        let page = page(|recorder| {
            recorder.shed();
            recorder.unread();
            recorder.too_large();
            recorder.malformed_message();
            recorder.invalid_argument();
        });
        for line in [
            "bidgate_shed_total 2",
            "bidgate_unread_total 2",
            "bidgate_too_large_total 2",
            "bidgate_malformed_total{payload=\"message\"} 2",
            "bidgate_invalid_argument_total 2",
            "bidgate_in_flight 3",
            "bidgate_connections_open 2",
            "bidgate_connections_refused_total 1",
            "bidgate_log_lines_suppressed_total 6",
            "bidgate_panics_total 7",
            "bidgate_background_threads_lost{thread=\"a\"} 0",
            "bidgate_background_threads_lost{thread=\"b\"} 1",
        ] {
            assert!(
                page.contains(&format!("{line}\n")),
                "{line} is not in\n{page}"
            );
        }
    }

    #[test]
    fn every_family_of_the_catalog_is_collected_in_its_order_and_with_its_labels() {
        let (metrics, recorders) = Metrics::new(1);
        observe(&recorders[0]);
        let mut families = Vec::new();
        let server = ServerGauges {
            tls: Some(TlsGauges {
                not_after_unix_s: Some(0),
                reloads: 0,
                refusals: 0,
                files_accepted: true,
                handshakes: Default::default(),
            }),
            ..ServerGauges::default()
        };
        metrics.collect(&server, &mut |sample| {
            let labels: Vec<_> = sample.labels.iter().map(|(name, _)| *name).collect();
            assert_eq!(labels, sample.family.labels, "{}", sample.family.name);
            families.push(sample.family.name);
        });
        families.dedup();
        let catalog = CATALOG.iter().map(|family| family.name);
        #[cfg(not(target_os = "linux"))]
        let catalog = catalog.filter(|name| !name.starts_with("process_"));
        assert_eq!(families, catalog.collect::<Vec<_>>());
    }

    #[test]
    fn names_say_what_is_counted_and_in_which_unit() {
        for family in CATALOG {
            let counts = family.kind == Kind::Counter;
            assert_eq!(family.name.ends_with("_total"), counts, "{}", family.name);
            let times = family.kind == Kind::Histogram;
            assert!(
                !times || family.name.ends_with("_seconds"),
                "{}",
                family.name
            );
        }
    }

    #[test]
    fn callers_of_one_name_are_one_sample() {
        let (metrics, recorders) = Metrics::new(2);
        for recorder in &recorders {
            observe(recorder);
            observe_call(recorder, "other", "other");
        }
        for number in 0..CALLERS_MAX {
            observe_call(&recorders[0], &format!("agent-{number}"), "");
        }
        let page = metrics.render(&ServerGauges::default());
        for line in [
            "bidgate_agent_evaluations_total{agent_id=\"a\",tool=\"\",verdict=\"no_bid\"} 2\n",
            // Two who are called so, on each worker, and two who found no room.
            "bidgate_agent_evaluations_total{agent_id=\"other\",tool=\"other\",verdict=\"no_bid\"} 4\n",
        ] {
            assert_eq!(page.matches(line).count(), 1, "{line} is not in\n{page}");
        }
    }

    #[test]
    fn label_values_are_escaped() {
        assert!(page(|_| {}).contains("bidgate_policy_info{version=\"v\\\"1\"} 1\n"));
    }

    #[test]
    fn every_family_has_help_and_type_before_its_samples() {
        let page = page(observe);
        let mut family = "";
        for line in page.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap();
            } else {
                let name = line.strip_prefix("# TYPE ").unwrap_or(line);
                assert!(name.starts_with(family), "{line} stands in {family}");
            }
        }
    }
}
