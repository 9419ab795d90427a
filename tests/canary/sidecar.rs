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

use crate::collector::Collector;

/// How a process is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) log_format: &'static str,
    /// Of every gate.
    pub(crate) mode: &'static str,
    /// Where telemetry goes.
    pub(crate) sink: &'static str,
}

/// A running process.
pub(crate) struct Sidecar {
    child: Child,
    /// Where it was started, with all it may have written.
    folder: PathBuf,
    collector: Collector,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Removed with it.
    own: Option<TempDir>,
}

/// The keys that are posted with, and signed with.
pub(crate) const API_KEY: &str =
    "pk_live_8d1c0f5b7e2a4c6d9b3f1a0e5c7d2b4f6a8c0e1d3b5f7a9c2e4d6b8f0a1c3e5d";
pub(crate) const SECRET_KEY: &str =
    "sk_live_1f3e5d7c9b0a2f4e6d8c1b3a5f7e9d0c2b4a6f8e1d3c5b7a9f0e2d4c6b8a1f3e";

impl Sidecar {
    pub(crate) fn start(setup: Setup) -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut sidecar = Self::start_in(own.path().to_owned(), setup);
        sidecar.own = Some(own);
        sidecar
    }

    /// Starts it with all its ways out open, logging all there is to log.
    pub(crate) fn start_in(folder: PathBuf, setup: Setup) -> Self {
        let collector = Collector::start();
        let post_to = format!("http://{}", collector.address);
        fs::write(folder.join("policy.yaml"), every_gate(setup.mode)).unwrap();
        let file = |name: &str| File::create(folder.join(name)).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -c unlimited; exec \"$0\" \"$@\""])
            .args([env!("CARGO_BIN_EXE_bidgate"), "serve", "--rest=true"])
            .args(["--listen=127.0.0.1:0", "--admin=127.0.0.1:0"])
            .args(["--policy-file=policy.yaml", "--shutdown-drain-delay-ms=0"])
            .args(["--log-level=trace", "--log-format", setup.log_format])
            .args(["--log-decisions=1000", "--log-lines-per-second=100000"])
            .args(["--telemetry-sink", setup.sink, "--telemetry-hmac=true"])
            .args(["--telemetry-file=events", "--telemetry-endpoint", &post_to])
            .args(["--telemetry-flush-timeout-ms=60000", "--audit-file=audit"])
            .env("BIDGATE_TELEMETRY_API_KEY", API_KEY)
            .env("BIDGATE_TELEMETRY_SECRET_KEY", SECRET_KEY)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &post_to)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .env("OTEL_TRACES_SAMPLER", "always_on")
            .env("OTEL_METRIC_EXPORT_INTERVAL", "500")
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
            collector,
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
        places.push((COLLECTOR.to_owned(), self.collector.received()));
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

/// The name of the place where everything stands that was posted.
pub(crate) const COLLECTOR: &str = "collector";

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
