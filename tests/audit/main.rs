//! The audit log of the real binary: what it tells, and what becomes of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::tests_outside_test_module,
    reason = "an integration test is all test"
)]

#[path = "../support/binary.rs"]
mod binary;
mod sidecar;

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use binary::PATIENCE;
use sidecar::{Place, Said, remove_line, verify};

#[test]
fn a_run_is_told_from_its_start_to_its_end() {
    let place = Place::new();
    let sidecar = place.start(&[]);
    place.write_policy("fail_fast: false\n");
    sidecar.signal("-HUP");
    place.await_event("policy_swapped", 1);
    place.write_policy("fail_fast: maybe\ntimeout: 1\n");
    place.await_event("policy_refused", 1);
    sidecar.set_level("debug");
    sidecar.end();
    let expected = [
        "start",
        "policy_loaded",
        "listener_opened",
        "listener_opened",
        "policy_swapped",
        "policy_refused",
        "log_changed",
        "shutdown_begun",
        "shutdown_ended",
    ];
    assert_eq!(place.events(), expected);
    let lines = place.lines();
    assert_eq!(lines[0]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(lines[2]["serves"], "grpc");
    let (loaded, swapped, refused) = (&lines[1], &lines[4], &lines[5]);
    assert_eq!(swapped["from"], loaded["policy_version"]);
    assert_ne!(swapped["policy_version"], loaded["policy_version"]);
    assert_eq!(refused["policy_version"], swapped["policy_version"]);
    assert_eq!(
        (&swapped["cause"], &refused["cause"]),
        (&json!("signal"), &json!("file_changed"))
    );
    assert_eq!(refused["problems"], 2);
    assert_eq!(
        (&lines[6]["from"], &lines[6]["level"]),
        (&json!("info"), &json!("debug"))
    );
    assert_eq!(lines[8]["outcome"], "drained");
    let said = place.verify(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.starts_with("intact: 9 lines, seq 1 to 9\n"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("\nlast event: shutdown_ended\nhead: 9:"),
        "{}",
        said.out
    );
}

/// What an operator computes with the system's own tools is what stands there.
#[test]
fn digests_are_those_of_what_the_commands_print() {
    let place = Place::new();
    place.start(&[]).end();
    let sum = |command: &str| {
        let command = format!("{command} | sha256sum | cut -c1-64");
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", path_with_binary())
            .current_dir(place.folder.path())
            .output()
            .unwrap();
        Value::from(Said::of(&output).out.trim())
    };
    let lines = place.lines();
    assert_eq!(
        lines[1]["files"][0],
        json!({ "path": "policy.yaml", "sha256": sum("cat policy.yaml") })
    );
    assert_eq!(
        lines[1]["policy_sha256"],
        sum("bidgate policy print policy.yaml | grep -v '^#'")
    );
    let serve = "bidgate serve --log-format=json --shutdown-drain-delay-ms=0 --listen=127.0.0.1:0 --admin=127.0.0.1:0 \
                 --policy-file=policy.yaml --audit-file=audit.ndjson";
    assert_eq!(
        lines[0]["config_sha256"],
        sum(&format!("{serve} --print-config"))
    );
    assert_eq!(lines[3]["prev"], sum("sed -n 3p audit.ndjson"));
}

fn path_with_binary() -> String {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_bidgate"));
    let folder = binary.parent().unwrap().display();
    format!("{folder}:{}", std::env::var("PATH").unwrap())
}

#[test]
fn a_run_that_was_killed_is_told_and_a_torn_line_is_recorded() {
    let place = Place::new();
    let sidecar = place.start(&[]);
    place.await_event("listener_opened", 2);
    sidecar.kill();
    let killed = place.events();
    assert!(!killed.contains(&"shutdown_begun".to_owned()), "{killed:?}");
    let torn = [
        &fs::read(place.audit()).unwrap()[..],
        b"{\"seq\":5,\"at\":\"20",
    ]
    .concat();
    fs::write(place.audit(), &torn).unwrap();
    let said = place.verify(&[]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("audit.ndjson:5 (byte "), "{}", said.out);
    place.start(&[]).end();
    let told = place.events();
    let further = ["?", "line_torn", "previous_run_unfinished", "start"];
    assert_eq!(told[4..8], further);
    assert!(fs::read(place.audit()).unwrap().starts_with(&torn));
    assert_eq!(place.verify(&[]).code, 0);
    place.start(&[]).end();
    let again = place.events();
    assert_eq!(again[told.len()], "start", "{again:?}");
}

#[test]
fn a_head_that_was_kept_finds_a_chain_that_was_cut() {
    let place = Place::new();
    let sidecar = place.start(&[]);
    place.await_event("listener_opened", 2);
    sidecar.set_level("debug");
    let logged = loop {
        let line = sidecar.said("audit");
        if line["event"] == "log_changed" {
            break line;
        }
    };
    let info: Value = serde_json::from_str(&sidecar.get("/health/info")).unwrap();
    assert_eq!(
        info["audit"],
        json!({ "seq": logged["seq"], "sha256": logged["sha256"] })
    );
    let head = format!("5:{}", info["audit"]["sha256"].as_str().unwrap());
    sidecar.end();
    let expect = ["--expect", head.as_str()];
    assert_eq!(place.verify(&expect).code, 0);
    for line in [7, 6, 5] {
        remove_line(&place.audit(), line);
        assert_eq!(place.verify(&[]).code, 0, "the tail is not missed");
        assert_eq!(place.verify(&expect).code, i32::from(line == 5));
    }
    let said = place.verify(&expect);
    assert!(
        said.out
            .starts_with("broken: the chain has no line 5 of SHA-256 "),
        "{}",
        said.out
    );
    assert_eq!(place.verify(&["--expect", "5"]).code, 2);
}

#[test]
fn what_the_admin_port_asks_for_is_told_without_being_said() {
    let place = Place::new();
    let token = place.folder.path().join("token");
    fs::write(&token, "0123456789abcdef").unwrap();
    let sidecar = place.start(&[&format!("--admin-token-file={}", token.display())]);
    place.await_event("credential_loaded", 1);
    fs::write(&token, "short").unwrap();
    place.await_event("credential_refused", 1);
    fs::write(&token, "fedcba9876543210").unwrap();
    place.await_event("credential_replaced", 1);
    sidecar.end();
    assert_eq!(place.verify(&[]).code, 0);
    let told = fs::read_to_string(place.audit()).unwrap();
    assert!(told.contains("\"credential\":\"admin_token\""), "{told}");
    assert!(!told.contains("0123456789abcdef") && !told.contains("fedcba9876543210"));
}

#[test]
fn a_line_that_is_gone_is_found_and_the_next_start_keeps_the_file() {
    let place = Place::new();
    place.start(&[]).end();
    remove_line(&place.audit(), 3);
    let said = place.verify(&[]);
    assert_eq!(said.code, 1);
    let wrong = "has seq 4 where 3 belongs: lines were removed, inserted or moved";
    assert!(said.out.ends_with(&format!(") {wrong}\n")), "{}", said.out);
    let said = place.verify(&["--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["intact"]), (1, &json!(false)));
    assert_eq!(
        (&report["lines"], &report["last"]["seq"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        (&report["problem"]["line"], &report["problem"]["problem"]),
        (&json!(3), &json!(wrong))
    );
    let broken = fs::read(place.audit()).unwrap();
    let sidecar = place.start(&[]);
    sidecar.end();
    let lines = place.lines();
    assert_eq!(
        (&lines[0]["event"], &lines[0]["seq"]),
        (&json!("chain_broken"), &json!(1))
    );
    let aside = place
        .folder
        .path()
        .join(lines[0]["set_aside"].as_str().unwrap());
    assert_eq!(fs::read(aside).unwrap(), broken);
    assert_eq!(place.verify(&[]).code, 0);
}

#[test]
fn a_chain_goes_on_in_the_next_file() {
    let place = Place::new();
    let small = [
        "--audit-file-max-bytes=65536",
        "--audit-file-keep=1",
        "--log-lines-per-second=100000",
    ];
    let sidecar = place.start(&small);
    let rotated = place.folder.path().join("audit.ndjson.1");
    let levels = ["debug", "info"].iter().cycle();
    let began = Instant::now();
    for level in levels.take_while(|_| !rotated.exists()) {
        sidecar.set_level(level);
        // A disk that others use takes some lines a second.
        std::thread::sleep(Duration::from_millis(2));
        assert!(began.elapsed() < 3 * PATIENCE);
    }
    sidecar.end();
    let rotated = rotated.to_str().unwrap();
    let said = place.verify(&[rotated, "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (said.code, &report["first"]["seq"]),
        (0, &json!(1)),
        "{said:?}"
    );
    assert_eq!(report["lines"], report["last"]["seq"]);
    assert!(report["lines"].as_u64().unwrap() > place.lines().len() as u64);
    let said = place.verify(&[]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("broken: the chain begins with seq "),
        "{}",
        said.out
    );
    assert_eq!(place.verify(&["--partial"]).code, 0);
    remove_line(&place.audit(), 1);
    assert_eq!(place.verify(&[rotated]).code, 1);
}

#[test]
fn a_full_disk_costs_no_call_and_is_made_up_for() {
    let place = Place::new();
    // Blocks of 512 bytes; a signal that is ignored makes an error of it.
    let sidecar = place.start_after("trap '' XFSZ; ulimit -S -f 4", &[]);
    let mut changes = 0;
    while sidecar.metric("bidgate_audit_write_failures_total") == 0 {
        sidecar.set_level(if changes % 2 == 0 { "debug" } else { "info" });
        changes += 1;
        assert!(changes < 500);
        // A flood would be lost for want of room, not of space.
        std::thread::sleep(Duration::from_millis(10));
    }
    let error = sidecar.said("the audit log cannot be written: it is tried again");
    assert!(
        error["error"].as_str().unwrap().contains("too large"),
        "{error}"
    );
    assert_eq!(place.verify(&[]).code, 0, "nothing is torn");
    let full = place.lines().len();
    sidecar.set_level("debug");
    assert!(sidecar.get("/health/ready").contains("\"ready\""));
    raise_limit(sidecar.pid());
    sidecar.said("the audit log is written again");
    place.await_event("log_changed", changes + 1);
    assert!(place.lines().len() > full);
    assert_eq!(
        sidecar.metric("bidgate_audit_events_total{outcome=\"lost\"}"),
        0
    );
    let written = "bidgate_audit_events_total{outcome=\"written\"}";
    while sidecar.metric(written) < place.lines().len() as u64 {
        std::thread::sleep(Duration::from_millis(10));
    }
    sidecar.end();
    assert_eq!(place.verify(&[]).code, 0);
    assert_eq!(place.events().last().unwrap(), "shutdown_ended");
}

#[test]
fn what_a_disk_does_not_take_to_the_end_is_counted_and_holds_nobody_up() {
    let place = Place::new();
    let sidecar = place.start_after("trap '' XFSZ; ulimit -S -f 4", &[]);
    for change in 0..400 {
        sidecar.set_level(if change % 2 == 0 { "debug" } else { "info" });
    }
    assert!(sidecar.metric("bidgate_audit_events_total{outcome=\"lost\"}") > 0);
    let lost = sidecar.metric("bidgate_audit_events_total{outcome=\"lost\"}");
    raise_limit(sidecar.pid());
    let told = || -> u64 {
        let lines = place.lines();
        let told = lines.iter().filter_map(|line| line["events"].as_u64());
        told.sum()
    };
    let began = Instant::now();
    while told() < lost {
        assert!(began.elapsed() < PATIENCE, "{} of {lost}", told());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(told(), lost);
    sidecar.end();
    assert_eq!(place.verify(&[]).code, 0);
}

fn raise_limit(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed());
    let none = Rlimit {
        current: None,
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, none).unwrap();
}

#[test]
fn a_file_that_cannot_be_used_stops_the_start() {
    let place = Place::new();
    let refused = |args: &[&str]| {
        let output = place.serve_after("true", args).output().unwrap();
        let said = Said::of(&output);
        assert_eq!(said.code, 2);
        assert!(!said.err.contains("serving"), "{}", said.err);
        said.err
    };
    let err = refused(&["--audit-file=/nowhere/audit"]);
    assert!(
        err.contains("bidgate: audit.file: cannot write to /nowhere/audit: No such file"),
        "{err}"
    );
    let err = refused(&["--audit-file=."]);
    assert!(err.contains("audit.file: cannot write to .: "), "{err}");
    let sidecar = place.start(&[]);
    let err = refused(&[]);
    assert!(
        err.contains("another process writes it; give each its own file"),
        "{err}"
    );
    sidecar.end();
    assert_eq!(place.verify(&[]).code, 0);
}

#[test]
fn a_start_that_failed_is_told() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--admin={}", taken.local_addr().unwrap());
    let output = place.serve_after("true", &[&listen]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(place.events(), ["start", "policy_loaded", "shutdown_ended"]);
    assert_eq!(place.lines()[2]["outcome"], "failed");
}

/// Somebody wrote a line that tells of more than another line can quote.
#[test]
fn a_line_that_would_be_too_long_is_replaced_and_holds_nobody_up() {
    let place = Place::new();
    let (event, prev) = ("x".repeat(65_400), "0".repeat(64));
    let line = format!("{{\"seq\":1,\"at\":\"\",\"event\":\"{event}\",\"prev\":\"{prev}\"}}\n");
    fs::write(place.audit(), line).unwrap();
    let sidecar = place.start(&[]);
    place.await_event("listener_opened", 2);
    assert_eq!(sidecar.metric("bidgate_audit_write_failures_total"), 0);
    sidecar.end();
    let lines = place.lines();
    assert_eq!(
        (&lines[1]["event"], &lines[1]["name"]),
        (&json!("event_too_long"), &json!("previous_run_unfinished"))
    );
    assert_eq!(place.verify(&[]).code, 0);
}

#[test]
fn a_file_that_is_taken_away_is_told_by_the_next_line() {
    let place = Place::new();
    let sidecar = place.start(&[]);
    place.await_event("listener_opened", 2);
    std::thread::sleep(Duration::from_millis(100));
    fs::remove_file(place.audit()).unwrap();
    sidecar.set_level("debug");
    place.await_event("log_changed", 1);
    assert_eq!(place.events(), ["file_replaced", "log_changed"]);
    assert_eq!(place.lines()[0]["last_seq"], 4);
    sidecar.end();
}

#[test]
fn what_cannot_be_read_cannot_be_judged() {
    let said = verify(&["/nowhere"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(
        said.err.contains("cannot read /nowhere: No such file"),
        "{}",
        said.err
    );
    let place = Place::new();
    fs::write(place.audit(), "").unwrap();
    let said = place.verify(&[]);
    assert_eq!((said.code, said.out.as_str()), (0, "intact: no lines\n"));
}
