//! Callers that ask for more than there is: of replies that they do not read, and of time.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bidgate::document::Section;
use bidgate::gate::{Auction, Gate, Judged, Row, Sheet};
use bidgate::policy::Policy;
use bidgate::proto::{EvaluateRequest, EvaluateResponse};
use bidgate::server::{LivingPolicy, Settings};
use bytes::{Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::raw::framed;
use crate::running::{Running, request, settings};

/// More than the budget takes: 168 of them.
const CALLS: u64 = 240;

/// A hundred thousand bytes, all of which come back.
fn large(correlation_id: u64) -> EvaluateRequest {
    let padding = "x".repeat(100_000);
    let response = format!(
        r#"{{"ext":"{padding}","seatbid":[{{"bid":[{{"impid":"1","price":2,"adomain":["shop.co.uk"]}}]}}]}}"#
    );
    EvaluateRequest {
        bid_response: response.into(),
        want_filtered_response: true,
        ..request(correlation_id)
    }
}

#[tokio::test]
async fn unary_replies_that_nobody_reads_are_bounded_and_counted() {
    let server = Running::start(settings());
    let mut caller = Caller::connect(&server, NO_ROOM).await;
    let calls = caller.call_by_and_by("Evaluate", &server).await;
    // A budget of 16 MiB takes 167 replies of 100 kB and some.
    server
        .wait_for("bidgate_evaluation_seconds_count", 168)
        .await;
    server.wait_for("bidgate_unread_total", CALLS - 168).await;
    assert_eq!(server.metric("bidgate_in_flight"), 0);
    let resident = server.metric("process_resident_memory_bytes");
    // Another connection pays nothing for it.
    let mut client = server.client().await;
    client.evaluate(request(1)).await.unwrap();

    caller.read_on();
    let (mut answered, mut refused) = (0, 0);
    for call in calls {
        match Caller::answer(call).await {
            Ok(replies) => {
                assert_eq!(replies.len(), 1);
                assert!(replies[0].filtered_response.len() > 100_000);
                answered += 1;
            }
            Err(status) => {
                assert_eq!(status, "8");
                refused += 1;
            }
        }
    }
    assert_eq!((answered, refused), (168, CALLS - 168));
    assert!(resident < 400 << 20, "{resident}");
    let answered = Caller::answer(caller.call("Evaluate", &[large(1)])).await;
    assert_eq!(answered.unwrap().len(), 1);
}

#[tokio::test]
async fn streams_that_nobody_reads_share_the_budget_of_their_connection() {
    let server = Running::start(Settings {
        max_in_flight: 4096,
        ..settings()
    });
    let mut caller = Caller::connect(&server, NO_ROOM).await;
    let calls = caller.call_by_and_by("EvaluateStream", &server).await;
    server.wait_for("bidgate_unread_total", CALLS - 168).await;
    caller.read_on();
    let mut refused = 0;
    for call in calls {
        match Caller::answer(call).await {
            Ok(replies) => assert_eq!(replies.len(), 1),
            Err(status) => {
                assert_eq!(status, "8");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, CALLS - 168);
}

/// Takes a millisecond for each auction.
#[derive(Debug)]
struct Slow;

impl Gate for Slow {
    fn judge(&self, _: &Auction<'_>, _: &mut Sheet<'_>) -> Judged {
        thread::sleep(Duration::from_millis(1));
        Judged::Bids
    }
}

const ROWS: &[Row] = &[Row::new("slow", |_: &mut Section| Box::new(Slow))];

#[tokio::test]
async fn calls_that_have_waited_for_longer_than_the_budget_are_refused_and_counted() {
    let policy = "{timeout_ms: 20, gates: [{name: slow}]}";
    let policy = Policy::from_yaml_with(policy, "t", ROWS).unwrap();
    let server = Running::start(Settings {
        workers: 1,
        policy: Arc::new(LivingPolicy::new(policy)),
        ..settings()
    });
    let mut caller = Caller::connect(&server, 1 << 20).await;
    let call = EvaluateRequest {
        bid_response: br#"{"seatbid":[{"bid":[{"impid":"1","price":2}]}]}"#.as_slice().into(),
        ..request(1)
    };
    let calls: Vec<_> = (0..300)
        .map(|_| caller.call("Evaluate", std::slice::from_ref(&call)))
        .collect();
    let (mut answered, mut refused) = (0, 0);
    for call in calls {
        match Caller::answer(call).await {
            Ok(_) => answered += 1,
            Err(status) => {
                assert_eq!(status, "8");
                refused += 1;
            }
        }
    }
    // The first turn, and what is judged within the budget; all of them take a third of a second.
    assert!(answered >= 4 && refused > 100, "{answered} {refused}");
    assert_eq!(server.metric("bidgate_shed_total"), refused);
    assert_eq!(server.metric("bidgate_evaluation_seconds_count"), answered);
    assert_eq!(server.metric("bidgate_in_flight"), 0);
    // One that does not wait is answered.
    Caller::answer(caller.call("Evaluate", &[call]))
        .await
        .unwrap();
}

/// A caller that makes no room for replies until it is told to.
const NO_ROOM: u32 = 0;

/// A connection with so much room for each reply.
struct Caller {
    requests: SendRequest<Bytes>,
    read_on: Option<oneshot::Sender<()>>,
}

impl Caller {
    async fn connect(server: &Running, window: u32) -> Self {
        let socket = TcpStream::connect(server.tcp()).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(window)
            .initial_max_send_streams(1000);
        let (requests, mut connection) = builder.handshake(socket).await.unwrap();
        let (read_on, told) = oneshot::channel::<()>();
        tokio::spawn(async move {
            tokio::select! {
                _ = &mut connection => return,
                _ = told => {}
            }
            connection.set_target_window_size(1 << 26);
            connection.set_initial_window_size(1 << 20).unwrap();
            connection.await.ok();
        });
        Self {
            requests,
            read_on: Some(read_on),
        }
    }

    fn call(&mut self, method: &str, messages: &[EvaluateRequest]) -> ResponseFuture {
        let head = Request::post(format!(
            "http://localhost/bidgate.v1.BidGateService/{method}"
        ))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
        let (response, mut body) = self
            .requests
            .send_request(head.body(()).unwrap(), false)
            .unwrap();
        let bytes: Vec<u8> = messages.iter().flat_map(framed).collect();
        body.send_data(bytes.into(), true).unwrap();
        response
    }

    /// So many calls at a time that each arrives before its deadline.
    async fn call_by_and_by(&mut self, method: &str, server: &Running) -> Vec<ResponseFuture> {
        let mut calls = Vec::new();
        for id in 0..CALLS {
            calls.push(self.call(method, &[large(id)]));
            let done = || {
                server.metric("bidgate_evaluation_seconds_count")
                    + server.metric("bidgate_unread_total")
            };
            while id % 20 == 19 && done() <= id {
                sleep(Duration::from_millis(10)).await;
            }
        }
        calls
    }

    fn read_on(&mut self) {
        self.read_on.take().unwrap().send(()).unwrap();
    }

    /// The replies, or the status of a call without.
    async fn answer(response: ResponseFuture) -> Result<Vec<EvaluateResponse>, String> {
        let (head, mut body) = response.await.unwrap().into_parts();
        if let Some(status) = head.headers.get("grpc-status") {
            return Err(status.to_str().unwrap().to_owned());
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk.unwrap();
            body.flow_control().release_capacity(chunk.len()).unwrap();
            bytes.extend_from_slice(&chunk);
        }
        let trailers = body.trailers().await.unwrap().unwrap();
        let status = trailers["grpc-status"].to_str().unwrap();
        if status != "0" {
            return Err(status.to_owned());
        }
        let mut replies = Vec::new();
        while !bytes.is_empty() {
            let len = u32::from_be_bytes(bytes[1..5].try_into().unwrap());
            let message = bytes.split_to(5 + usize::try_from(len).unwrap());
            replies.push(EvaluateResponse::decode(&message[5..]).unwrap());
        }
        Ok(replies)
    }
}
