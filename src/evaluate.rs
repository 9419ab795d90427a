//! The hot path.
use crate::limits::Limits;
use crate::policy::Policy;
use crate::verdict::{ErrorCode, EvaluationError, GateOutcome, GateStatus, Payload, Verdict};

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
pub struct Evaluator {
    outcomes: Vec<GateOutcome>,
}

impl Evaluator {
    /// An evaluator with the given limits and no memory yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let _ = limits;
        Self::default()
    }

    /// Judges one auction.
    pub fn evaluate<'e>(
        &'e mut self,
        call: &Call<'e>,
        policy: &'e Policy,
        clock: &impl Clock,
    ) -> Evaluation<'e> {
        let malformed = |code, payload| EvaluationError {
            code,
            message: "expected an object",
            byte_offset: 0,
            payload: Some(payload),
        };
        let error = if !call.bid_request.starts_with(b"{") {
            Some(malformed(
                ErrorCode::MalformedBidRequest,
                Payload::BidRequest,
            ))
        } else if !call.bid_response.is_empty() && !call.bid_response.starts_with(b"{") {
            Some(malformed(
                ErrorCode::MalformedBidResponse,
                Payload::BidResponse,
            ))
        } else {
            None
        };
        self.outcomes.clear();
        let verdict = if error.is_some() {
            Verdict::Error
        } else if call.bid_response.is_empty() {
            Verdict::NoBid
        } else {
            Verdict::Pass
        };
        if error.is_none() {
            self.outcomes.extend(
                policy
                    .gate_names()
                    .iter()
                    .map(|_| GateOutcome::new(GateStatus::Passed, None)),
            );
        }
        Evaluation {
            verdict,
            outcomes: &self.outcomes,
            error,
            total_ns: clock.elapsed_ns(),
            policy,
            call: *call,
            arrived_unix_us: clock.arrived_unix_us(),
        }
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
    call: Call<'e>,
    arrived_unix_us: u64,
}

impl Evaluation<'_> {
    /// Appends the reply, an encoded `bidgate.v1.EvaluateResponse`.
    pub fn encode(&self, evaluation_id: u128, reply: &mut Vec<u8>) {
        use prost::Message as _;
        let names = self.policy.gate_names();
        let response = crate::proto::EvaluateResponse {
            evaluation_id: format!("{evaluation_id:032x}"),
            agent_id: self.call.agent_id.to_owned(),
            tool: self.call.tool.to_owned(),
            correlation_id: self.call.correlation_id,
            passed: self.error.is_none(),
            verdict: self.verdict as i32 + 1,
            gates: names
                .iter()
                .zip(self.outcomes)
                .map(|(name, outcome)| crate::proto::GateResult {
                    name: (*name).to_owned(),
                    status: 1,
                    passed: outcome.status.passed(),
                    ..Default::default()
                })
                .collect(),
            error: self.error.map(|error| crate::proto::EvaluationError {
                code: error.code.name().to_owned(),
                message: error.message.to_owned(),
                byte_offset: error.byte_offset,
                payload: error.payload.map_or("", Payload::name).to_owned(),
            }),
            timestamp: Some(prost_types::Timestamp {
                seconds: i64::try_from(self.arrived_unix_us / 1_000_000).unwrap_or(0),
                nanos: 0,
            }),
            policy_version: self.policy.version().to_owned(),
            ..Default::default()
        };
        response.encode(reply).unwrap_or(());
    }
}

/// Appends the reply to a message of a stream that is not a call: `VERDICT_ERROR` with `invalid_argument`.
pub fn encode_invalid_argument(correlation_id: u64, message: &str, reply: &mut Vec<u8>) {
    use prost::Message as _;
    let response = crate::proto::EvaluateResponse {
        correlation_id,
        verdict: crate::proto::Verdict::Error.into(),
        error: Some(crate::proto::EvaluationError {
            code: ErrorCode::InvalidArgument.name().to_owned(),
            message: message.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    response.encode(reply).unwrap_or(());
}
