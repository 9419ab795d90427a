//! The engine in this process, for commands that need no server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use prost::Message as _;

use super::error::CliError;
use super::policy;
use crate::document::Problems;
use crate::evaluate::{Call, Evaluator};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::proto::EvaluateResponse;
use crate::server::Arrival;
use crate::wire::EvaluationIds;

/// Which policy judges.
#[derive(Args, Clone, Debug)]
pub(super) struct PolicyArgs {
    /// Policy, or whole configuration file, in YAML; without it the default policy judges
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl PolicyArgs {
    /// The file that is named, if one is.
    pub(super) fn file(&self) -> Option<&Path> {
        self.policy.as_deref()
    }

    /// The compiled policy, the default one without a file.
    ///
    /// # Errors
    /// When the file cannot be read, or with everything that is wrong with it.
    pub(super) fn load(&self) -> Result<Policy, CliError> {
        self.load_or(|| Ok(Policy::default()))
    }

    /// The compiled policy, or what `default` makes without a file.
    ///
    /// # Errors
    /// When the file cannot be read, or with everything that is wrong with it.
    pub(super) fn load_or(
        &self,
        default: impl FnOnce() -> Result<Policy, Problems>,
    ) -> Result<Policy, CliError> {
        self.policy
            .as_deref()
            .map_or_else(default, policy::open)
            .map_err(CliError::Policy)
    }
}

/// Judges auctions one after another, with the reply that a caller of the RPC would get in time.
///
/// The policy's time budget does not apply: that this machine is busy, or its memory cold, is no finding about an
/// auction. How long each evaluation took is in the reply. Nor does `holdback`: the same auction gets the same answer.
#[derive(Debug)]
pub(super) struct Judge {
    policy: Arc<Policy>,
    evaluator: Evaluator,
    ids: EvaluationIds,
    encoded: Vec<u8>,
}

/// A policy without what does not apply here.
#[derive(Clone, Debug)]
pub(super) struct OfflinePolicy(Arc<Policy>);

impl From<Policy> for OfflinePolicy {
    fn from(policy: Policy) -> Self {
        Self(Arc::new(policy.offline()))
    }
}

impl OfflinePolicy {
    /// Digest of the policy.
    pub(super) fn version(&self) -> &str {
        self.0.version()
    }
}

/// One judged auction, until the next is judged.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    /// The encoded reply.
    pub encoded: &'a [u8],
    /// Wall clock of the evaluation, nanoseconds.
    pub total_ns: u64,
}

impl Judge {
    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn new(policy: Policy) -> Result<Self, CliError> {
        Self::sharing(&OfflinePolicy::from(policy))
    }

    /// One of many judges who go by the same policy.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn sharing(policy: &OfflinePolicy) -> Result<Self, CliError> {
        Ok(Self {
            policy: Arc::clone(&policy.0),
            evaluator: Evaluator::new(Limits::default()),
            ids: EvaluationIds::new(getrandom::u64().map_err(CliError::Random)?),
            encoded: Vec::new(),
        })
    }

    pub(super) fn judge(&mut self, call: &Call<'_>) -> Judged<'_> {
        let arrival = Arrival::now();
        let evaluation = self.evaluator.evaluate(call, &self.policy, &arrival);
        self.encoded.clear();
        evaluation.encode(self.ids.next_id(), &mut self.encoded);
        Judged {
            total_ns: evaluation.total_ns,
            encoded: &self.encoded,
        }
    }
}

impl Judged<'_> {
    /// The reply as a caller sees it.
    ///
    /// # Errors
    /// When engine and contract disagree.
    pub(super) fn reply(&self) -> Result<EvaluateResponse, CliError> {
        EvaluateResponse::decode(self.encoded).map_err(CliError::Reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{GateStatus, Verdict};

    #[test]
    fn no_auction_is_judged_by_how_fast_this_machine_is() {
        let mut policy = Policy::default();
        policy.base.timeout_ns = 0;
        let version = policy.version().to_owned();
        let call = Call {
            agent_id: "a",
            bid_request: b"{}",
            ..Call::default()
        };
        let reply = Judge::new(policy).unwrap().judge(&call).reply().unwrap();
        assert_eq!(reply.verdict(), Verdict::NoBid);
        assert!(
            reply
                .gates
                .iter()
                .all(|gate| gate.status() == GateStatus::Skipped)
        );
        assert_eq!(reply.policy_version, version);
    }
}
