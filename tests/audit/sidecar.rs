//! The binary in a process of its own, with an audit log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{self, Binary, PATIENCE, end, request};

/// A folder with a policy and, in time, an audit log.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

/// A process that serves in such a place.
pub(crate) struct Sidecar(Binary);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        place.write_policy("fail_fast: true\n");
        place
    }

    pub(crate) fn audit(&self) -> PathBuf {
        self.folder.path().join("audit.ndjson")
    }

    pub(crate) fn write_policy(&self, text: &str) {
        let next = self.folder.path().join("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, self.folder.path().join("policy.yaml")).unwrap();
    }

    /// The command after one of the shell, before it is started.
    pub(crate) fn serve_after(&self, command: &str, args: &[&str]) -> Command {
        let mut serve = binary::serve_after(command);
        serve
            .args(["--shutdown-drain-delay-ms=0", "--policy-file=policy.yaml"])
            .args(args)
            // Flags win over it.
            .env("BIDGATE_AUDIT_FILE", "audit.ndjson")
            .current_dir(self.folder.path())
            .stdout(Stdio::null());
        serve
    }

    pub(crate) fn start(&self, args: &[&str]) -> Sidecar {
        self.start_after("true", args)
    }

    pub(crate) fn start_after(&self, command: &str, args: &[&str]) -> Sidecar {
        let sidecar = Sidecar(Binary::start(&mut self.serve_after(command, args)));
        while !sidecar.get("/health/ready").contains("\"ready\"") {
            std::thread::sleep(Duration::from_millis(10));
        }
        sidecar
    }

    /// The lines of the audit log.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.audit()).unwrap_or_default();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_default())
            .collect()
    }

    /// What they tell.
    pub(crate) fn events(&self) -> Vec<String> {
        let event = |line: &Value| line["event"].as_str().unwrap_or("?").to_owned();
        self.lines().iter().map(event).collect()
    }

    /// Waits for an event for the so many-th time.
    pub(crate) fn await_event(&self, event: &str, times: usize) {
        let began = Instant::now();
        while self.events().iter().filter(|told| *told == event).count() < times {
            assert!(
                began.elapsed() < PATIENCE,
                "no {event} in {:?}",
                self.events()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn verify(&self, args: &[&str]) -> Said {
        verify(&[&[self.audit().to_str().unwrap()], args].concat())
    }
}

pub(crate) fn verify(args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_bidgate"))
        .args(["audit", "verify"])
        .args(args)
        .output()
        .unwrap();
    Said::of(&output)
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

impl Sidecar {
    pub(crate) fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// The fields of the next line of the log with this message.
    pub(crate) fn said(&self, message: &str) -> Value {
        self.0.said(message)
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.0.signal(signal);
    }

    pub(crate) fn end(mut self) {
        self.signal("-TERM");
        assert!(self.0.wait().success());
    }

    pub(crate) fn kill(mut self) {
        end(&mut self.0.child);
    }

    pub(crate) fn get(&self, path: &str) -> String {
        request(self.0.admin, &format!("GET {path}"), "")
    }

    pub(crate) fn set_level(&self, level: &str) {
        let body = format!("{{\"level\":\"{level}\"}}");
        let answer = request(self.0.admin, "PUT /log", &body);
        assert!(answer.contains(level), "{answer}");
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        let page = self.get("/metrics");
        let sample = format!("{name} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&sample));
        value.unwrap().parse().unwrap()
    }
}

pub(crate) fn remove_line(file: &Path, line: usize) {
    let text = fs::read_to_string(file).unwrap();
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    lines.remove(line - 1);
    fs::write(file, lines.concat()).unwrap();
}
