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
use std::time::Duration;

use cells::Cells;

use crate::callers::{CallerId, Callers};
use crate::evaluate::Evaluation;
use crate::policy::Policy;
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

    /// The page of `/metrics`, Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self, server: &ServerGauges<'_>) -> String {
        exposition::render(self, server)
    }
}

/// The label of gates that are not built in: expressions of a policy, and those that a program brings along. A policy
/// loaded later may have others, so they count together.
const CUSTOM_GATE: &str = "custom";

/// Content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the server knows and no worker counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerGauges<'a> {
    /// Calls and stream messages held now.
    pub in_flight: usize,
    /// Connections open now.
    pub connections_open: usize,
    /// Connections closed at once for want of room.
    pub connections_refused: u64,
    /// Lines of the log that were not written.
    pub log_lines_suppressed: u64,
    /// The policy that judges now.
    pub policy: PolicyGauges<'a>,
}

/// What the server knows of its policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyGauges<'a> {
    /// Digest.
    pub version: &'a str,
    /// Time since it was loaded.
    pub age: Duration,
    /// Policies that took the place of another.
    pub reloads: u64,
    /// Attempts to replace it that failed.
    pub refusals: u64,
    /// Whether the latest attempt, or the start, succeeded.
    pub file_accepted: bool,
}

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
                .outcome(*slot, outcome.mode, outcome.status, outcome.reason)
                .increment();
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
}

#[cfg(test)]
mod tests {
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
            connections_open: 2,
            connections_refused: 1,
            log_lines_suppressed: 6,
            policy: PolicyGauges {
                version: "v\"1",
                age: Duration::from_millis(1500),
                reloads: 4,
                refusals: 5,
                file_accepted: false,
            },
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
