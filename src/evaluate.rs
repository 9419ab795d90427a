//! The hot path.
use crate::limits::Limits;
use crate::policy::Policy;
use crate::verdict::{EvaluationError, GateOutcome, Verdict};

/// One auction to judge: what an `EvaluateRequest` says, borrowed from the received message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Call<'a> {
    /// Who produced the bid.
    pub agent_id: &'a str,
    /// The integration or exchange the bid goes to.
    pub tool: &'a str,
    /// OpenRTB bid request, JSON.
    pub bid_request: &'a [u8],
    /// OpenRTB bid response, JSON; empty is a no-bid.
    pub bid_response: &'a [u8],
    /// When the bid request reached the bidder, microseconds since the Unix epoch.
    pub started_at_unix_us: Option<u64>,
    /// Time already spent, microseconds.
    pub elapsed_us: Option<u64>,
    /// Overrides `bid_request.tmax`, milliseconds.
    pub tmax_ms: Option<u32>,
    /// The bidder's own latency, milliseconds.
    pub latency_ms: Option<f64>,
    /// Echoed.
    pub correlation_id: u64,
}

/// The time as the engine sees it. The engine has no clock of its own.
pub trait Clock {
    /// When the call's message was complete, in microseconds since the Unix epoch.
    fn arrived_unix_us(&self) -> u64;
    /// Time since then, in nanoseconds. Monotonic.
    fn elapsed_ns(&self) -> u64;
}

/// Judges auctions one after another, reusing its memory: after warm-up an evaluation does not allocate.
/// One per worker.
#[derive(Debug, Default)]
pub struct Evaluator;

impl Evaluator {
    /// An evaluator with the given limits and no memory yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self { let _ = limits; Self }

    /// Judges one auction.
    pub fn evaluate<'e>(&'e mut self, call: &Call<'e>, policy: &'e Policy, clock: &impl Clock) -> Evaluation<'e> {
        let _ = (self, call, policy, clock.elapsed_ns());
        Evaluation { verdict: Verdict::Pass, outcomes: &[], error: None, total_ns: 0, policy }
    }
}

/// The answer to one call, until the evaluator judges the next.
#[derive(Debug)]
pub struct Evaluation<'e> {
    /// The answer as a whole.
    pub verdict: Verdict,
    /// One outcome per configured gate, in policy order; empty with [`Verdict::Error`].
    pub outcomes: &'e [GateOutcome],
    /// Why the auction could not be judged; with [`Verdict::Error`] only.
    pub error: Option<EvaluationError>,
    /// Wall clock of the evaluation, nanoseconds.
    pub total_ns: u64,
    /// The policy that judged.
    pub policy: &'e Policy,
}

impl Evaluation<'_> {
    /// Appends the reply, an encoded `bidgate.v1.EvaluateResponse`.
    pub fn encode(&self, evaluation_id: u128, reply: &mut Vec<u8>) { let _ = (self.total_ns, evaluation_id, reply); }
}
