//! Lines in a file that is rotated.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::batches::Batches;
use crate::calls::{call, counts, send};
use crate::sidecar::{Sidecar, get, serve_after};

#[tokio::test]
async fn files_follow_each_other_and_hold_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    let sidecar = Sidecar::start(&[
        "--telemetry-sink=file",
        "--telemetry-file",
        file.to_str().unwrap(),
        "--telemetry-file-max-bytes=40000",
        "--telemetry-file-keep=50",
        "--telemetry-max-events=20",
    ]);
    let mut client = sidecar.client().await;
    let calls = (0..500)
        .map(|_| call("bidder", "exchange", "VERDICT_FAIL"))
        .collect();
    let replies = send(&mut client, calls).await;
    let ended = sidecar.end();
    assert!(ended.status.success());
    let mut files: Vec<_> = (1..)
        .map(|number| folder.path().join(format!("events.ndjson.{number}")))
        .take_while(|rotated| rotated.exists())
        .collect();
    assert!(files.len() > 2, "{files:?}");
    files.reverse();
    files.push(file);
    let mut lines = String::new();
    for file in &files {
        let metadata = fs::metadata(file).unwrap();
        assert!(metadata.len() <= 40_000);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        lines.push_str(&fs::read_to_string(file).unwrap());
    }
    let batches = Batches::read(&lines);
    assert_eq!(batches.counts(), counts(&replies));
    assert_eq!(batches.events().count(), 500);
}

#[test]
fn a_file_that_cannot_be_written_stops_the_start() {
    let output = serve_after(
        "true",
        &["--telemetry-sink=file", "--telemetry-file=/nowhere/events"],
    )
    .output()
    .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains("telemetry.file: cannot write to /nowhere/events: No such file"),
        "{said}"
    );
}

#[tokio::test]
async fn a_full_disk_tears_no_line_and_costs_only_what_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    // Blocks of 512 bytes; a signal that is ignored makes an error of it.
    let mut sidecar = Sidecar::start_command(serve_after(
        "trap '' XFSZ; ulimit -S -f 40",
        &[
            "--telemetry-sink=file",
            "--telemetry-file",
            file.to_str().unwrap(),
            "--telemetry-max-events=10",
            "--telemetry-max-age-ms=50",
            "--telemetry-retry-delay-ms=0",
        ],
    ));
    sidecar.close();
    let mut client = sidecar.client().await;
    let calls = || vec![call("bidder", "exchange", "VERDICT_FAIL"); 200];
    send(&mut client, calls()).await;
    let full = sidecar.wait_until(|account| account.in_flight == 0);
    assert!(full.delivered > 0 && full.otherwise > 0, "{full:?}");
    let batches = Batches::read_some(&fs::read_to_string(&file).unwrap());
    assert_eq!(batches.events().count() as u64, full.delivered);

    let none = Rlimit {
        current: None,
        maximum: None,
    };
    let pid = Pid::from_raw(sidecar.pid().cast_signed());
    prlimit(pid, Resource::Fsize, none).unwrap();
    send(&mut client, calls()).await;
    let free = sidecar.wait_until(|account| account.in_flight == 0);
    assert_eq!(free.delivered, full.delivered + 200);
    assert_eq!(free.otherwise, full.otherwise);
    assert!(sidecar.end().status.success());
    let batches = Batches::read_some(&fs::read_to_string(&file).unwrap());
    assert_eq!(batches.events().count() as u64, free.delivered);
    // What was evaluated is told exactly, by the batches that arrived.
    assert_eq!(batches.counts().values().sum::<u64>(), 400);
    assert_eq!(batches.dropped("retry_exhausted"), full.otherwise);
}

#[tokio::test]
async fn a_full_file_that_cannot_be_rotated_is_told_and_does_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    // A file takes the place of no folder.
    fs::create_dir(folder.path().join("events.1")).unwrap();
    let sidecar = Sidecar::start(&[
        "--telemetry-sink=file",
        "--telemetry-file",
        file.to_str().unwrap(),
        "--telemetry-file-max-bytes=8192",
        "--telemetry-file-keep=1",
        "--telemetry-max-events=5",
        "--telemetry-retry-delay-ms=0",
    ]);
    let mut client = sidecar.client().await;
    let calls = || vec![call("bidder", "exchange", "VERDICT_FAIL"); 100];
    send(&mut client, calls()).await;
    let said = sidecar.said("the file of telemetry is full and cannot be rotated");
    assert!(
        said["error"].as_str().unwrap().contains("directory"),
        "{said}"
    );
    let stuck = sidecar.wait_until(|account| account.in_flight == 0);
    assert!(stuck.otherwise > 0, "{stuck:?}");
    assert!(fs::metadata(&file).unwrap().len() <= 8192);
    let failures = "bidgate_telemetry_rotation_failures_total 0";
    assert!(!get(sidecar.admin, "/metrics").contains(failures));
    fs::remove_dir(folder.path().join("events.1")).unwrap();
    send(&mut client, calls()).await;
    sidecar.said("the file of telemetry is rotated again");
    assert!(sidecar.end().status.success());
}

#[tokio::test]
async fn a_file_that_is_moved_away_is_followed_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("events"), folder.path().join("moved"));
    let sidecar = Sidecar::start(&[
        "--telemetry-sink=file",
        "--telemetry-file",
        file.to_str().unwrap(),
        "--telemetry-max-age-ms=20",
    ]);
    let mut client = sidecar.client().await;
    send(&mut client, vec![call("a", "", "VERDICT_PASS"); 3]).await;
    sidecar.wait_until(|account| account.delivered == 3);
    fs::rename(&file, &moved).unwrap();
    send(&mut client, vec![call("a", "", "VERDICT_PASS"); 2]).await;
    assert!(sidecar.end().status.success());
    for (file, events) in [(&moved, 3), (&file, 2)] {
        let batches = Batches::read_some(&fs::read_to_string(file).unwrap());
        assert_eq!(batches.events().count(), events);
    }
}
