//! The binary, serving in a process of its own. What it says of itself is read from its log.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use serde_json::Value;

use crate::running::admin_page;

/// A process that serves.
pub(crate) struct Process {
    child: Child,
    log: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Process {
    pub(crate) fn start() -> Self {
        Self::start_after("true")
    }

    /// Starts the process from a shell, after a command such as `ulimit`.
    pub(crate) fn start_after(command: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{command}; exec \"$0\" \"$@\"")])
            .args([
                env!("CARGO_BIN_EXE_bidgate"),
                "serve",
                "--log-format",
                "json",
            ])
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args([
                "--policy-timeout-ms",
                "10000",
                "--shutdown-drain-delay-ms",
                "50",
            ])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = field_of(&mut log, "serving gRPC", "address")
            .parse()
            .unwrap();
        let admin = field_of(&mut log, "serving admin HTTP", "address")
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

    /// How the drain ended, and the process.
    pub(crate) fn ended(mut self) -> (String, ExitStatus) {
        let drained = field_of(&mut self.log, "drained", "drained");
        (drained, self.child.wait().unwrap())
    }
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

/// A field of the first line of the log with this message.
fn field_of(log: &mut impl BufRead, message: &str, field: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "no {message}");
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["fields"]["message"] == message {
            return entry["fields"][field].as_str().unwrap().to_owned();
        }
    }
}
