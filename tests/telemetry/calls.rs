//! Real calls, and what was answered.

use bidgate::proto::bid_gate_service_client::BidGateServiceClient;
use bidgate::proto::{EvaluateRequest, EvaluateResponse};
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;

use crate::batches::Counts;

pub(crate) type Client = BidGateServiceClient<Channel>;

/// A call that gets this verdict.
pub(crate) fn call(agent_id: &str, tool: &str, verdict: &str) -> EvaluateRequest {
    let good = br#"{"id":"r","seatbid":[{"bid":[{"id":"b","impid":"1","price":1,"adomain":["shop.co.uk"]}]}]}"#;
    let unknown = br#"{"id":"r","seatbid":[{"bid":[{"id":"b","impid":"9","price":1}]}]}"#;
    let (response, elapsed_us) = match verdict {
        "VERDICT_PASS" => (good.as_slice(), 0),
        "VERDICT_FAIL" => (unknown.as_slice(), 0),
        "VERDICT_NO_BID" => (b"{}".as_slice(), 0),
        "VERDICT_NOT_EVALUATED" => (good.as_slice(), 119_000),
        "VERDICT_ERROR" => (b"{".as_slice(), 0),
        other => panic!("no call gets {other}"),
    };
    EvaluateRequest {
        agent_id: agent_id.to_owned(),
        tool: tool.to_owned(),
        bid_request: br#"{"id":"r","imp":[{"id":"1"}],"tmax":120}"#.as_slice().into(),
        bid_response: response.into(),
        elapsed_us: Some(elapsed_us),
        ..EvaluateRequest::default()
    }
}

pub(crate) const VERDICTS: [&str; 5] = [
    "VERDICT_PASS",
    "VERDICT_FAIL",
    "VERDICT_NO_BID",
    "VERDICT_NOT_EVALUATED",
    "VERDICT_ERROR",
];

/// Sends calls over one stream.
pub(crate) async fn send(
    client: &mut Client,
    calls: Vec<EvaluateRequest>,
) -> Vec<EvaluateResponse> {
    let replies = client
        .evaluate_stream(tokio_stream::iter(calls))
        .await
        .unwrap();
    replies.into_inner().map(Result::unwrap).collect().await
}

/// Evaluations by caller and verdict, as the callers saw them.
pub(crate) fn counts(replies: &[EvaluateResponse]) -> Counts {
    let mut counts = Counts::new();
    for reply in replies {
        let verdict = reply.verdict().as_str_name().to_owned();
        let key = (reply.agent_id.clone(), reply.tool.clone(), verdict);
        *counts.entry(key).or_default() += 1;
    }
    counts
}
