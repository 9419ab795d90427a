//! Whatever a collector does, every event ends once: delivered, or dropped for a reason. Verdicts stay what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::collector::{ACCEPTED, Answer, Collector, Temper};
use crate::post::Post;
use crate::running::LOOPBACK;
use crate::sidecar::{Account, Sidecar};

const CALLS: u64 = 200;

#[tokio::test]
async fn a_healthy_collector_has_every_event_once() {
    let collector = Collector::start(|_, _| ACCEPTED);
    let account = run(&collector, &[]).await;
    assert_delivered(&account, &collector);
    assert_eq!(account.retries, 0);
    assert!(collector.connections() <= 8, "{}", collector.connections());
}

#[tokio::test]
async fn a_slow_collector_has_every_event_once() {
    const SLOW: Answer = Answer::After(Duration::from_millis(300), &ACCEPTED);
    let collector = Collector::start(|_, _| SLOW);
    let account = run(&collector, &[]).await;
    assert_delivered(&account, &collector);
    assert_eq!(account.retries, 0);
}

#[tokio::test]
async fn a_collector_that_asks_for_patience_gets_it_and_has_every_event() {
    let collector = Collector::start(|_, again| match again {
        true => ACCEPTED,
        false => Answer::Status(429, "retry-after: 1\r\n"),
    });
    let account = run(&collector, &[]).await;
    assert_delivered(&account, &collector);
    assert_eq!(account.retries, account.batches_delivered);
    for post in collector.posts() {
        let batch = post.batch_id();
        let posts = collector.posts().into_iter();
        let times: Vec<_> = posts
            .filter(|post| post.batch_id() == batch)
            .map(|post| post.at)
            .collect();
        let waited = times[1].duration_since(times[0]).unwrap();
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}

#[tokio::test]
async fn a_second_attempt_is_the_same_batch() {
    let collector = Collector::start(|_, again| match again {
        true => ACCEPTED,
        false => Answer::Status(503, ""),
    });
    let account = run(&collector, &[]).await;
    assert_delivered(&account, &collector);
    let bodies: BTreeSet<_> = collector
        .posts()
        .into_iter()
        .map(|post| post.body)
        .collect();
    assert_eq!(collector.posts().len(), 2 * bodies.len());
}

#[tokio::test]
async fn nobody_listens() {
    // Bound and not listening: nobody else gets the port, and whoever connects is refused.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&LOOPBACK.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let account = run_against(&format!("http://{address}"), &[]).await;
    assert_exhausted(&account);
}

#[tokio::test]
async fn nobody_accepts() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let account = run_against(&endpoint, &["--telemetry-timeout-ms=200"]).await;
    assert_exhausted(&account);
}

#[tokio::test]
async fn collectors_that_fail_cost_a_retry_and_then_the_batch() {
    const TEMPERS: [Temper; 9] = [
        |_, _| Answer::Hang,
        |_, _| Answer::CutBeforeBody,
        |_, _| Answer::Raw(b""),
        |_, _| Answer::Raw(b"HTTP/1.1 2"),
        |_, _| Answer::Raw(b"HTTP/1.1 202 Accepted\r\ncontent-len"),
        |_, _| Answer::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\x01\x02\xff"),
        |_, _| Answer::Status(503, ""),
        |_, _| Answer::Status(408, ""),
        |_, _| Answer::Status(429, "retry-after: soon\r\n"),
    ];
    for (index, temper) in TEMPERS.into_iter().enumerate() {
        let collector = Collector::start(temper);
        let account = run(&collector, &["--telemetry-timeout-ms=300"]).await;
        println!("temper {index}: {account:?}");
        assert_exhausted(&account);
    }
}

#[tokio::test]
async fn collectors_that_refuse_are_not_asked_again() {
    const TEMPERS: [Temper; 4] = [
        |_, _| Answer::Status(400, ""),
        |_, _| Answer::Status(401, ""),
        |_, _| Answer::Status(413, "retry-after: 1\r\n"),
        |_, _| Answer::Status(307, "location: http://127.0.0.1:9/v1/ingest\r\n"),
    ];
    for temper in TEMPERS {
        let collector = Collector::start(temper);
        let account = run(&collector, &[]).await;
        assert_eq!(account.dropped("rejected"), CALLS, "{account:?}");
        assert_eq!(account.retries, 0);
        let posts = collector.posts();
        let batches: BTreeSet<_> = posts.iter().map(|post| post.batch_id()).collect();
        assert_eq!(posts.len(), batches.len());
    }
}

