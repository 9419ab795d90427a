//! The binary, as the tests of the server want it.

use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus};

use serde_json::Value;

use crate::binary::{Binary, serve_after};
use crate::running::admin_page;

/// A process that serves.
pub(crate) struct Process {
    binary: Binary,
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
        let binary = Binary::start(patient_after(command).args(args));
        wait_until_ready(binary.admin);
        Self {
            address: binary.grpc,
            admin: binary.admin,
            binary,
        }
    }

    /// A line of what the kernel says of it, `/proc/<pid>/status`.
    pub(crate) fn status(&self, key: &str) -> String {
        let status = format!("/proc/{}/status", self.binary.pid());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap().trim().to_owned()
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.binary.signal(signal);
    }

    /// A field of the next line of the log with this message.
    pub(crate) fn logged(&self, message: &str, field: &str) -> String {
        let value = &self.binary.said(message)[field];
        let text = value.as_str().map(str::to_owned);
        text.unwrap_or_else(|| value.to_string())
    }

    /// The next line of the log.
    pub(crate) fn line(&self) -> Value {
        self.binary.line().unwrap()
    }

    /// How the drain ended, and the process.
    pub(crate) fn ended(mut self) -> (String, ExitStatus) {
        let drained = self.logged("drained", "drained");
        (drained, self.binary.wait())
    }
}

/// The binary after a command of the shell. Its log is JSON, in a pipe.
pub(crate) fn spawn_after(command: &str, args: &[&str]) -> Child {
    patient_after(command).args(args).spawn().unwrap()
}

fn patient_after(command: &str) -> Command {
    let mut serve = serve_after(command);
    serve.args(["--policy-timeout-ms=10000", "--shutdown-drain-delay-ms=50"]);
    serve
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
