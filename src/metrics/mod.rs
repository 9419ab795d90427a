//! What the sidecar counts about itself, and the Prometheus page that shows it.
//!
//! Every worker writes cells of its own and the scrape adds them up, so that recording an evaluation takes no
//! lock, no allocation, no system call and no cache line of another worker.

mod catalog;
mod cells;
mod exposition;
mod process;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use cells::Cells;

use crate::evaluate::Evaluation;
use crate::verdict::ErrorCode;

/// All workers' cells, for the scrape.
#[derive(Debug)]
pub struct Metrics {
    gates: Arc<[Arc<str>]>,
    workers: Vec<Arc<Cells>>,
}

impl Metrics {
    /// Cells for `workers` writers that know the given gates. A gate of another name counts as `other`, so that a
    /// policy loaded later cannot grow memory or label cardinality.
    #[must_use]
    pub fn new(workers: usize, gates: &[Arc<str>]) -> (Self, Vec<Recorder>) {
        let gates: Arc<[Arc<str>]> = gates.iter().cloned().chain([OTHER_GATE.into()]).collect();
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

    /// The page of `/metrics`, Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self, server: &ServerGauges<'_>) -> String {
        exposition::render(&self.gates, &self.workers, server)
    }
}

/// Content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the server knows and no worker counts.
#[derive(Clone, Copy, Debug)]
pub struct ServerGauges<'a> {
    /// Calls and stream messages held now.
    pub in_flight: usize,
    /// Connections open now.
    pub connections_open: usize,
    /// Connections closed at once for want of room.
    pub connections_refused: u64,
    /// Digest of the policy that judges now.
    pub policy_version: &'a str,
}

/// One worker's pen: the only writer of its cells.
#[derive(Debug)]
pub struct Recorder {
    gates: Arc<[Arc<str>]>,
    cells: Arc<Cells>,
    /// Not `Sync`: a cell is added to by load and store, which is right for a single writer only.
    single_writer: PhantomData<Cell<()>>,
}

impl Recorder {
    fn new(gates: &Arc<[Arc<str>]>, cells: &Arc<Cells>) -> Self {
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
        let names = evaluation.policy.gate_names();
        for (position, (name, outcome)) in names.iter().zip(evaluation.outcomes()).enumerate() {
            self.cells
                .outcome(
                    self.gate_slot(position, name),
                    outcome.status,
                    outcome.reason,
                )
                .increment();
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

    /// The cells of a gate. A policy rarely reorders gates, so the slot at its own position is tried first.
    fn gate_slot(&self, position: usize, name: &str) -> usize {
        if self.gates.get(position).is_some_and(|gate| **gate == *name) {
            return position;
        }
        let other = self.gates.len().saturating_sub(1);
        self.gates
            .iter()
            .position(|gate| **gate == *name)
            .unwrap_or(other)
    }
}

const OTHER_GATE: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Call, Clock, Evaluator};
    use crate::policy::Policy;

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
        let policy = Policy::default();
        let (metrics, recorders) = Metrics::new(2, policy.gate_names());
        for recorder in &recorders {
            recorded(recorder);
        }
        let gauges = ServerGauges {
            in_flight: 3,
            connections_open: 2,
            connections_refused: 1,
            policy_version: "v\"1",
        };
        metrics.render(&gauges)
    }

    fn observe(recorder: &Recorder) {
        let policy = Policy::default();
        let mut evaluator = Evaluator::default();
        let call = Call {
            agent_id: "a",
            bid_request: b"{}",
            ..Call::default()
        };
        recorder.observe(&evaluator.evaluate(&call, &policy, &Stopped));
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
