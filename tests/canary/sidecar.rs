//! The binary at its most talkative, and everything that it leaves.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bidgate::policy::Policy;
use tempfile::TempDir;

/// A running process.
pub(crate) struct Sidecar {
    child: Child,
    /// Where it was started, with all it may have written.
    folder: PathBuf,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Removed with it.
    own: Option<TempDir>,
}

impl Sidecar {
    pub(crate) fn start(log_format: &str, mode: &str) -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut sidecar = Self::start_in(own.path().to_owned(), log_format, mode);
        sidecar.own = Some(own);
        sidecar
    }

    /// Starts it with every gate in `mode`, logging all there is to log.
    pub(crate) fn start_in(folder: PathBuf, log_format: &str, mode: &str) -> Self {
        fs::write(folder.join("policy.yaml"), every_gate(mode)).unwrap();
        let file = |name: &str| File::create(folder.join(name)).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -c unlimited; exec \"$0\" \"$@\""])
            .args([env!("CARGO_BIN_EXE_bidgate"), "serve", "--rest", "true"])
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args([
                "--policy-file",
                "policy.yaml",
                "--shutdown-drain-delay-ms",
                "0",
            ])
            .args(["--log-level", "trace", "--log-format", log_format])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let grpc = address(&mut child, &folder, "serving gRPC");
        let admin = address(&mut child, &folder, "serving admin HTTP");
        Self {
            child,
            folder,
            grpc,
            admin,
            own: None,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Looks at every page, ends the process, and returns all that it has left, by the name of the place.
    pub(crate) fn end(mut self) -> Vec<(String, Vec<u8>)> {
        let mut places: Vec<_> = PAGES
            .iter()
            .map(|page| (format!("GET {page}"), self.get(page)))
            .collect();
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.child.wait().unwrap().success());
        for entry in fs::read_dir(&self.folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            places.push((name, fs::read(path).unwrap()));
        }
        places
    }

    fn get(&self, page: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        write!(stream, "GET {page} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

const PAGES: [&str; 8] = [
    "/",
    "/stats",
    "/metrics",
    "/policy",
    "/log",
    "/health/live",
    "/health/ready",
    "/health/info",
];

/// A policy with all gates that there are.
fn every_gate(mode: &str) -> String {
    let mut policy = "fail_fast: false\ntimeout_ms: 10000\ngates:\n".to_owned();
    for name in Policy::known_gates() {
        writeln!(policy, "  - {{ name: {name}, mode: {mode} }}").unwrap();
    }
    policy
}

/// An address that the log tells.
fn address(child: &mut Child, folder: &Path, message: &str) -> SocketAddr {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        let log = fs::read_to_string(folder.join("stderr")).unwrap();
        let line = log.lines().find(|line| line.contains(message));
        if let Some(address) = line.and_then(loopback) {
            return address;
        }
        assert!(child.try_wait().unwrap().is_none(), "{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no {message} in the log");
}

fn loopback(line: &str) -> Option<SocketAddr> {
    let (_, port) = line.split_once("127.0.0.1:")?;
    let port = port.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}
