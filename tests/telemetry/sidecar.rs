//! The binary in a process of its own, with a sink.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::binary::{self, Binary, request};
use crate::calls::Client;

pub(crate) struct Sidecar {
    binary: Binary,
    stdout: Option<ChildStdout>,
    /// What reads it.
    reader: Option<JoinHandle<String>>,
    pub(crate) admin: SocketAddr,
}

/// A process that has ended.
pub(crate) struct Ended {
    /// Its standard output, if somebody read it.
    pub(crate) stdout: String,
    pub(crate) status: ExitStatus,
    /// What it said of its telemetry when it flushed it.
    pub(crate) flushed: Value,
}

/// The command behind one of the shell, before it is started.
pub(crate) fn serve_after(before: &str, args: &[&str]) -> Command {
    let mut command = binary::serve_after(before);
    command
        .arg("--policy-timeout-ms=10000")
        // Callers of the thread that waits for the end keep their connections open.
        .args(["--shutdown-drain-delay-ms=0", "--shutdown-grace-ms=100"])
        // A busy machine has little time for a thread that gives way; tests of the flush have flags of their own.
        .env("BIDGATE_TELEMETRY_FLUSH_TIMEOUT_MS", "60000")
        .args(args)
        .stdout(Stdio::piped());
    command
}

impl Sidecar {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut sidecar = Self::start_unread(args);
        sidecar.read();
        sidecar
    }

    /// Starts it with nobody who reads its standard output.
    pub(crate) fn start_unread(args: &[&str]) -> Self {
        Self::start_command(serve_after("true", args))
    }

    pub(crate) fn start_command(mut command: Command) -> Self {
        let mut binary = Binary::start(&mut command);
        Self {
            stdout: binary.child.stdout.take(),
            reader: None,
            admin: binary.admin,
            binary,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        let address = format!("http://{}", self.binary.grpc);
        for _ in 0..100 {
            if let Ok(client) = Client::connect(address.clone()).await {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody answers at {address}");
    }

    /// The fields of the next line of the log with this message.
    pub(crate) fn said(&self, message: &str) -> Value {
        self.binary.said(message)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.binary.pid()
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.binary.signal(signal);
    }

    /// Begins to read its standard output.
    pub(crate) fn read(&mut self) {
        let mut pipe = self.stdout.take().unwrap();
        self.reader = Some(std::thread::spawn(move || {
            let mut lines = String::new();
            pipe.read_to_string(&mut lines).unwrap();
            lines
        }));
    }

    /// Closes its standard output.
    pub(crate) fn close(&mut self) {
        drop(self.stdout.take());
    }

    /// Ends the process.
    pub(crate) fn end(mut self) -> Ended {
        self.signal("-TERM");
        let mut flushed = Value::Null;
        while let Some(line) = self.binary.line() {
            let fields = line["fields"].clone();
            match fields["message"].as_str() {
                Some("telemetry flushed" | "telemetry not flushed in time") => flushed = fields,
                Some("drained") => break,
                _ => {}
            }
        }
        let reader = self.reader.take();
        Ended {
            status: self.binary.wait(),
            stdout: reader
                .map(|reader| reader.join().unwrap())
                .unwrap_or_default(),
            flushed,
        }
    }

    /// The numbers of `/metrics` below `bidgate_telemetry_`.
    pub(crate) fn account(&self) -> Account {
        let page = get(self.admin, "/metrics");
        let number = |name: &str| -> u64 {
            let sample = format!("bidgate_telemetry_{name} ");
            let line = page.lines().find_map(|line| line.strip_prefix(&sample));
            line.unwrap_or_else(|| panic!("no {name} in\n{page}"))
                .parse()
                .unwrap()
        };
        let dropped =
            |reason: &str| number(&format!("events_dropped_total{{reason=\"{reason}\"}}"));
        let account = Account {
            offered: number("events_offered_total"),
            delivered: number("events_delivered_total"),
            ring_full: dropped("ring_full"),
            sampled_out: dropped("sampled_out"),
            otherwise: ["retry_exhausted", "rejected", "shutdown"]
                .map(dropped)
                .iter()
                .sum(),
            in_flight: number("events_in_flight"),
            batches_pending: number("batches_pending"),
        };
        let Account {
            offered,
            delivered,
            ring_full,
            sampled_out,
            otherwise,
            in_flight,
            ..
        } = account;
        assert_eq!(
            offered,
            delivered + ring_full + sampled_out + otherwise + in_flight,
            "{page}"
        );
        account
    }

    /// Waits until the account is as it should be.
    pub(crate) fn wait_until(&self, holds: impl Fn(&Account) -> bool) -> Account {
        for _ in 0..500 {
            let account = self.account();
            if holds(&account) {
                return account;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not come to that: {:?}", self.account());
    }
}

/// One scrape, of which the identity holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) offered: u64,
    pub(crate) delivered: u64,
    pub(crate) ring_full: u64,
    pub(crate) sampled_out: u64,
    pub(crate) otherwise: u64,
    pub(crate) in_flight: u64,
    pub(crate) batches_pending: u64,
}

pub(crate) fn get(admin: SocketAddr, path: &str) -> String {
    request(admin, &format!("GET {path}"), "")
}
