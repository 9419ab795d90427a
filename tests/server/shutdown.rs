//! Drain and signals.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use bidgate::server::{Drained, Settings};
use tonic::{Code, Status};

use crate::process::Process;
use crate::raw::{HALF_A_MESSAGE, RawCaller};
use crate::running::{
    Client, PATIENCE, Running, SHORT_GRACE, admin_page, request, settings, stream,
};

#[tokio::test]
async fn a_drain_under_load_loses_no_call() {
    let mut server = Running::start(Settings {
        drain_delay: Duration::from_millis(100),
        grace: PATIENCE,
        ..settings()
    });
    let mut callers = Vec::new();
    for _ in 0..8 {
        callers.push(tokio::spawn(call_until_refused(server.client().await)));
    }
    let mut holder = RawCaller::connect(server.tcp(), &[]);
    holder.open("Evaluate");
    holder.data(HALF_A_MESSAGE);
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop();
    let mut all_answered = 0;
    for caller in callers {
        let (answered, status) = caller.await.unwrap();
        let error = format!("{status:?}");
        let unsent =
            error.contains("ConnectionRefused") || error.contains("GoAway(b\"\", NO_ERROR");
        assert!(unsent, "a call was lost: {error}");
        all_answered += answered;
    }
    assert!(all_answered > 0);
    assert_eq!(
        server.metric("bidgate_evaluation_seconds_count"),
        all_answered
    );
    drop(holder);
    assert_eq!(server.ended().await, Drained::Completely);
}

/// A call that fails was not begun: no connection is accepted, or the connection takes no new stream.
async fn call_until_refused(mut client: Client) -> (u64, Status) {
    let mut answered = 0;
    loop {
        match client.evaluate(request(answered)).await {
            Ok(_) => answered += 1,
            Err(status) => return (answered, status),
        }
    }
}

#[tokio::test]
async fn a_drain_ends_idle_streams_and_idle_connections() {
    let mut server = Running::start(Settings {
        grace: Duration::from_secs(60),
        ..settings()
    });
    let idle = server.client().await;
    let silent = TcpStream::connect(server.tcp()).unwrap();
    let (sender, mut replies) = stream(&mut server.client().await).await;
    for correlation_id in 0..50 {
        sender.send(request(correlation_id)).await.unwrap();
    }
    assert_eq!(replies.message().await.unwrap().unwrap().correlation_id, 0);
    let since = Instant::now();
    server.stop();
    for correlation_id in 1..50 {
        assert_eq!(
            replies.message().await.unwrap().unwrap().correlation_id,
            correlation_id
        );
    }
    assert_eq!(
        replies.message().await.unwrap_err().code(),
        Code::Unavailable
    );
    assert_eq!(server.ended().await, Drained::Completely);
    assert!(since.elapsed() < Duration::from_secs(5));
    drop((idle, silent));
}

#[tokio::test]
async fn what_does_not_finish_within_the_grace_period_is_cut() {
    let server = Running::start(settings());
    let mut holder = RawCaller::connect(server.tcp(), &[]);
    holder.open("Evaluate");
    holder.data(HALF_A_MESSAGE);
    server.wait_for("bidgate_in_flight", 1).await;
    let since = Instant::now();
    assert_eq!(server.ended().await, Drained::Cut);
    assert!((SHORT_GRACE..Duration::from_secs(2)).contains(&since.elapsed()));
}

#[test]
fn sigterm_drains_and_the_process_ends_well() {
    for signal in ["-TERM", "-INT"] {
        let process = Process::start();
        let caller = RawCaller::connect(process.address, &[]);
        drop(caller);
        process.signal(signal);
        let (drained, status) = process.ended();
        assert_eq!(drained, "Completely");
        assert!(status.success());
    }
}

#[test]
fn a_process_short_of_files_refuses_connections_and_recovers() {
    let process = Process::start_after("ulimit -n 60");
    let callers: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(process.address).unwrap())
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    drop(callers);
    let since = Instant::now();
    let page = loop {
        let (_, page) = admin_page(process.admin, "GET /metrics");
        if page.contains("bidgate_connections_open 0\n") {
            break page;
        }
        assert!(since.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    };
    let cpu = page
        .lines()
        .find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
    assert!(
        cpu.unwrap().parse::<f64>().unwrap() < 0.5,
        "it spins: {page}"
    );
    process.signal("-TERM");
    assert_eq!(process.ended().0, "Completely");
}

#[test]
fn a_second_signal_ends_at_once() {
    let process = Process::start();
    let mut holder = RawCaller::connect(process.address, &[]);
    holder.open("Evaluate");
    holder.data(HALF_A_MESSAGE);
    std::thread::sleep(Duration::from_millis(200));
    let since = Instant::now();
    process.signal("-TERM");
    while TcpStream::connect(process.address).is_ok() {
        assert!(since.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(
        TcpStream::connect(process.admin).is_ok(),
        "the admin pages are served to the last"
    );
    process.signal("-TERM");
    let calls = process.logged(
        "cut by a second signal: these calls are not answered, these events not sent",
        "calls",
    );
    assert_eq!(calls, "1");
    let (drained, status) = process.ended();
    assert_eq!(drained, "Cut");
    assert!(status.success());
    assert!(since.elapsed() < PATIENCE / 2);
}
