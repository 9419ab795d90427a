//! Of messages.
use bidgate::evaluate::Call;
use bidgate::proto::EvaluateRequest;
use bidgate::wire::WireError;
use prost::Message as _;

use super::auction::Bench;
use crate::oracle::Timing;
use crate::support::{Case, NOW_UNIX_US};

/// What the generated message reads is the call, and nothing else is one; its reply is one that is read and written by
/// others, too.
pub(super) fn is_read(bytes: &[u8]) {
    match (Call::decode(bytes), EvaluateRequest::decode(bytes)) {
        (Ok(call), Ok(message)) => {
            assert_eq!(encoded(&call), message.encode_to_vec());
            answer(&message);
        }
        (Err((WireError::Malformed, _)), Ok(_)) => {
            assert!(has_group(bytes), "refused: {}", bytes.escape_ascii());
        }
        (Err((WireError::AgentId, id)), Ok(message)) => {
            assert!(!(1..=200).contains(&message.agent_id.len()));
            assert_eq!(id, message.correlation_id);
        }
        (Err((WireError::Tool, id)), Ok(message)) => {
            assert!(message.tool.len() > 200);
            assert_eq!(id, message.correlation_id);
        }
        (Ok(_), Err(error)) => panic!("taken, but {error}: {}", bytes.escape_ascii()),
        (Err(_), Err(_)) => {}
    }
}

/// The call as others write it. No two doubles of the same bits differ.
fn encoded(call: &Call<'_>) -> Vec<u8> {
    let message = EvaluateRequest {
        agent_id: call.agent_id.to_owned(),
        tool: call.tool.to_owned(),
        bid_request: call.bid_request.to_vec().into(),
        bid_response: call.bid_response.to_vec().into(),
        started_at_unix_us: call.started_at_unix_us,
        elapsed_us: call.elapsed_us,
        tmax_ms: call.tmax_ms,
        latency_ms: call.latency_ms,
        correlation_id: call.correlation_id,
        want_filtered_response: call.want_filtered_response,
    };
    message.encode_to_vec()
}

/// A group anywhere on the way to the end, which the engine does not step over.
fn has_group(mut bytes: &[u8]) -> bool {
    while let Ok((_, wire_type)) = prost::encoding::decode_key(&mut bytes) {
        let context = prost::encoding::DecodeContext::default();
        if wire_type == prost::encoding::WireType::StartGroup {
            return true;
        }
        if prost::encoding::skip_field(wire_type, 1, &mut bytes, context).is_err() {
            return false;
        }
    }
    false
}

fn answer(message: &EvaluateRequest) {
    Bench::with(|bench| {
        let listed = &bench.policies[0];
        let mut case = Case::new(
            message.bid_request.to_vec(),
            message.bid_response.to_vec(),
            listed.document.clone(),
        );
        case.agent_id.clone_from(&message.agent_id);
        case.tool.clone_from(&message.tool);
        case.timing = Timing {
            now_unix_us: NOW_UNIX_US,
            started_at_unix_us: message.started_at_unix_us,
            elapsed_us: message.elapsed_us,
            tmax_ms: message.tmax_ms,
            latency_ms: message.latency_ms,
        };
        let checked = bench.engine.check_under(&case, &listed.policy);
        checked.unwrap_or_else(|disagreement| panic!("{case:?}\n{disagreement}"));
    });
}
