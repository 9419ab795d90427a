//! Many calls in a short time, a few at once: what a bidder on this machine would wait.
//!
//! A closed loop: each caller waits for its reply before it calls again. That shows what one call costs, not what
//! the sidecar does under more load than it can carry.

use std::time::Instant;

use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::cli::error::CliError;
use crate::cli::latency::{Latencies, from_ms};
use crate::proto::EvaluateRequest;
use crate::proto::bid_gate_service_client::BidGateServiceClient;

/// Calls that count: enough for a p99 of two hundred calls, and done in a few seconds.
pub(super) const CALLS: u64 = 20_000;
/// Callers, each with one call in flight.
const IN_FLIGHT: u64 = 8;
/// Calls of each caller that do not count: connection, caches and branch predictors warm up.
const WARM_UP: u64 = 100;

const _: () = assert!(CALLS.is_multiple_of(IN_FLIGHT));

/// What a burst was like.
#[derive(Debug)]
pub(super) struct Burst {
    /// `tcp` or `unix`.
    pub transport: &'static str,
    /// From call to reply, as the callers saw it.
    pub client: Latencies,
    /// Of the evaluation alone, as the server reports it.
    pub evaluation: Latencies,
}

/// Sends [`CALLS`] calls over one connection.
///
/// # Errors
/// When a call is answered with an error status.
pub(super) async fn send(
    transport: &'static str,
    channel: Channel,
    request: &EvaluateRequest,
    progress: &ProgressBar,
) -> Result<Burst, CliError> {
    let mut callers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let client = BidGateServiceClient::new(channel.clone());
        let caller = Caller {
            client,
            burst: Burst::new(transport)?,
            progress: progress.clone(),
        };
        callers.spawn(caller.call_all(request.clone()));
    }
    let mut burst = Burst::new(transport)?;
    for part in callers.join_all().await {
        burst.merge(&part?);
    }
    Ok(burst)
}

impl Burst {
    fn new(transport: &'static str) -> Result<Self, CliError> {
        Ok(Self {
            transport,
            client: Latencies::new()?,
            evaluation: Latencies::new()?,
        })
    }

    fn merge(&mut self, part: &Self) {
        self.client.merge(&part.client);
        self.evaluation.merge(&part.evaluation);
    }
}

struct Caller {
    client: BidGateServiceClient<Channel>,
    burst: Burst,
    progress: ProgressBar,
}

impl Caller {
    async fn call_all(mut self, request: EvaluateRequest) -> Result<Burst, CliError> {
        for call in 0..WARM_UP + CALLS / IN_FLIGHT {
            self.call(request.clone(), call >= WARM_UP).await?;
        }
        Ok(self.burst)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the caller's clock is what is measured with"
    )]
    async fn call(&mut self, request: EvaluateRequest, counts: bool) -> Result<(), CliError> {
        let began = Instant::now();
        let reply = self
            .client
            .evaluate(request)
            .await
            .map_err(|status| CliError::Call(Box::new(status)))?;
        if counts {
            self.burst.client.record(began.elapsed());
            self.burst
                .evaluation
                .record(from_ms(reply.get_ref().total_latency_ms));
            self.progress.inc(1);
        }
        Ok(())
    }
}
