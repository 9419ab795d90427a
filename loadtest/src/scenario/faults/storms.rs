//! Connections and calls that come and go.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::SockRef;
use tokio::task::yield_now;

use super::beside::beside;
use super::finding::Finding;
use super::frames;
use super::scrape::Scrape;
use super::stage::{Stage, runtime};
use crate::admin;
use crate::client::Method;
use crate::client::connection::Connection;
use crate::clock;
use crate::error::Error;
use crate::figures::{mebibytes, real};
use crate::servers::Bidgate;
use crate::tally::{Answer, Latencies};
use crate::target::Target;

/// A connection for each call, closed in order.
pub(super) fn churn(stage: &Stage<'_>) -> Result<Finding, Error> {
    let connections = stage.either(20_000, 1_000);
    storm(stage, |target, message| {
        let answered = runtime()?.block_on(call_once_each(target, message, connections))?;
        Ok(Storm {
            told: format!(
                "{answered} of {connections} calls answered, each on a connection of its own"
            ),
            as_expected: answered == connections,
        })
    })
}

async fn call_once_each(target: &Target, message: &Bytes, calls: u64) -> Result<u64, Error> {
    let mut answered = 0;
    for _ in 0..calls {
        let mut line = Connection::open(target, Method::Evaluate.path()).await?;
        let answer = line.call(message.clone()).await;
        answered += u64::from(matches!(answer, Ok(Answer::Verdict(_))));
    }
    Ok(answered)
}

/// Connections that are reset with a call under way.
pub(super) fn resets(stage: &Stage<'_>) -> Result<Finding, Error> {
    let connections = stage.either(20_000, 1_000);
    storm(stage, |target, _| {
        for _ in 0..connections {
            let stream = frames::connect(target)?;
            let linger = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            linger.map_err(Error::system("have a connection reset"))?;
            let mut caller = frames::Caller::from(stream);
            caller.greet()?;
            caller.open_calls(4)?;
        }
        Ok(Storm {
            told: format!("{connections} connections reset with 4 calls under way on each"),
            as_expected: true,
        })
    })
}

/// Calls that are cancelled as soon as they are sent.
pub(super) fn cancels(stage: &Stage<'_>) -> Result<Finding, Error> {
    let calls = stage.either(300_000, 10_000);
    storm(stage, |target, message| {
        runtime()?.block_on(cancel_each(target, message, calls))
    })
}

/// A caller that cancels faster than the sidecar takes its calls is cut off, and connects again.
async fn cancel_each(target: &Target, message: &Bytes, calls: u64) -> Result<Storm, Error> {
    let (mut cancelled, mut opened) = (0, 0);
    let mut line = None;
    while cancelled < calls {
        let open = match &mut line {
            Some(open) => open,
            none => {
                opened += 1;
                none.insert(Connection::open(target, Method::Evaluate.path()).await?)
            }
        };
        match open.send(message.clone()) {
            Ok(response) => {
                drop(response);
                cancelled += 1;
            }
            Err(_broken) => line = None,
        }
        if cancelled % BURST == 0 {
            yield_now().await;
        }
    }
    let mut last = Connection::open(target, Method::Evaluate.path()).await?;
    let answer = last.call(message.clone()).await;
    Ok(Storm {
        told: format!("{cancelled} calls cancelled, on {opened} connection(s)"),
        as_expected: matches!(answer, Ok(Answer::Verdict(_))),
    })
}

/// What a storm did.
struct Storm {
    told: String,
    as_expected: bool,
}

/// Has a storm happen beside others.
fn storm(
    stage: &Stage<'_>,
    happens: impl FnOnce(&Target, &Bytes) -> Result<Storm, Error> + Send,
) -> Result<Finding, Error> {
    let bidgate = stage.start(&[])?;
    let before = Scrape::of(bidgate.admin)?;
    let memory = bidgate.process.memory()?.resident;
    let (target, message) = (bidgate.tcp(), stage.messages.message(0));
    let duration = stage.either(Duration::from_secs(10), Duration::from_secs(3));
    let (neighbours, storm) = beside(stage, &bidgate, duration, || happens(target, &message))?;
    let grown = bidgate.process.memory()?.peak.saturating_sub(memory);
    let gone = |scrape: &Scrape| {
        scrape.same(&before, "bidgate_connections_open") && scrape.get("bidgate_in_flight") < 0.5
    };
    let after = Scrape::when(bidgate.admin, gone)?;
    let mut finding = Finding::default();
    finding.saw(format!(
        "{}; memory {:.0} MiB higher",
        storm.told,
        mebibytes(grown)
    ));
    neighbours.told(&mut finding);
    let samples = [
        "bidgate_evaluations_total",
        "bidgate_connections_open",
        "process_open_fds",
    ];
    finding.moved(&before, &after, &samples);
    finding.expect(
        storm.as_expected,
        "every call is answered that waits for it",
    );
    finding.expect(gone(&after), "no connection and no slot is left");
    finding.expect(
        grown < 64 << 20,
        format!("memory is bounded ({grown} bytes)"),
    );
    Ok(finding)
}

