//! The gates of a policy on one auction: which of them run, in which order, and until when (spec: contract §2).

use super::Clock;
use crate::auction::Auction;
use crate::call::Call;
use crate::gate::{Judged, Memory, Sheet};
use crate::policy::Policy;
use crate::verdict::{Finding, GateOutcome, GateStatus, Reason, Verdict};

/// One run through the gates of a policy.
pub(super) struct Run<'r, C> {
    policy: &'r Policy,
    clock: &'r C,
    /// When the clock was last read, nanoseconds from the call's arrival.
    now_ns: u64,
    outcomes: &'r mut Vec<GateOutcome>,
}

impl<'r, C: Clock> Run<'r, C> {
    /// A run that writes one outcome per configured gate.
    pub(super) fn new(
        policy: &'r Policy,
        clock: &'r C,
        outcomes: &'r mut Vec<GateOutcome>,
    ) -> Self {
        Self {
            policy,
            clock,
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
        let guard = self.policy.tmax_guard?;
        let clock = self.clock;
        let outcome = self.timed(|| guard.judge(call, request_tmax_ms, clock.arrived_unix_us()));
        if outcome.reason != Some(Reason::TmaxExhausted) {
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

    /// Runs the gates that judge bids, until one fails and the policy is to fail fast, or time is up.
    pub(super) fn gates(
        &mut self,
        auction: &Auction<'_>,
        findings: &mut Vec<Finding>,
        mut memory: Memory<'_>,
    ) -> Verdict {
        self.now_ns = self.clock.elapsed_ns();
        let first = self.outcomes.len();
        for (gate, position) in self.policy.gates.iter().zip(first..) {
            let outcome = self.timed(|| {
                let mut sheet = Sheet::new(position, findings, memory.reborrow());
                match gate.judge(auction, &mut sheet) {
                    Judged::Skipped(reason) => GateOutcome::new(GateStatus::Skipped, Some(reason)),
                    Judged::Bids => sheet.outcome(),
                }
            });
            if self.policy.fail_fast && outcome.status == GateStatus::Failed {
                self.rest(GateStatus::Aborted, None);
                break;
            }
        }
        self.verdict(Verdict::Pass)
    }

    /// The outcome of a gate if there is time for it (spec: contract §2, the budget is checked before each gate).
    fn timed(&mut self, judge: impl FnOnce() -> GateOutcome) -> GateOutcome {
        let mut outcome = if self.now_ns < self.policy.timeout_ns {
            judge()
        } else {
            GateOutcome::new(GateStatus::TimedOut, Some(Reason::Timeout))
        };
        let started_ns = self.now_ns;
        self.now_ns = self.clock.elapsed_ns();
        outcome.latency_ns = self.now_ns.saturating_sub(started_ns);
        self.outcomes.push(outcome);
        outcome
    }

    /// The same outcome for all gates that have none yet.
    fn rest(&mut self, status: GateStatus, reason: Option<Reason>) {
        self.outcomes.resize(
            self.policy.gate_names().len(),
            GateOutcome::new(status, reason),
        );
    }

    /// `clean` if no gate failed.
    fn verdict(&self, clean: Verdict) -> Verdict {
        if self.outcomes.iter().all(|outcome| outcome.status.passed()) {
            clean
        } else {
            Verdict::Fail
        }
    }
}
