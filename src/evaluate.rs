//! The hot path: payload bytes, a policy and the time go in, a verdict comes out.
//!
//! No socket, clock, lock, log or runtime; after warm-up no allocation.

use crate::auction::Auction;
use crate::gate::{Judged, Needles, Sheet};
use crate::limits::Limits;
use crate::openrtb::{Bid, BidRequest, BidResponse, Fault, NoBidReason, Texts};
use crate::policy::Policy;
use crate::verdict::{
    ErrorCode, EvaluationError, Finding, GateOutcome, GateStatus, Payload, Reason, Verdict,
};

pub use crate::call::Call;

/// The time as the engine sees it. The engine has no clock of its own.
pub trait Clock {
    /// When the call's message was complete, in microseconds since the Unix epoch.
    fn arrived_unix_us(&self) -> u64;
    /// Time since then, in nanoseconds. Monotonic.
    fn elapsed_ns(&self) -> u64;
}

/// Judges auctions one after another in the same memory. One per worker.
#[derive(Debug, Default)]
pub struct Evaluator {
    limits: Limits,
    request: BidRequest,
    response: BidResponse,
    imp_of_bid: Vec<Option<u32>>,
    needles: Needles,
    outcomes: Vec<GateOutcome>,
    findings: Vec<Finding>,
}

impl Evaluator {
    /// An evaluator with the given limits. Its memory grows with the first auctions, then stays.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Judges one auction.
    pub fn evaluate<'e>(
        &'e mut self,
        call: &Call<'e>,
        policy: &'e Policy,
        clock: &impl Clock,
    ) -> Evaluation<'e> {
        self.outcomes.clear();
        self.findings.clear();
        let (verdict, error) = match self.judge(call, policy, clock) {
            Ok(verdict) => (verdict, None),
            Err(error) => (Verdict::Error, Some(error)),
        };
        if error.is_some() {
            self.outcomes.clear();
        }
        self.findings
            .sort_unstable_by_key(|finding| (finding.bid, finding.gate));
        Evaluation {
            verdict,
            error,
            total_ns: clock.elapsed_ns(),
            arrived_unix_us: clock.arrived_unix_us(),
            policy,
            call: *call,
            memory: self,
        }
    }

    /// The order of judgement (spec: contract §2): request, tmaxGuard, response, the other gates.
    fn judge(
        &mut self,
        call: &Call<'_>,
        policy: &Policy,
        clock: &impl Clock,
    ) -> Result<Verdict, EvaluationError> {
        self.request
            .read(call.bid_request, &self.limits)
            .map_err(|fault| unreadable(Payload::BidRequest, fault))?;
        let request = self.request.view(call.bid_request);

        let mut run = Run {
            policy,
            clock,
            now_ns: clock.elapsed_ns(),
            outcomes: &mut self.outcomes,
        };
        let exhausted = run.guard(call, request.tmax_ms());
        if let Some(verdict) = exhausted {
            // The bids are not looked at, not even to see whether there are any.
            return Ok(verdict);
        }

        self.response
            .read(call.bid_response, &self.limits)
            .map_err(|fault| unreadable(Payload::BidResponse, fault))?;
        let response = self.response.view(call.bid_response);
        if response.bids().is_empty() {
            run.rest(GateStatus::Skipped, Some(Reason::NoBids));
            return Ok(run.verdict(Verdict::NoBid));
        }

        let auction = Auction::join(request, response, &mut self.imp_of_bid);
        run.gates(&auction, &mut self.findings, &mut self.needles);
        Ok(run.verdict(Verdict::Pass))
    }
}

/// One run through the gates of a policy.
struct Run<'r, C> {
    policy: &'r Policy,
    clock: &'r C,
    /// When the last clock reading was, counted from the call's arrival.
    now_ns: u64,
    outcomes: &'r mut Vec<GateOutcome>,
}

