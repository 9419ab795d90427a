//! The binary in a process of its own, with an audit log.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a policy and, in time, an audit log.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

/// A process that serves in such a place.
pub(crate) struct Sidecar {
    child: Child,
    log: Receiver<Value>,
    pub(crate) admin: SocketAddr,
}

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
        let mut serve = Command::new("sh");
        serve
            .args(["-c", &format!("{command}; exec \"$0\" \"$@\"")])
            .args([env!("CARGO_BIN_EXE_bidgate"), "serve"])
            .args(["--log-format=json", "--shutdown-drain-delay-ms=0"])
            .args(["--listen=127.0.0.1:0", "--policy-file=policy.yaml"])
            .args(args)
            // Flags win over these.
            .env("BIDGATE_ADMIN", "127.0.0.1:0")
            .env("BIDGATE_AUDIT_FILE", "audit.ndjson")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        serve
    }

    pub(crate) fn start(&self, args: &[&str]) -> Sidecar {
        self.start_after("true", args)
    }

    pub(crate) fn start_after(&self, command: &str, args: &[&str]) -> Sidecar {
        let mut child = self.serve_after(command, args).spawn().unwrap();
        let (sender, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines {
                let entry = serde_json::from_str(&line.unwrap()).unwrap_or_default();
                sender.send(entry).unwrap_or_default();
            }
        });
        let mut sidecar = Sidecar {
            child,
            log,
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let admin = sidecar.said("serving admin HTTP");
        sidecar.admin = admin["address"].as_str().unwrap().parse().unwrap();
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
        self.child.id()
    }

    /// The fields of the next line of the log with this message.
    pub(crate) fn said(&self, message: &str) -> Value {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {message}"));
            if line["fields"]["message"] == message {
                return line["fields"].clone();
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn end(mut self) {
        self.signal("-TERM");
        assert!(self.child.wait().unwrap().success());
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.ask("GET", path, "")
    }

    pub(crate) fn set_level(&self, level: &str) {
        let body = format!("{{\"level\":\"{level}\"}}");
        let answer = self.ask("PUT", "/log", &body);
        assert!(answer.contains(level), "{answer}");
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        let page = self.get("/metrics");
        let sample = format!("{name} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&sample));
        value.unwrap().parse().unwrap()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn remove_line(file: &Path, line: usize) {
    let text = fs::read_to_string(file).unwrap();
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    lines.remove(line - 1);
    fs::write(file, lines.concat()).unwrap();
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
