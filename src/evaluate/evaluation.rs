//! What an evaluation leaves behind: the answer, for those who write, count or print it.

use std::sync::Arc;

use super::{Evaluator, Filtered};
use crate::call::Call;
use crate::openrtb::{Bid, NoBidReason, Texts};
use crate::policy::{GateSlot, Policy, RuleSet};
use crate::verdict::{EvaluationError, Finding, GateOutcome, Reason, Verdict};

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
    pub(super) rules: &'e RuleSet,
    pub(super) memory: &'e Evaluator,
}

impl<'e> Evaluation<'e> {
    /// The names of the gates that judge such calls, in the order of the reply: `tmaxGuard` first, then in policy
    /// order.
    #[must_use]
    pub fn gate_names(&self) -> &'e [Arc<str>] {
        self.rules.names()
    }

    /// Whose call it was: `agent_id` and `tool`. All that those who count and record may see of the call.
    #[must_use]
    pub const fn caller(&self) -> (&'e str, &'e str) {
        (self.call.agent_id, self.call.tool)
    }

    /// The numbers of the same gates, in the same order.
    #[must_use]
    pub fn gate_slots(&self) -> &'e [GateSlot] {
        self.rules.slots()
    }

    /// One outcome per gate, in the order of [`Self::gate_names`]; none with [`Verdict::Error`].
    #[must_use]
    pub fn outcomes(&self) -> &'e [GateOutcome] {
        &self.memory.outcomes
    }

    /// True when every gate passed, was skipped or only warns.
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
            .any(|outcome| !outcome.passed() && outcome.reason == Some(Reason::TmaxExhausted))
        {
            return Some(NoBidReason::InsufficientAuctionTime);
        }
        let rejected = self
            .findings_by_bid()
            .filter(|findings| !all_notes(findings))
            .count();
        (rejected == self.bids().len()).then_some(NoBidReason::TechnicalError)
    }

    /// What may go to the exchange, if the call asks for it.
    #[must_use]
    pub(crate) fn filtered_response(&self) -> Option<Filtered<'_>> {
        self.call
            .want_filtered_response
            .then(|| self.memory.filter.filtered(self))
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

/// Of what was found on a bid, the first in the order of judgement that fails it: the one to act on.
pub(crate) fn primary(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().find(|finding| !finding.note)
}

/// True when nothing of what was found on a bid fails it.
pub(crate) fn all_notes(findings: &[Finding]) -> bool {
    primary(findings).is_none()
}
