//! The gates of a rule set on one auction: which of them run, in which order, and until when (spec: contract §2).

use super::Clock;
use crate::auction::Auction;
use crate::call::Call;
use crate::gate::{Judged, Memory, Sheet};
use crate::policy::RuleSet;
use crate::verdict::{Finding, GateMode, GateOutcome, GateStatus, Reason, Verdict};

/// One run through the gates of a rule set.
pub(super) struct Run<'r, C> {
    rules: &'r RuleSet,
    /// Gates that hold back more than this percentile only warn.
    percentile: u64,
    clock: &'r C,
    /// Whether the first failed gate ends the evaluation.
    fail_fast: bool,
    /// When the clock was last read, nanoseconds from the call's arrival.
    now_ns: u64,
    outcomes: &'r mut Vec<GateOutcome>,
}

impl<'r, C: Clock> Run<'r, C> {
    /// A run that writes one outcome per gate.
    pub(super) fn new(
        call: &Call<'_>,
        rules: &'r RuleSet,
        percentile: u64,
        clock: &'r C,
        outcomes: &'r mut Vec<GateOutcome>,
    ) -> Self {
        Self {
            rules,
            percentile,
            clock,
            // A bid that one gate lets pass may be refused by another behind the first that fails.
            fail_fast: rules.fail_fast && !call.want_filtered_response,
            now_ns: clock.elapsed_ns(),
            outcomes,
        }
    }

    /// Runs tmaxGuard. The verdict if it ends the evaluation (spec: gates, tmaxGuard rule 3).
    pub(super) fn guard(
        &mut self,
        call: &Call<'_>,
        request_tmax_ms: Option<f64>,
    ) -> Option<Verdict> {
        let guard = self.rules.tmax_guard?;
        let clock = self.clock;
        let outcome = self.timed(|_| guard.judge(call, request_tmax_ms, clock.arrived_unix_us()));
        if outcome.reason != Some(Reason::TmaxExhausted) || !outcome.mode.is_enforced() {
            return None;
        }
        if outcome.status == GateStatus::Failed {
            self.rest(GateStatus::Aborted, None);
            return Some(Verdict::Fail);
        }
        self.rest(outcome.status, outcome.reason);
        Some(Verdict::NotEvaluated)
    }

    /// Skips the gates that judge bids: there is none to judge.
    pub(super) fn no_bids(&mut self) -> Verdict {
        self.rest(GateStatus::Skipped, Some(Reason::NoBids));
        self.verdict(Verdict::NoBid)
    }

    /// Runs the gates that judge bids, until an enforced one fails and it is to fail fast, or time is up.
    pub(super) fn gates(
        &mut self,
        auction: &Auction<'_>,
        findings: &mut Vec<Finding>,
        memory: &mut Memory,
    ) -> Verdict {
        self.now_ns = self.clock.elapsed_ns();
        for gate in &self.rules.gates {
            let position = self.outcomes.len();
            let outcome = self.timed(|mode| {
                let mut sheet = Sheet::new(position, mode, findings, memory);
                match gate.judge(auction, &mut sheet) {
                    Judged::Skipped(reason) => GateOutcome::new(GateStatus::Skipped, Some(reason)),
                    Judged::Bids => sheet.outcome(),
                }
            });
            if self.fail_fast && outcome.status == GateStatus::Failed && !outcome.passed() {
                self.rest(GateStatus::Aborted, None);
                break;
            }
        }
        self.verdict(Verdict::Pass)
    }

    /// The outcome of the next gate if there is time for it (spec: contract §2, the budget is checked before each
    /// gate).
    fn timed(&mut self, judge: impl FnOnce(GateMode) -> GateOutcome) -> GateOutcome {
        let mode = self.rules.mode(self.outcomes.len(), self.percentile);
        let mut outcome = if self.now_ns < self.rules.timeout_ns {
            judge(mode)
        } else {
            GateOutcome::new(GateStatus::TimedOut, Some(Reason::Timeout))
        };
        outcome.mode = mode;
        let started_ns = self.now_ns;
        self.now_ns = self.clock.elapsed_ns();
        outcome.latency_ns = self.now_ns.saturating_sub(started_ns);
        self.outcomes.push(outcome);
        outcome
    }

    /// The same outcome for all gates that have none yet.
    fn rest(&mut self, status: GateStatus, reason: Option<Reason>) {
        for position in self.outcomes.len()..self.rules.names().len() {
            self.outcomes.push(GateOutcome {
                mode: self.rules.mode(position, self.percentile),
                ..GateOutcome::new(status, reason)
            });
        }
    }

    /// `clean` if no enforced gate failed.
    fn verdict(&self, clean: Verdict) -> Verdict {
        if self.outcomes.iter().all(GateOutcome::passed) {
            clean
        } else {
            Verdict::Fail
        }
    }
}
