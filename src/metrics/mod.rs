//! What the sidecar counts about itself, and the Prometheus page that shows it.
//!
//! Every worker writes cells of its own and the scrape adds them up, so that recording an evaluation takes no
//! lock, no allocation, no system call and no cache line of another worker.

mod catalog;

mod cells;
mod gauges;

mod sample;
mod walk;

mod exposition;
mod process;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

pub use catalog::{CATALOG, Family, Kind};
pub use gauges::{DroppedEvents, PolicyGauges, ServerGauges, TelemetryGauges};
pub use sample::{HistogramSnapshot, Sample, Value};

use cells::Cells;
use exposition::Page;
use walk::Walk;

use crate::evaluate::Evaluation;
use crate::policy::Policy;
use crate::verdict::ErrorCode;

/// All workers' cells, for the scrape.
#[derive(Debug)]
pub struct Metrics {
    gates: Arc<[&'static str]>,
    workers: Vec<Arc<Cells>>,
}

impl Metrics {
    /// Cells for `workers` writers and every gate there is, so that a policy loaded later counts on where another
    /// stopped, and grows neither memory nor label cardinality.
    #[must_use]
    pub fn new(workers: usize) -> (Self, Vec<Recorder>) {
        let gates: Arc<[&'static str]> = Policy::known_gates().chain([CUSTOM_GATE]).collect();
        let cells: Vec<_> = (0..workers)
            .map(|_| Arc::new(Cells::new(gates.len())))
            .collect();
        let recorders = cells
            .iter()
            .map(|cells| Recorder::new(&gates, cells))
            .collect();
        (
            Self {
                gates,
                workers: cells,
            },
            recorders,
        )
    }

    /// Hands every sample of every family to `each`, in the order of [`CATALOG`]. Recording goes on meanwhile, and
    /// waits for nothing here.
    pub fn collect(&self, server: &ServerGauges<'_>, each: &mut dyn FnMut(&Sample<'_>)) {
        let mut walk = Walk {
            gates: &self.gates,
            workers: &self.workers,
            each,
        };
        walk.all(server);
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
    gates: Arc<[&'static str]>,
    cells: Arc<Cells>,
    /// Not `Sync`: a cell is added to by load and store, which is right for a single writer only.
    single_writer: PhantomData<Cell<()>>,
}

impl Recorder {
    fn new(gates: &Arc<[&'static str]>, cells: &Arc<Cells>) -> Self {
        Self {
            gates: Arc::clone(gates),
            cells: Arc::clone(cells),
            single_writer: PhantomData,
        }
    }

    /// Counts one evaluation.
    pub fn observe(&self, evaluation: &Evaluation<'_>) {
        self.cells.verdict(evaluation.verdict).increment();
        self.cells.evaluation_seconds.record(evaluation.total_ns);
        let mut slot = 0;
        for (name, outcome) in evaluation.gate_names().iter().zip(evaluation.outcomes()) {
            slot = self.gate_slot(slot, name);
            self.cells
                .outcome(slot, outcome.mode, outcome.status, outcome.reason)
                .increment();
            slot += 1;
        }
        if let Some(error) = &evaluation.error {
            self.malformed_payload(error.code);
        }
    }

    /// Counts a call or stream message turned away because too many were in flight.
    pub fn shed(&self) {
        self.cells.shed.increment();
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

    /// The cells of a gate. A policy rarely reorders gates, so the search begins behind the gate before it.
    fn gate_slot(&self, begin: usize, name: &str) -> usize {
        let custom = self.gates.len().saturating_sub(1);
        let named = |slot: &usize| self.gates.get(*slot).is_some_and(|gate| *gate == name);
        let mut slots = (begin..custom).chain(0..begin.min(custom));
        slots.find(named).unwrap_or(custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::evaluate::{Call, Clock, Evaluator};

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
        };
        metrics.render(&gauges)
    }

    fn observe(recorder: &Recorder) {
        observe_by(recorder, &Policy::default());
    }

    fn observe_by(recorder: &Recorder, policy: &Policy) {
        let mut evaluator = Evaluator::default();
        let call = Call {
            agent_id: "a",
            bid_request: b"{}",
            ..Call::default()
        };
        recorder.observe(&evaluator.evaluate(&call, policy, &Stopped));
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
            recorder.too_large();
            recorder.malformed_message();
            recorder.invalid_argument();
        });
        for line in [
            "bidgate_shed_total 2",
            "bidgate_too_large_total 2",
            "bidgate_malformed_total{payload=\"message\"} 2",
            "bidgate_invalid_argument_total 2",
            "bidgate_in_flight 3",
            "bidgate_connections_open 2",
            "bidgate_connections_refused_total 1",
        ] {
            assert!(
                page.contains(&format!("{line}\n")),
                "{line} is not in\n{page}"
            );
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
