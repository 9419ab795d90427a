//! A server in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use crate::running::admin_page;

/// A process that serves.
pub(crate) struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
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
            .arg(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "serve_until_terminated",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let serving = line_after(&mut output, "serving ");
        let (address, admin) = serving.split_once(' ').unwrap();
        let (address, admin) = (address.parse().unwrap(), admin.parse().unwrap());
        assert!(
            admin_page(admin, "GET /health/ready")
                .0
                .starts_with("http/1.1 200")
        );
        Self {
            child,
            output,
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

    pub(crate) fn ended(mut self) -> (String, ExitStatus) {
        let drained = line_after(&mut self.output, "drained ");
        (drained, self.child.wait().unwrap())
    }
}

pub(crate) fn line_after(output: &mut impl BufRead, prefix: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "no {prefix}");
        if let Some(rest) = line.trim_end().strip_prefix(prefix) {
            return rest.to_owned();
        }
    }
}
