//! Callers that do not read, do not write, or do not even speak.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::Request;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::beside::beside;
use super::finding::Finding;
use super::frames;
use super::scrape::Scrape;
use super::stage::{Stage, ms, runtime};
use crate::client::Method;
use crate::client::connection::{Connection, answer};
use crate::clock;
use crate::error::Error;
use crate::figures::{mebibytes, real};
use crate::proto::EvaluateRequest;
use crate::tally::Answer;
use crate::target::Target;

/// Callers that ask for large replies and read none of them.
pub(super) fn slow_readers(stage: &Stage<'_>) -> Result<Finding, Error> {
    let connections = stage.either(4, 2);
    let bidgate = stage.start(&[])?;
    let before = Scrape::of(bidgate.admin)?;
    let memory = bidgate.process.memory()?.resident;
    let target = bidgate.tcp().clone();
    let (neighbours, refused) = beside(stage, &bidgate, Duration::from_secs(6), || {
        runtime()?.block_on(read_nothing(&target, connections))
    })?;
    let grown = bidgate.process.memory()?.peak.saturating_sub(memory);
    let gone = |scrape: &Scrape| scrape.same(&before, "bidgate_connections_open");
    let after = Scrape::when(bidgate.admin, gone)?;
    let calls = connections * CALLS_UNREAD;
    let mut finding = Finding::default();
    finding.saw(format!(
        "{connections} connections with {CALLS_UNREAD} calls each, 100 kB a reply, none read: {refused} of {calls} refused with \
         RESOURCE_EXHAUSTED; memory {:.0} MiB higher",
        mebibytes(grown)
    ));
    neighbours.told(&mut finding);
    finding.moved(&before, &after, &["bidgate_unread_total"]);
    let counted = after.get("bidgate_unread_total") - before.get("bidgate_unread_total");
    finding.expect(
        (counted - real(refused)).abs() < 0.5,
        "each refusal is counted",
    );
    finding.expect(refused > calls / 5, "calls are refused");
    // The budget, what the connection's own window holds of calls, and as much again of copies and of the allocator.
    let bound = connections * (64 << 20);
    finding.expect(grown < bound, format!("memory is bounded ({grown} bytes)"));
    finding.expect(gone(&after), "their connections leave nothing");
    finding.lost(format!(
        "{calls} calls whose replies nobody read, none acknowledged"
    ));
    Ok(finding)
}

/// Opens connections without room for a reply, and calls. Returns how many calls were refused.
async fn read_nothing(target: &Target, connections: u64) -> Result<u64, Error> {
    let mut refused = 0;
    let mut lines = Vec::new();
    for _ in 0..connections {
        let mut requests = no_room(target).await?;
        for number in 0..CALLS_UNREAD / AT_A_TIME {
            let calls = (0..AT_A_TIME).map(|call| ask(&mut requests, number * AT_A_TIME + call));
            let calls: Vec<_> = calls.collect::<Result<_, _>>()?;
            for call in calls {
                // The head of a reply needs no room. What is dropped here is reset, so the reply is kept.
                if let Ok(Ok(head)) = timeout(HEAD_PATIENCE, call).await {
                    let status = head.headers().get("grpc-status");
                    refused += u64::from(status.is_some_and(|status| status == "8"));
                    lines.push(head.into_body());
                }
            }
        }
    }
    Ok(refused)
}

async fn no_room(target: &Target) -> Result<SendRequest<Bytes>, Error> {
    let connected = Error::system("connect to the server");
    let Target::Tcp(address) = target else {
        return Err(Error::NotReady("bidgate"));
    };
    let stream = TcpStream::connect(address).await.map_err(connected)?;
    let mut builder = Builder::new();
    builder
        .initial_window_size(0)
        .initial_max_send_streams(1000);
    let opened = builder.handshake(stream).await;
    let (requests, connection) = opened.map_err(|error| Error::Http2(Box::new(error)))?;
    drop(spawn_local(async { connection.await.ok() }));
    Ok(requests)
}

fn ask(requests: &mut SendRequest<Bytes>, number: u64) -> Result<ResponseFuture, Error> {
    let head = Request::post(Method::Evaluate.path())
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap_or_default();
    let broken = |error| Error::Http2(Box::new(error));
    let (response, mut body) = requests.send_request(head, false).map_err(broken)?;
    body.send_data(large_message(number), true)
        .map_err(broken)?;
    Ok(response)
}

/// A call whose reply is as large as its bid response.
fn large_message(correlation_id: u64) -> Bytes {
    let padding = "x".repeat(100_000);
    let response = format!(
        r#"{{"ext":"{padding}","seatbid":[{{"bid":[{{"impid":"1","price":2,"adomain":["shop.co.uk"]}}]}}]}}"#
    );
    let request = EvaluateRequest {
        agent_id: "slow".to_owned(),
        bid_request: br#"{"id":"a","imp":[{"id":"1"}],"tmax":120}"#.to_vec(),
        bid_response: response.into_bytes(),
        elapsed_us: Some(0),
        want_filtered_response: true,
        correlation_id,
        ..EvaluateRequest::default()
    };
    framed(&request.encode_to_vec())
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or_default();
    [&[0], length.to_be_bytes().as_slice(), message]
        .concat()
        .into()
}

