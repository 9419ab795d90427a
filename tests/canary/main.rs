//! No byte of a payload leaves the process but in the reply to its sender (spec: telemetry §1).
//!
//! Whole auctions are sent through every door of the real binary, with one word planted wherever a payload can hold one.
//! Then everything that the process has written, shown or sent is searched for it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::tests_outside_test_module,
    reason = "an integration test is all test"
)]

mod collector;
mod doors;
mod planted;
mod sidecar;

use std::fs;
use std::path::Path;
use std::process::Command;

use doors::Doors;
use planted::{CANARY, Planted};
use sidecar::{API_KEY, COLLECTOR, SECRET_KEY, Setup, Sidecar};

/// Where a word was found, of all places that were searched: as it is, and as Rust prints bytes.
fn found_in<'p>(places: &'p [(String, Vec<u8>)], word: &str) -> Vec<&'p str> {
    let bytes = format!("{:?}", word.as_bytes());
    let forms = [word, bytes.trim_matches(['[', ']'])];
    let holds = |text: &[u8]| forms.iter().any(|form| contains(text, form.as_bytes()));
    let found = places.iter().filter(|(_, text)| holds(text));
    found.map(|(place, _)| place.as_str()).collect()
}

fn contains(text: &[u8], form: &[u8]) -> bool {
    text.windows(form.len())
        .any(|part| part.eq_ignore_ascii_case(form))
}

/// Sends every planted auction through every door, and searches what the process has left.
fn search(setup: Setup, telemetry: &str) {
    let sidecar = Sidecar::start(setup);
    let planted = planted::all();
    assert!(planted.len() > 500, "{}", planted.len());
    let answered = Doors::new(&sidecar).send(&planted);
    assert!(answered.evaluations > 1000, "{answered:?}");
    assert!(
        answered.echoes > 0,
        "no reply held the word: it was not planted where it is read"
    );
    let places = sidecar.end();
    for (place, word) in [
        ("stderr", "bidgate::decision"),
        ("GET /metrics", "bidgate_gate_outcomes_total"),
        ("GET /policy", "gates"),
        ("audit", "shutdown_ended"),
        (telemetry, "evaluation_id"),
        (COLLECTOR, "bidgate_evaluation_seconds"),
    ] {
        assert!(
            found_in(&places, word).contains(&place),
            "no {word} in {place}"
        );
    }
    let names: Vec<_> = places.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(found_in(&places, CANARY), NOWHERE, "of {names:?}");
    assert_eq!(found_in(&places, SECRET_KEY), NOWHERE, "of {names:?}");
    let posted = (setup.sink == "http").then_some(COLLECTOR);
    assert_eq!(
        found_in(&places, API_KEY),
        Vec::from_iter(posted),
        "of {names:?}"
    );
}

const NOWHERE: [&str; 0] = [];

#[test]
fn nothing_leaves_where_gates_enforce_and_batches_are_posted() {
    let setup = Setup {
        log_format: "json",
        mode: "enforce",
        sink: "http",
    };
    search(setup, COLLECTOR);
}

#[test]
fn nothing_leaves_where_gates_warn_and_batches_go_to_a_file() {
    let setup = Setup {
        log_format: "human",
        mode: "warn",
        sink: "file",
    };
    search(setup, "events");
}

#[test]
fn nothing_leaves_where_batches_are_printed() {
    let setup = Setup {
        log_format: "human",
        mode: "enforce",
        sink: "stdout",
    };
    search(setup, "stdout");
}

#[test]
fn a_word_that_is_there_is_found() {
    let shouted = format!("a {} b", CANARY.to_uppercase());
    let printed = format!("{:?}", [b"a", CANARY.as_bytes(), b"b"].concat());
    let places = [
        ("log", shouted),
        ("page", "kan".to_owned()),
        ("trace", printed),
    ];
    let places = places.map(|(place, text)| (place.to_owned(), text.into_bytes()));
    assert_eq!(found_in(&places, CANARY), ["log", "trace"]);
}

/// Aborts a process in a folder of its own, where the kernel may write what it held.
fn core_of(folder: &Path, start: impl FnOnce(&Path) -> u32) -> bool {
    let pid = start(folder).to_string();
    assert!(
        Command::new("kill")
            .args(["-ABRT", &pid])
            .status()
            .unwrap()
            .success()
    );
    std::thread::sleep(std::time::Duration::from_secs(1));
    let mut names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    names.any(|name| name.to_string_lossy().starts_with("core"))
}

#[test]
fn a_crash_leaves_no_core() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut bystander = None;
    let dumps = core_of(other.path(), |folder| {
        let command = "ulimit -c unlimited; exec sleep 60";
        let child = Command::new("sh")
            .args(["-c", command])
            .current_dir(folder)
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        bystander.insert(child).id()
    });
    bystander.unwrap().wait().unwrap();
    if !dumps {
        // The kernel gives cores to a program, or keeps none: there is nothing to be seen here.
        return;
    }
    let setup = Setup {
        log_format: "json",
        mode: "enforce",
        sink: "none",
    };
    let sidecar = Sidecar::start_in(folder.path().to_owned(), setup);
    Doors::new(&sidecar).send(&planted::all()[..5]);
    assert!(
        !core_of(folder.path(), |_| sidecar.pid()),
        "a core was written"
    );
}

impl Planted {
    fn both(request: &str, response: &str) -> Self {
        Self {
            request: request.as_bytes().to_vec(),
            response: response.as_bytes().to_vec(),
        }
    }
}