#[tokio::test]
async fn a_collector_that_accepts_is_believed_however_it_ends() {
    const TEMPERS: [Temper; 3] = [
        |_, _| Answer::Raw(b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\n{\"acc"),
        |_, _| Answer::Raw(b"HTTP/1.1 202 Accepted\r\n\r\nuntil the end"),
        |_, _| Answer::Endless,
    ];
    for temper in TEMPERS {
        let collector = Collector::start(temper);
        let account = run(&collector, &[]).await;
        assert_delivered(&account, &collector);
        assert_eq!(account.retries, 0);
        // Little more than what fits the buffers of a connection, which are the system's.
        let taken = collector.endless_bytes() / collector.connections();
        assert!(taken < 16 << 20, "{taken} bytes an answer");
    }
}

#[tokio::test]
async fn a_collector_that_closes_after_each_answer_has_every_event() {
    let collector = Collector::start(|_, _| {
        Answer::Raw(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}")
    });
    let account = run(&collector, &[]).await;
    assert_eq!(account.delivered, CALLS, "{account:?}");
    assert_eq!(collector.accepted().len() as u64, CALLS);
}

#[tokio::test]
async fn more_than_may_wait_stays_in_the_rings_and_then_outside() {
    let collector = Collector::start(|_, _| Answer::Hang);
    let args = [
        "--telemetry-timeout-ms=2000",
        "--telemetry-retries=0",
        "--telemetry-max-events=5",
        "--telemetry-max-pending-batches=2",
        "--telemetry-ring-records=16",
        "--workers=1",
    ];
    let account = run(&collector, &args).await;
    let [full, exhausted] = ["ring_full", "retry_exhausted"].map(|reason| account.dropped(reason));
    assert!(full > 0 && exhausted > 0, "{account:?}");
    assert_eq!(full + exhausted, CALLS, "{account:?}");
}

#[tokio::test]
async fn what_is_left_at_the_end_is_sent_or_told() {
    // Answers come late enough that most batches are not settled when the process is told to end.
    const SLOW: Answer = Answer::After(Duration::from_millis(700), &ACCEPTED);
    let collector = Collector::start(|_, _| SLOW);
    let mut sidecar =
        Sidecar::start(&collector.endpoint(), &["--telemetry-max-age-ms=60000"]).await;
    sidecar.judge(CALLS + 7).await;
    assert!(sidecar.account().in_flight > 0);
    sidecar.terminate();
    let delivered = sidecar.ended(FLUSHED, "account.delivered");
    assert_eq!(delivered, (CALLS + 7).to_string());
    assert_eq!(collector.accepted().len() as u64, CALLS + 7);
    assert_sums(&collector, CALLS + 7);
}

#[tokio::test]
async fn what_cannot_be_sent_before_the_end_is_told() {
    let collector = Collector::start(|_, _| Answer::Hang);
    let args = [
        "--telemetry-flush-timeout-ms=2000",
        "--telemetry-timeout-ms=60000",
    ];
    let mut sidecar = Sidecar::start(&collector.endpoint(), &args).await;
    sidecar.judge(CALLS).await;
    sidecar.terminate();
    for _ in 0..10 {
        assert_eq!(sidecar.account().in_flight, CALLS);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let not_sent = sidecar.ended(NOT_FLUSHED, "not_sent");
    assert_eq!(not_sent, CALLS.to_string());
}

const FLUSHED: &str = "telemetry flushed";
const NOT_FLUSHED: &str = "telemetry not flushed in time";

#[tokio::test]
async fn what_was_lost_is_told_to_a_collector_that_comes_back() {
    // There is no body before the head was judged.
    fn seq(post: &Post) -> u64 {
        match post.body.is_empty() {
            true => 0,
            false => post.batch()["seq"].as_u64().unwrap(),
        }
    }
    let collector = Collector::start(|post, _| match seq(post) {
        1..=3 => Answer::Status(503, ""),
        4 => Answer::Status(400, ""),
        _ => ACCEPTED,
    });
    let mut sidecar = Sidecar::start(&collector.endpoint(), &[]).await;
    sidecar.judge(CALLS).await;
    let account = sidecar.settled().await;
    sidecar.terminate();
    let delivered = sidecar.ended(FLUSHED, "account.delivered");
    assert_eq!(delivered, account.delivered.to_string());
    let accepted = collector.posts().into_iter().filter(|post| seq(post) > 4);
    let batches: Vec<_> = accepted.map(|post| post.batch()).collect();
    let told = |reason: &str| -> u64 {
        let dropped = batches.iter().map(|batch| &batch["dropped"][reason]);
        dropped.map(|n| n.as_u64().unwrap()).sum()
    };
    for reason in ["retry_exhausted", "rejected"] {
        assert!(account.dropped(reason) > 0, "{account:?}");
        assert_eq!(told(reason), account.dropped(reason), "{reason}");
    }
    assert_eq!(evaluated(&batches), CALLS);
}

/// Calls while the collector does what it does, and the account of all of it.
async fn run(collector: &Collector, args: &[&str]) -> Account {
    run_against(&collector.endpoint(), args).await
}

async fn run_against(endpoint: &str, args: &[&str]) -> Account {
    let mut sidecar = Sidecar::start(endpoint, args).await;
    sidecar.judge(CALLS).await;
    sidecar.settled().await
}

fn assert_exhausted(account: &Account) {
    assert_eq!(account.dropped("retry_exhausted"), CALLS, "{account:?}");
    assert_eq!(account.batches_delivered, 0);
    assert!(account.retries >= CALLS / 20, "{account:?}");
}

fn assert_delivered(account: &Account, collector: &Collector) {
    assert_eq!(account.delivered, CALLS, "{account:?}");
    assert_eq!(collector.accepted().len() as u64, CALLS);
    assert_sums(collector, CALLS);
}

/// The counts of all batches, each once, say what was evaluated; none is missing between the first and the last.
fn assert_sums(collector: &Collector, calls: u64) {
    let posts = collector.posts();
    let batches: BTreeMap<_, _> = posts
        .iter()
        .map(|post| (post.batch_id(), post.batch()))
        .collect();
    let batches: Vec<_> = batches.into_values().collect();
    assert_eq!(evaluated(&batches), calls);
    let seqs: BTreeSet<_> = batches
        .iter()
        .map(|batch| batch["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=batches.len() as u64).collect());
}

/// Evaluations that batches tell of.
fn evaluated(batches: &[Value]) -> u64 {
    let counts = batches
        .iter()
        .flat_map(|batch| batch["counts"].as_array().unwrap());
    counts.map(|count| count["n"].as_u64().unwrap()).sum()
}