/// Calls over REST, as many as it takes: they share their thread with the admin pages and with what accepts connections.
pub(super) fn rest_saturated(stage: &Stage<'_>) -> Result<Finding, Error> {
    let bidgate = stage.start(&["--rest", "true"])?;
    let before = Scrape::of(bidgate.admin)?;
    let duration = stage.either(Duration::from_secs(5), Duration::from_secs(2));
    let (neighbours, seen) = beside(stage, &bidgate, duration, || rest_load(&bidgate, duration))?;
    let after = Scrape::of(bidgate.admin)?;
    let p99_ms = |latencies: &Latencies| real(latencies.quantile_ns(0.99)) / 1e6;
    let mut finding = Finding::default();
    finding.saw(format!(
        "{:.0} REST calls/s; /health/live p99 {:.1} ms, a new gRPC connection with its first call p99 {:.1} ms",
        real(seen.answered) / duration.as_secs_f64(),
        p99_ms(&seen.health),
        p99_ms(&seen.connecting),
    ));
    neighbours.told(&mut finding);
    finding.moved(
        &before,
        &after,
        &["bidgate_rpc_seconds_count{method=\"REST\"}"],
    );
    finding.expect(seen.answered > 0, "REST calls are answered");
    finding.expect(p99_ms(&seen.health) < 500.0, "health answers in time");
    finding.expect(
        p99_ms(&seen.connecting) < 500.0,
        "connections are accepted in time",
    );
    Ok(finding)
}

/// What was seen while REST calls were made.
struct RestLoad {
    answered: u64,
    health: Latencies,
    connecting: Latencies,
}

fn rest_load(bidgate: &Bidgate, duration: Duration) -> Result<RestLoad, Error> {
    let ends = clock::now() + duration;
    let admin = bidgate.admin;
    thread::scope(|scope| {
        let mut callers = Vec::new();
        for _ in 0..REST_CALLERS {
            callers.push(scope.spawn(|| rest_calls(admin, ends)));
        }
        let seen = look_on(bidgate, || clock::now() < ends);
        let answered = callers
            .into_iter()
            .filter_map(|caller| caller.join().ok())
            .sum();
        let (health, connecting) = seen?;
        Ok(RestLoad {
            answered,
            health,
            connecting,
        })
    })
}

/// Calls until it is time to end; how many were answered.
fn rest_calls(admin: SocketAddr, ends: Instant) -> u64 {
    let mut answered = 0;
    while clock::now() < ends {
        answered += u64::from(rest_call(admin).unwrap_or(false));
    }
    answered
}

fn look_on(bidgate: &Bidgate, goes_on: impl Fn() -> bool) -> Result<(Latencies, Latencies), Error> {
    let (mut health, mut connecting) = (Latencies::new()?, Latencies::new()?);
    let runtime = runtime()?;
    let message = crate::messages::Messages::generate(traffic::Shape::Typical, 1).message(0);
    while goes_on() {
        let began = clock::now();
        if admin::get(bidgate.admin, "/health/live").is_ok_and(|page| page.status == 200) {
            health.record(began.elapsed());
        }
        let began = clock::now();
        runtime.block_on(call_once_each(bidgate.tcp(), &message, 1))?;
        connecting.record(began.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    Ok((health, connecting))
}

fn rest_call(admin: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let body = r#"{"agent_id":"rest","input":{"id":"a","imp":[{"id":"1"}],"tmax":120},"output":{"seatbid":[{"bid":[{"impid":"1","price":2}]}]},"elapsed_us":1}"#;
    let length = body.len();
    write!(
        stream,
        "POST /v1/evaluate HTTP/1.1\r\nHost: {admin}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// Calls between two looks at the socket.
const BURST: u64 = 200;
const REST_CALLERS: usize = 16;
