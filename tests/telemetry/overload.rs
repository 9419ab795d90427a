//! A sink that is stuck: calls are answered as ever, and the account is exact.

use std::time::{Duration, Instant};

use crate::batches::Batches;
use crate::calls::{Client, VERDICTS, call, counts, send};
use crate::sidecar::{Account, Sidecar};

/// Little room everywhere.
const TIGHT: [&str; 6] = [
    "--telemetry-sink=stdout",
    "--telemetry-ring-records=16",
    "--telemetry-max-pending-batches=2",
    "--telemetry-max-events=20",
    "--telemetry-max-age-ms=50",
    "--telemetry-flush-timeout-ms=10000",
];

#[tokio::test]
async fn a_pipe_that_nobody_reads_costs_records_and_no_call() {
    let mut sidecar = Sidecar::start_unread(&TIGHT);
    let mut client = sidecar.client().await;
    let mut replies = Vec::new();
    // The pipe holds 64 KiB, some hundred events; how many get there depends on the machine.
    let mut stuck = sidecar.account();
    while stuck.batches_pending < 2 || stuck.ring_full <= 1000 {
        let calls = VERDICTS.iter().cycle().take(100);
        let calls = calls.map(|verdict| call("bidder", "exchange", verdict));
        replies.extend(send(&mut client, calls.collect()).await);
        stuck = sidecar.account();
        assert!(replies.len() < 100_000, "{stuck:?}");
    }
    let expected = VERDICTS.iter().cycle().copied();
    let answered = replies.iter().map(|reply| reply.verdict().as_str_name());
    assert!(answered.eq(expected.take(replies.len())));
    let offered = replies.len() as u64;
    assert_eq!(stuck.offered, offered);
    assert!(stuck.in_flight > 20, "{stuck:?}");

    sidecar.read();
    let freed = sidecar.wait_until(|account| account.in_flight == 0);
    assert_eq!(freed.delivered + freed.ring_full, offered);
    replies.extend(send(&mut client, vec![call("late", "", "VERDICT_FAIL"); 3]).await);
    let ended = sidecar.end();
    let batches = Batches::read(&ended.stdout);
    assert!(ended.status.success());
    assert_eq!(batches.counts(), counts(&replies));
    assert_eq!(batches.dropped("ring_full"), freed.ring_full);
    assert_eq!(
        batches.events().count() as u64,
        offered + 3 - freed.ring_full
    );
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_does_not_keep_the_process() {
    let args = [&TIGHT[..5], &["--telemetry-flush-timeout-ms=300"]].concat();
    let sidecar = Sidecar::start_unread(&args);
    let mut client = sidecar.client().await;
    let stuck = stick(&sidecar, &mut client).await;
    drop(client);
    let begin = Instant::now();
    let ended = sidecar.end();
    assert!(ended.status.success());
    let took = begin.elapsed().as_millis();
    assert!((250..5000).contains(&took), "{took} ms");
    assert_eq!(ended.flushed["message"], "telemetry not flushed in time");
    assert_eq!(ended.flushed["not_sent"], stuck.in_flight);
}

/// Calls until the pipe is full and nothing moves.
async fn stick(sidecar: &Sidecar, client: &mut Client) -> Account {
    for _ in 0..200 {
        send(client, vec![call("bidder", "exchange", "VERDICT_FAIL"); 10]).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        let account = sidecar.account();
        if account.batches_pending == 2 && account.ring_full > 0 {
            return account;
        }
    }
    panic!("the pipe is never full");
}

#[tokio::test]
async fn a_pipe_that_is_closed_loses_batches_and_says_so() {
    let mut sidecar =
        Sidecar::start_unread(&[&TIGHT[..], &["--telemetry-retry-delay-ms=1"]].concat());
    sidecar.close();
    let mut client = sidecar.client().await;
    send(
        &mut client,
        vec![call("bidder", "exchange", "VERDICT_FAIL"); 10],
    )
    .await;
    let account = sidecar.wait_until(|account| account.in_flight == 0);
    assert_eq!((account.otherwise, account.delivered), (10, 0));
    let lost = sidecar.said("telemetry dropped events");
    assert_eq!(lost["new.retry_exhausted"], 10);
}
