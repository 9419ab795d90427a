//! The hot path: payload bytes, a policy and the time go in, a verdict comes out.
//!
//! No socket, clock, lock, log or runtime; after warm-up no allocation.

mod evaluation;
mod filter;
mod holdback;
mod run;

pub use crate::call::Call;
pub use evaluation::Evaluation;

pub(crate) use evaluation::{all_notes, primary};
pub(crate) use filter::Filtered;

use crate::auction::{Auction, Joins};
use crate::gate::Memory;
use crate::limits::Limits;
use crate::openrtb::{BidRequest, BidResponse, TaxonomyTable};
use crate::policy::{Policy, RuleSet};
use crate::verdict::{EvaluationError, Finding, GateOutcome, Payload, Verdict};
use filter::Filter;
use holdback::Holdback;
use run::Run;

/// Judges auctions one after another in the same memory. One per worker.
#[derive(Debug, Default)]
pub struct Evaluator {
    limits: Limits,
    request: BidRequest,
    response: BidResponse,
    joins: Joins,
    memory: Memory,
    outcomes: Vec<GateOutcome>,
    findings: Vec<Finding>,
    filter: Filter,
    holdback: Holdback,
}

impl Evaluator {
    /// An evaluator with the given limits. Its memory grows with the first auctions, then stays.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::seeded(limits, 0)
    }

    /// An evaluator that begins its sequence of held-back evaluations anywhere, so that those of many workers do not
    /// hold back in step.
    #[must_use]
    pub fn seeded(limits: Limits, seed: u64) -> Self {
        TaxonomyTable::load_all();
        Self {
            limits,
            holdback: Holdback::seeded(seed),
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
        let rules = policy.rules(call.agent_id, call.tool);
        let judged = self.judge(call, rules, clock);
        if judged.is_err() {
            self.outcomes.clear();
        }
        self.findings
            .sort_unstable_by_key(|finding| (finding.bid, finding.gate));
        if call.want_filtered_response {
            self.filter(call, judged);
        }
        Evaluation {
            verdict: judged.unwrap_or(Verdict::Error),
            error: judged.err(),
            total_ns: clock.elapsed_ns(),
            arrived_unix_us: clock.arrived_unix_us(),
            policy,
            call: *call,
            rules,
            memory: self,
        }
    }

    /// The order of judgement (spec: contract §2): request, tmaxGuard, response, the other gates.
    fn judge(
        &mut self,
        call: &Call<'_>,
        rules: &RuleSet,
        clock: &impl Clock,
    ) -> Result<Verdict, EvaluationError> {
        self.request
            .read(call.bid_request, &rules.wanted, &self.limits)
            .map_err(|fault| EvaluationError::unreadable(Payload::BidRequest, fault))?;
        let request = self.request.view(call.bid_request);

        let mut run = Run::new(call, rules, self.holdback.next(), clock, &mut self.outcomes);
        if let Some(exhausted) = run.guard(call, request.tmax_ms()) {
            // The bids are not looked at, not even to see whether there are any.
            self.response.clear();
            return Ok(exhausted);
        }

        let unreadable = |fault| EvaluationError::unreadable(Payload::BidResponse, fault);
        self.response
            .read(call.bid_response, &rules.wanted, &self.limits)
            .map_err(unreadable)?;
        if rules.wanted.strings {
            self.response
                .read_strings(call.bid_response, &self.limits)
                .map_err(unreadable)?;
        }
        let response = self.response.view(call.bid_response);
        if response.bids().is_empty() {
            return Ok(run.no_bids());
        }

        let auction = Auction::join(call, request, response, &mut self.joins);
        Ok(run.gates(&auction, &mut self.findings, &mut self.memory))
    }
}

/// The time as the engine sees it. The engine has no clock of its own.
pub trait Clock {
    /// When the call was complete, in microseconds since the Unix epoch.
    fn arrived_unix_us(&self) -> u64;
    /// Time since then, in nanoseconds. Monotonic.
    fn elapsed_ns(&self) -> u64;
}
