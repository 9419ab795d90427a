//! The engine in this process, for commands that need no server.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use prost::Message as _;

use super::error::CliError;
use super::input;
use crate::evaluate::{Call, Clock, Evaluation, Evaluator};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::proto::EvaluateResponse;
use crate::verdict::GateStatus;
use crate::wire::EvaluationId;

/// Which policy judges.
#[derive(Args, Clone, Debug)]
pub(super) struct PolicyArgs {
    /// Policy, or whole configuration file, in YAML; without it the default policy judges
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl PolicyArgs {
    /// The compiled policy.
    ///
    /// # Errors
    /// When the file cannot be read, or with everything that is wrong with it.
    pub(super) fn load(&self) -> Result<Policy, CliError> {
        self.policy
            .as_deref()
            .map_or_else(|| Ok(Policy::default()), compile)
    }
}

fn compile(file: &Path) -> Result<Policy, CliError> {
    let bytes = input::read(file)?;
    let text = String::from_utf8(bytes)
        .map_err(|_utf8| input::unreadable(file, std::io::ErrorKind::InvalidData.into()))?;
    Policy::from_yaml(&text, &input::name(file)).map_err(CliError::Policy)
}

/// Judges auctions one after another, with the reply that a caller of the RPC would get.
#[derive(Debug)]
pub(super) struct Judge {
    policy: Policy,
    evaluator: Evaluator,
    evaluation_id: u128,
    encoded: Vec<u8>,
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
    pub(super) fn new(policy: Policy) -> Result<Self, CliError> {
        let process = getrandom::u64().map_err(CliError::Random)?;
        Ok(Self {
            policy,
            evaluator: Evaluator::new(Limits::default()),
            evaluation_id: u128::from(process) << 64,
            encoded: Vec::new(),
        })
    }

    pub(super) fn judge(&mut self, call: &Call<'_>) -> Judged<'_> {
        let mut total_ns = 0;
        for _ in 0..ATTEMPTS {
            let evaluation = self
                .evaluator
                .evaluate(call, &self.policy, &WallClock::start());
            total_ns = evaluation.total_ns;
            self.evaluation_id += 1;
            self.encoded.clear();
            evaluation.encode(EvaluationId(self.evaluation_id), &mut self.encoded);
            if !timed_out(&evaluation) {
                break;
            }
        }
        Judged {
            encoded: &self.encoded,
            total_ns,
        }
    }
}

/// How often an auction is judged that runs out of the policy's time budget. That memory is cold, or this machine busy,
/// is no finding about the auction; one that is too slow three times is too slow.
const ATTEMPTS: usize = 3;

fn timed_out(evaluation: &Evaluation<'_>) -> bool {
    evaluation
        .outcomes()
        .iter()
        .any(|outcome| outcome.status == GateStatus::TimedOut)
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

/// The system's clocks, begun when a pair is handed to the engine.
struct WallClock {
    arrived_unix_us: u64,
    began: Instant,
}

impl WallClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is an edge: it gives the engine its time"
    )]
    fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            arrived_unix_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
            began: Instant::now(),
        }
    }
}

impl Clock for WallClock {
    fn arrived_unix_us(&self) -> u64 {
        self.arrived_unix_us
    }

    fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