/// Callers that send a message byte by byte.
pub(super) fn slow_writers(stage: &Stage<'_>) -> Result<Finding, Error> {
    let bidgate = stage.start(&[])?;
    let before = Scrape::of(bidgate.admin)?;
    let target = bidgate.tcp().clone();
    let (neighbours, slow) = beside(stage, &bidgate, Duration::from_secs(6), || {
        runtime()?.block_on(write_slowly(&target, bidgate.admin))
    })?;
    let free = |scrape: &Scrape| scrape.get("bidgate_in_flight") < 0.5;
    let after = Scrape::when(bidgate.admin, free)?;
    let mut finding = Finding::default();
    finding.saw(format!(
        "{} of {CALLS_SLOW} slow calls ended with DEADLINE_EXCEEDED, the last after {:.0} ms",
        slow.ended,
        ms(slow.longest)
    ));
    neighbours.told(&mut finding);
    finding.moved(&before, &slow.meanwhile, &["bidgate_in_flight"]);
    finding.expect(slow.ended == CALLS_SLOW, "every slow call is ended");
    finding.expect(slow.longest < Duration::from_secs(8), "each in time");
    let held = slow.meanwhile.get("bidgate_in_flight");
    finding.expect(
        held >= real(CALLS_SLOW),
        format!("each holds a slot meanwhile ({held})"),
    );
    finding.expect(free(&after), "every slot is free again");
    finding.lost(format!("{CALLS_SLOW} calls that did not arrive"));
    Ok(finding)
}

/// What came of calls that were sent slowly.
struct Slow {
    ended: u64,
    longest: Duration,
    meanwhile: Scrape,
}

async fn write_slowly(target: &Target, admin: std::net::SocketAddr) -> Result<Slow, Error> {
    let mut line = Connection::open(target, Method::Evaluate.path()).await?;
    let began = clock::now();
    let mut calls = Vec::new();
    for _ in 0..CALLS_SLOW {
        let (response, mut body) = line.begin().map_err(|_broken| Error::Ended("bidgate"))?;
        body.send_data(Bytes::from_static(frames::BEGINNING), false)
            .ok();
        calls.push(spawn_local(async move {
            let trickle = async {
                while body.send_data(Bytes::from_static(b"x"), false).is_ok() {
                    sleep(TRICKLE).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                answer = answer(response) => answer,
                () = trickle => Answer::None,
            }
        }));
    }
    sleep(Duration::from_secs(1)).await;
    let meanwhile = Scrape::of(admin)?;
    let mut ended = 0;
    for call in calls {
        ended += u64::from(matches!(call.await, Ok(Answer::Status(DEADLINE_EXCEEDED))));
    }
    Ok(Slow {
        ended,
        longest: began.elapsed(),
        meanwhile,
    })
}

/// Callers that connect and say nothing, or half of what every connection begins with.
pub(super) fn half_open(stage: &Stage<'_>) -> Result<Finding, Error> {
    let bidgate = stage.start(&[])?;
    let before = Scrape::of(bidgate.admin)?;
    let mut silent = Vec::new();
    for number in 0..CONNECTIONS_SILENT {
        let mut stream = frames::connect(bidgate.tcp())?;
        if number % 2 == 0 {
            let half = frames::PREFACE.get(..9).unwrap_or_default();
            std::io::Write::write_all(&mut stream, half)
                .map_err(Error::system("write to the server"))?;
        }
        silent.push(frames::Caller::from(stream));
    }
    let open = |scrape: &Scrape| scrape.get("bidgate_connections_open") >= real(CONNECTIONS_SILENT);
    let meanwhile = Scrape::when(bidgate.admin, open)?;
    let began = clock::now();
    let (neighbours, cut) = beside(stage, &bidgate, Duration::from_secs(6), || {
        Ok(silent
            .iter_mut()
            .map(|caller| u64::from(caller.is_ended()))
            .sum::<u64>())
    })?;
    let longest = began.elapsed();
    let gone = |scrape: &Scrape| scrape.same(&before, "bidgate_connections_open");
    let after = Scrape::when(bidgate.admin, gone)?;
    let mut finding = Finding::default();
    finding.saw(format!(
        "{cut} of {CONNECTIONS_SILENT} connections that say nothing are cut, the last after {:.0} ms",
        ms(longest)
    ));
    neighbours.told(&mut finding);
    finding.moved(&before, &meanwhile, &["bidgate_connections_open"]);
    finding.expect(cut == CONNECTIONS_SILENT, "every one is cut");
    finding.expect(gone(&after), "none is left");
    Ok(finding)
}

/// Half as much again as the budget of a connection takes.
const CALLS_UNREAD: u64 = 250;
const AT_A_TIME: u64 = 10;
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
const CALLS_SLOW: u64 = 500;
const TRICKLE: Duration = Duration::from_millis(500);
const CONNECTIONS_SILENT: u64 = 200;
/// grpc/doc/statuscodes.md.
const DEADLINE_EXCEEDED: i64 = 4;
