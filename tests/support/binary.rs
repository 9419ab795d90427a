//! The binary, serving in a process of its own. What it says of itself is read from its log.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// A process that serves.
pub(crate) struct Binary {
    pub(crate) child: Child,
    /// Its lines as they come: a process whose log nobody reads stands still.
    log: Receiver<Value>,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// `bidgate serve` after a command of the shell, such as `ulimit`, on ports of its own. Its log is JSON, in a pipe.
pub(crate) fn serve_after(before: &str) -> Command {
    let mut serve = Command::new("sh");
    serve
        .args(["-c", &format!("{before}; exec \"$0\" \"$@\"")])
        .args([env!("CARGO_BIN_EXE_bidgate"), "serve"])
        // Flags win over these.
        .env("BIDGATE_LISTEN", "127.0.0.1:0")
        .env("BIDGATE_ADMIN", "127.0.0.1:0")
        .env("BIDGATE_LOG_FORMAT", "json")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    serve
}

impl Binary {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (sender, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines {
                let entry = serde_json::from_str(&line.unwrap()).unwrap_or_default();
                sender.send(entry).unwrap_or_default();
            }
        });
        let mut binary = Self {
            child,
            log,
            grpc: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let address = |binary: &Self, message| {
            let said = binary.said(message);
            said["address"].as_str().unwrap().parse().unwrap()
        };
        binary.grpc = address(&binary, "serving gRPC");
        binary.admin = address(&binary, "serving admin HTTP");
        binary
    }

    /// The next line of the log; none if it has ended, or says nothing for long.
    pub(crate) fn line(&self) -> Option<Value> {
        self.log.recv_timeout(PATIENCE).ok()
    }

    /// The fields of the next line of the log with this message.
    pub(crate) fn said(&self, message: &str) -> Value {
        loop {
            let line = self.line().unwrap_or_else(|| panic!("no {message}"));
            if line["fields"]["message"] == message {
                return line["fields"].clone();
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Binary {
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

/// The body of the answer to a request, of which these are the first line and the body.
pub(crate) fn request(admin: SocketAddr, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

/// Longer than anything takes that comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
