//! The hot path: payload bytes, a policy and the time go in, a verdict comes out.
//!
//! No socket, clock, lock, log or runtime; after warm-up no allocation.

mod evaluation;
mod run;

pub use crate::call::Call;
pub use evaluation::Evaluation;

pub(crate) use evaluation::all_notes;

use crate::auction::{Auction, Joins};
use crate::gate::Needles;
use crate::limits::Limits;
use crate::openrtb::{BidRequest, BidResponse, TaxonomyTable};
use crate::policy::Policy;
use crate::verdict::{EvaluationError, Finding, GateOutcome, Payload, Verdict};
use run::Run;

/// Judges auctions one after another in the same memory. One per worker.
#[derive(Debug, Default)]
pub struct Evaluator {
    limits: Limits,
    request: BidRequest,
    response: BidResponse,
    joins: Joins,
    needles: Needles,
    outcomes: Vec<GateOutcome>,
    findings: Vec<Finding>,
}

impl Evaluator {
    /// An evaluator with the given limits. Its memory grows with the first auctions, then stays.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        TaxonomyTable::load_all();
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
        let judged = self.judge(call, policy, clock);
        if judged.is_err() {
            self.outcomes.clear();
        }
        self.findings
            .sort_unstable_by_key(|finding| (finding.bid, finding.gate));
        Evaluation {
            verdict: judged.unwrap_or(Verdict::Error),
            error: judged.err(),
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
            .map_err(|fault| EvaluationError::unreadable(Payload::BidRequest, fault))?;
        let request = self.request.view(call.bid_request);

        let mut run = Run::new(policy, clock, &mut self.outcomes);
        if let Some(exhausted) = run.guard(call, request.tmax_ms()) {
            // The bids are not looked at, not even to see whether there are any.
            return Ok(exhausted);
        }

        self.response
            .read(call.bid_response, &self.limits)
            .map_err(|fault| EvaluationError::unreadable(Payload::BidResponse, fault))?;
        let response = self.response.view(call.bid_response);
        if response.bids().is_empty() {
            return Ok(run.no_bids());
        }

        let auction = Auction::join(call, request, response, &mut self.joins);
        Ok(run.gates(&auction, &mut self.findings, &mut self.needles))
    }
}

/// The time as the engine sees it. The engine has no clock of its own.
pub trait Clock {
    /// When the call was complete, in microseconds since the Unix epoch.
    fn arrived_unix_us(&self) -> u64;
    /// Time since then, in nanoseconds. Monotonic.
    fn elapsed_ns(&self) -> u64;
}
