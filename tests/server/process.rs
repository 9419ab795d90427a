//! The binary, serving in a process of its own. What it says of itself is read from its log.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::running::{PATIENCE, admin_page};

/// A process that serves.
pub(crate) struct Process {
    child: Child,
    /// Its lines as they come: a process whose log nobody reads stands still.
    log: Receiver<Value>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Process {
    pub(crate) fn start() -> Self {
        Self::start_after("true")
    }

    /// Starts the process from a shell, after a command such as `ulimit`.
    pub(crate) fn start_after(command: &str) -> Self {
        Self::start_with(command, &[])
    }

    /// Starts the process with further arguments.
    pub(crate) fn start_with(command: &str, args: &[&str]) -> Self {
        let mut child = spawn_after(command, args);
        let (sender, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines {
                let entry = serde_json::from_str(&line.unwrap()).unwrap_or_default();
                sender.send(entry).unwrap_or_default();
            }
        });
        let address = field_of(&log, "serving gRPC", "address").parse().unwrap();
        let admin = field_of(&log, "serving admin HTTP", "address")
            .parse()
            .unwrap();
        wait_until_ready(admin);
        Self {
            child,
            log,
            address,
            admin,
        }
    }

    /// A line of what the kernel says of it, `/proc/<pid>/status`.
    pub(crate) fn status(&self, key: &str) -> String {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap().trim().to_owned()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// A field of the next line of the log with this message.
    pub(crate) fn logged(&self, message: &str, field: &str) -> String {
        field_of(&self.log, message, field)
    }

    /// The next line of the log.
    pub(crate) fn line(&self) -> Value {
        self.log.recv_timeout(PATIENCE).unwrap()
    }

    /// How the drain ended, and the process.
    pub(crate) fn ended(mut self) -> (String, ExitStatus) {
        let drained = self.logged("drained", "drained");
        (drained, self.child.wait().unwrap())
    }
}

impl Drop for Process {
    /// A test that fails leaves no process behind.
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a process that has not ended.
pub(crate) fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// The binary after a command of the shell. Its log is JSON, in a pipe.
pub(crate) fn spawn_after(command: &str, args: &[&str]) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{command}; exec \"$0\" \"$@\"")])
        .args([env!("CARGO_BIN_EXE_bidgate"), "serve"])
        .env("BIDGATE_LOG_FORMAT", "json")
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args([
            "--policy-timeout-ms",
            "10000",
            "--shutdown-drain-delay-ms",
            "50",
        ])
        .args(args)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_until_ready(admin: SocketAddr) {
    for _ in 0..500 {
        if admin_page(admin, "GET /health/ready")
            .0
            .starts_with("http/1.1 200")
        {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("not ready");
}

fn field_of(log: &Receiver<Value>, message: &str, field: &str) -> String {
    loop {
        let entry = log
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("no {message}"));
        if entry["fields"]["message"] == message {
            let value = &entry["fields"][field];
            return value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
        }
    }
}
