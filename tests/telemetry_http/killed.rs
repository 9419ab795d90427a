//! A collector in a process of its own, killed without warning and started again.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::collector::{ACCEPTED, Answer, Collector};
use crate::post::Post;
use crate::running::LOOPBACK;
use crate::sidecar::Sidecar;

#[tokio::test]
async fn a_collector_that_is_killed_loses_what_it_had_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accepted");
    let address = TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let endpoint = format!("http://{address}");
    let mut sidecar = Sidecar::start(&endpoint, &["--telemetry-max-age-ms=50"]).await;
    for _ in 0..3 {
        let collector = CollectorProcess::start(address, &file);
        sidecar.judge(100).await;
        collector.kill();
        sidecar.judge(100).await;
        sidecar.settled().await;
    }
    let account = sidecar.settled().await;
    let recorded: Vec<_> = fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let distinct: BTreeSet<_> = recorded.iter().collect();
    let distinct = distinct.len() as u64;
    println!(
        "{account:?}, {distinct} events of {} lines at the collector",
        recorded.len()
    );
    let lost = account.dropped("retry_exhausted");
    assert!(account.delivered > 0 && lost > 0, "{account:?}");
    assert_eq!(account.delivered + lost, sidecar.calls());
    // What was recorded and not yet answered when the process was killed is lost to one side only.
    assert!((account.delivered..=account.delivered + lost).contains(&distinct));
}

/// This test's own program, running [`collector_process`].
struct CollectorProcess(Child);

impl CollectorProcess {
    fn start(address: SocketAddr, file: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::collector_process", "--ignored"])
            .env(ADDRESS, address.to_string())
            .env(FILE, file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self(child);
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        process
    }

    fn kill(mut self) {
        // SIGKILL: it has no chance to answer what it has read.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

const ADDRESS: &str = "COLLECTOR_ADDRESS";
const FILE: &str = "COLLECTOR_FILE";

/// What [`CollectorProcess`] runs: writes down what it accepts, then thinks, then answers.
#[test]
#[ignore = "a process of the test above"]
fn collector_process() {
    let Ok(address) = std::env::var(ADDRESS) else {
        return;
    };
    Collector::listen(record, None, address.parse().unwrap());
    // Killed long before.
    std::thread::sleep(Duration::from_secs(60));
}

fn record(post: &Post, _: bool) -> Answer {
    // There is no body before the head was judged.
    if !post.body.is_empty() {
        let file = std::env::var(FILE).unwrap();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        let lines: String = post
            .evaluation_ids()
            .iter()
            .map(|id| format!("{id}\n"))
            .collect();
        file.write_all(lines.as_bytes()).unwrap();
    }
    Answer::After(Duration::from_millis(20), &ACCEPTED)
}