impl<C: Clock> Run<'_, C> {
    /// Runs tmaxGuard. The verdict if it ends the evaluation (spec: gates, tmaxGuard rule 3).
    fn guard(&mut self, call: &Call<'_>, request_tmax_ms: Option<f64>) -> Option<Verdict> {
        let guard = self.policy.tmax_guard?;
        let clock = self.clock;
        let outcome = self.timed(|| guard.judge(call, request_tmax_ms, clock.arrived_unix_us()));
        let rest = match (outcome.reason, outcome.status) {
            (Some(Reason::TmaxExhausted), GateStatus::Failed) => {
                (GateStatus::Aborted, None, Verdict::Fail)
            }
            (Some(Reason::TmaxExhausted), skipped) => {
                (skipped, outcome.reason, Verdict::NotEvaluated)
            }
            _ => return None,
        };
        self.rest(rest.0, rest.1);
        Some(rest.2)
    }

    /// Runs the gates that judge bids, until one fails and the policy is to fail fast, or time is up.
    fn gates(&mut self, auction: &Auction<'_>, findings: &mut Vec<Finding>, needles: &mut Needles) {
        self.now_ns = self.clock.elapsed_ns();
        let first = self.outcomes.len();
        for (gate, position) in self.policy.gates.iter().zip(first..) {
            let outcome = self.timed(|| {
                let mut sheet = Sheet::new(position, findings, needles);
                match gate.judge(auction, &mut sheet) {
                    Judged::Skipped(reason) => GateOutcome::new(GateStatus::Skipped, Some(reason)),
                    Judged::Bids => sheet.outcome(),
                }
            });
            if self.policy.fail_fast && outcome.status == GateStatus::Failed {
                return self.rest(GateStatus::Aborted, None);
            }
        }
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

#[cold]
fn unreadable(payload: Payload, fault: Fault) -> EvaluationError {
    let code = match payload {
        _ if fault.what.is_limit() => ErrorCode::LimitExceeded,
        Payload::BidRequest => ErrorCode::MalformedBidRequest,
        Payload::BidResponse => ErrorCode::MalformedBidResponse,
    };
    EvaluationError {
        code,
        message: fault.what.message(),
        byte_offset: fault.at,
        payload: Some(payload),
    }
}

/// The answer to one call, until the evaluator judges the next.
#[derive(Debug)]
pub struct Evaluation<'e> {
    /// The answer as a whole.
    pub verdict: Verdict,
    /// Why the auction could not be judged; with [`Verdict::Error`] only.
    pub error: Option<EvaluationError>,
    /// Wall clock of the evaluation, nanoseconds.
    pub total_ns: u64,
    /// When the call arrived, microseconds since the Unix epoch.
    pub arrived_unix_us: u64,
    /// The policy that judged.
    pub policy: &'e Policy,
    /// The call that was judged.
    pub call: Call<'e>,
    memory: &'e Evaluator,
}

impl<'e> Evaluation<'e> {
    /// One outcome per configured gate, in the order of [`Policy::gate_names`]; none with [`Verdict::Error`].
    #[must_use]
    pub fn outcomes(&self) -> &'e [GateOutcome] {
        &self.memory.outcomes
    }

    /// True when every gate passed or was skipped.
    #[must_use]
    pub const fn passed(&self) -> bool {
        !matches!(self.verdict, Verdict::Fail | Verdict::Error)
    }

    /// OpenRTB no-bid reason to send when nothing is left to bid with (spec: gates, `nbr`).
    #[must_use]
    pub fn nbr(&self) -> Option<NoBidReason> {
        if let Some(error) = self.error {
            return Some(error.nbr());
        }
        if self.passed() {
            return None;
        }
        if self
            .outcomes()
            .iter()
            .any(|outcome| outcome.reason == Some(Reason::TmaxExhausted))
        {
            return Some(NoBidReason::InsufficientAuctionTime);
        }
        let rejected = self
            .findings_by_bid()
            .filter(|findings| !all_notes(findings))
            .count();
        (rejected == self.bids().len()).then_some(NoBidReason::TechnicalError)
    }

    /// What the gates found, one slice a bid, in document order.
    pub(crate) fn findings_by_bid(&self) -> impl Iterator<Item = &'e [Finding]> {
        self.memory.findings.chunk_by(|a, b| a.bid == b.bid)
    }

    /// Every bid, in document order.
    pub(crate) fn bids(&self) -> &'e [Bid] {
        self.memory.response.view(self.call.bid_response).bids()
    }

    /// The bytes behind texts of the bid request, and of the bid response.
    pub(crate) fn texts(&self) -> (Texts<'e>, Texts<'e>) {
        let request = self.memory.request.view(self.call.bid_request);
        let response = self.memory.response.view(self.call.bid_response);
        (*request.texts(), *response.texts())
    }
}

/// True when nothing of what was found on a bid fails it.
pub(crate) fn all_notes(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.note)
}
