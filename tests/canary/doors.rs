//! Every way in: both RPCs and the call over HTTP, each with and without a filtered response.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bidgate::proto::bid_gate_service_client::BidGateServiceClient;
use bidgate::proto::{EvaluateRequest, EvaluateResponse};
use prost::Message as _;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::Channel;

use crate::planted::{CANARY, Planted};
use crate::sidecar::Sidecar;

/// A caller of everything.
pub(crate) struct Doors {
    runtime: Runtime,
    grpc: SocketAddr,
    admin: SocketAddr,
}

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answered {
    pub(crate) evaluations: usize,
    /// Replies that hold the word: what their sender is told of its own payload.
    pub(crate) echoes: usize,
}

impl Doors {
    pub(crate) fn new(sidecar: &Sidecar) -> Self {
        Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            grpc: sidecar.grpc,
            admin: sidecar.admin,
        }
    }

    /// Sends each auction through one unary call and one stream message, and some over HTTP and where none is expected.
    pub(crate) fn send(&self, planted: &[Planted]) -> Answered {
        let mut answered = Answered::default();
        for reply in self.runtime.block_on(self.send_rpcs(planted)) {
            answered.evaluations += 1;
            answered.echoes += usize::from(holds_word(&reply.encode_to_vec()));
        }
        for auction in planted.iter().step_by(10) {
            let body = json_call(auction);
            let (status, reply) = self.post("/v1/evaluate", &body);
            answered.evaluations += usize::from(status == 200);
            answered.echoes += usize::from(holds_word(&reply));
        }
        for path in ["/metrics", "/log", "/policy", "/nowhere"] {
            self.post(path, CANARY.as_bytes());
        }
        answered
    }

    async fn send_rpcs(&self, planted: &[Planted]) -> Vec<EvaluateResponse> {
        let mut client = BidGateServiceClient::connect(format!("http://{}", self.grpc))
            .await
            .unwrap();
        let mut replies = Vec::new();
        for (position, auction) in planted.iter().enumerate() {
            let call = call(auction, position % 2 == 0);
            replies.push(client.evaluate(call).await.unwrap().into_inner());
        }
        replies.extend(stream(&mut client, planted).await);
        replies
    }

    /// The status of the answer, and all of it.
    fn post(&self, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let status = String::from_utf8_lossy(&answer)
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        (status, answer)
    }
}

async fn stream(
    client: &mut BidGateServiceClient<Channel>,
    planted: &[Planted],
) -> Vec<EvaluateResponse> {
    let calls: Vec<_> = planted.iter().map(|auction| call(auction, false)).collect();
    let wanted = calls.len();
    let mut stream = client
        .evaluate_stream(tokio_stream::iter(calls))
        .await
        .unwrap()
        .into_inner();
    let mut replies = Vec::new();
    while replies.len() < wanted {
        replies.push(stream.message().await.unwrap().unwrap());
    }
    replies
}

fn call(auction: &Planted, want_filtered_response: bool) -> EvaluateRequest {
    EvaluateRequest {
        agent_id: "bidder".to_owned(),
        tool: "exchange".to_owned(),
        bid_request: auction.request.clone().into(),
        bid_response: auction.response.clone().into(),
        elapsed_us: Some(1000),
        tmax_ms: Some(1000),
        want_filtered_response,
        ..EvaluateRequest::default()
    }
}

/// The same as JSON; payloads that are none make a body that is none.
fn json_call(auction: &Planted) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        br#"{"agent_id":"bidder","tool":"exchange","elapsed_us":1000,"input":"#,
        &auction.request,
        br#","output":"#,
        &auction.response,
        b"}",
    ];
    parts.concat()
}

fn holds_word(bytes: &[u8]) -> bool {
    bytes
        .windows(CANARY.len())
        .any(|part| part == CANARY.as_bytes())
}
