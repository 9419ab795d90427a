//! Lines in a file that is rotated.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::batches::Batches;
use crate::calls::{call, counts, send};
use crate::sidecar::{Sidecar, serve};

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
    let output = serve(&["--telemetry-sink=file", "--telemetry-file=/nowhere/events"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains("telemetry.file: cannot write to /nowhere/events: No such file"),
        "{said}"
    );
}
