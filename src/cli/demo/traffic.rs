//! Calls that go on while the demo serves, so that its page has something to show.

use std::time::Duration;

use tokio::time::interval;
use tonic::transport::Channel;

use super::story::{Story, typical};
use crate::cli::error::CliError;
use crate::proto::EvaluateRequest;
use crate::proto::bid_gate_service_client::BidGateServiceClient;

/// Calls until one is answered with an error status, and returns that: mostly the typical call, and now and then the
/// next of the stories.
pub(super) async fn keep_calling(stories: &[Story], channel: Channel) -> CliError {
    let mut client = BidGateServiceClient::new(channel);
    let mut calls = match calls(stories) {
        Ok(calls) => calls.into_iter().cycle(),
        Err(error) => return error,
    };
    let mut ticks = interval(PAUSE);
    loop {
        ticks.tick().await;
        let Some(call) = calls.next() else { continue };
        if let Err(status) = client.evaluate(call).await {
            return CliError::Call(Box::new(status));
        }
    }
}

/// One round.
fn calls(stories: &[Story]) -> Result<Vec<EvaluateRequest>, CliError> {
    let typical = typical()?;
    let mut calls = Vec::with_capacity(stories.len() * CALLS_A_STORY);
    for (story, tool) in stories.iter().zip(TOOLS.into_iter().cycle()) {
        let to_tool = |call| EvaluateRequest {
            tool: tool.to_owned(),
            ..call
        };
        calls.extend(std::iter::repeat_n(
            to_tool(typical.clone()),
            CALLS_A_STORY - 1,
        ));
        calls.push(to_tool(story.call()));
    }
    Ok(calls)
}

/// Enough for percentiles, and nothing that a laptop's fan would notice.
pub(super) const CALLS_A_SECOND: u64 = 200;
const PAUSE: Duration = Duration::from_micros(1_000_000 / CALLS_A_SECOND);
/// A bidder bids on more than one exchange.
const TOOLS: [&str; 3] = ["exchange-a", "exchange-b", "exchange-c"];
/// Most auctions of a bidder in good health are as they should be.
const CALLS_A_STORY: usize = 10;
