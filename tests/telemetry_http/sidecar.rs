//! The real sidecar with telemetry over HTTP, calls to it, and its account of events.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bidgate::config::Listen;
use bidgate::proto::{EvaluateRequest, Verdict};

use crate::process::Process;
use crate::running::{Client, PATIENCE, admin_page, connect, request};

pub(crate) const API_KEY: &str = "pk_live_0123456789abcdefghijABCDEFGHIJ_-";
pub(crate) const SECRET_KEY: &str = "sk_live_0123456789abcdefghijABCDEFGHIJ_-";

/// A sidecar that reports to a collector.
pub(crate) struct Sidecar {
    /// None once it was told to end.
    process: Option<Process>,
    client: Client,
    calls: u64,
}

/// What `/metrics` says of events.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) offered: u64,
    pub(crate) delivered: u64,
    pub(crate) dropped: BTreeMap<String, u64>,
    pub(crate) in_flight: u64,
    pub(crate) batches_delivered: u64,
    pub(crate) retries: u64,
}

impl Sidecar {
    /// Starts a sidecar that closes batches after 20 events or 100 ms, and tries everything twice, 50 ms apart or more.
    pub(crate) async fn start(endpoint: &str, args: &[&str]) -> Self {
        let keys = format!(
            "export BIDGATE_TELEMETRY_API_KEY={API_KEY} BIDGATE_TELEMETRY_SECRET_KEY={SECRET_KEY}"
        );
        Self::start_after(&keys, endpoint, args).await
    }

    /// Starts it from a shell, after a command that sets up its environment.
    pub(crate) async fn start_after(command: &str, endpoint: &str, args: &[&str]) -> Self {
        let endpoint = format!("--telemetry-endpoint={endpoint}");
        let args = [USUAL, &[endpoint.as_str()], args].concat();
        // A flag may be there once: the last one stays.
        let name = |flag: &str| flag.split('=').next().map(str::to_owned);
        let last = |&(index, flag): &(usize, &&str)| {
            let later = &args[index + 1..];
            later.iter().all(|other| name(other) != name(flag))
        };
        let args: Vec<_> = args
            .iter()
            .enumerate()
            .filter(last)
            .map(|(_, flag)| *flag)
            .collect();
        let process = Process::start_with(command, &args);
        let client = connect(&Listen::Tcp(process.address)).await;
        Self {
            process: Some(process),
            client,
            calls: 0,
        }
    }

    /// Has auctions judged, and holds each to its verdict and the account to its identity, whatever the collector does.
    pub(crate) async fn judge(&mut self, calls: u64) {
        for _ in 0..calls {
            self.calls += 1;
            let (bid, verdict) = AUCTIONS[usize::try_from(self.calls).unwrap() % AUCTIONS.len()];
            let reply = self.client.evaluate(auction(self.calls, bid)).await;
            let reply = reply.unwrap().into_inner();
            assert_eq!(reply.verdict(), verdict, "{reply:?}");
            if self.calls.is_multiple_of(20) {
                self.account();
            }
        }
    }

    /// The account of this moment.
    pub(crate) fn account(&self) -> Account {
        let (_, page) = self.page("/metrics");
        let account = Account::read(&page);
        let dropped: u64 = account.dropped.values().sum();
        let ends = account.delivered + dropped + account.in_flight;
        assert_eq!(account.offered, ends, "{account:?}");
        account
    }

    /// The account when every event has ended.
    pub(crate) async fn settled(&self) -> Account {
        let since = Instant::now();
        loop {
            let account = self.account();
            if account.in_flight == 0 && account.offered == self.calls {
                return account;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "{account:?} after {} calls",
                self.calls
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    pub(crate) fn page(&self, path: &str) -> (String, String) {
        let process = self.process.as_ref().unwrap();
        admin_page(process.admin, &format!("GET {path}"))
    }

    /// Tells the process to end, as an orchestrator does.
    pub(crate) fn terminate(&self) {
        self.process.as_ref().unwrap().signal("-TERM");
    }

    /// Waits for the end. Gives a field of what is logged of the events that were left.
    pub(crate) fn ended(mut self, flushed: &str, field: &str) -> String {
        let process = self.process.take().unwrap();
        let said = process.logged(flushed, field);
        let (_, status) = process.ended();
        assert!(status.success(), "{status}");
        said
    }
}

/// A test that fails leaves no process behind.
impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            process.signal("-KILL");
        }
    }
}

impl Account {
    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        self.dropped.get(reason).copied().unwrap_or_default()
    }

    fn read(page: &str) -> Self {
        let value = |sample: &str| -> Option<u64> {
            let mut lines = page.lines();
            let text = lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
            text.parse().ok()
        };
        let name = |name: &str| {
            let sample = format!("bidgate_telemetry_{name}");
            value(&sample).unwrap_or_else(|| panic!("no {sample} in\n{page}"))
        };
        let reasons = [
            "ring_full",
            "sampled_out",
            "retry_exhausted",
            "rejected",
            "shutdown",
        ];
        let dropped = reasons.into_iter().filter_map(|reason| {
            let sample = format!("bidgate_telemetry_events_dropped_total{{reason=\"{reason}\"}}");
            Some((reason.to_owned(), value(&sample)?))
        });
        Self {
            offered: name("events_offered_total"),
            delivered: name("events_delivered_total"),
            dropped: dropped.collect(),
            in_flight: name("events_in_flight"),
            batches_delivered: name("batches_delivered_total"),
            retries: name("retries_total"),
        }
    }
}

const USUAL: &[&str] = &[
    "--telemetry-sink=http",
    "--telemetry-max-events=20",
    "--telemetry-max-age-ms=100",
    "--telemetry-retry-delay-ms=50",
    "--telemetry-timeout-ms=5000",
];

/// A bid, and what is to be said of it.
const AUCTIONS: [(&str, Verdict); 3] = [
    (
        r#"{"id":"b","impid":"1","price":1.25,"adomain":["juniper-outdoor.com"],"cat":["IAB20-12"]}"#,
        Verdict::Pass,
    ),
    (
        r#"{"id":"b","impid":"2","price":1.25,"adomain":["juniper-outdoor.com"],"cat":["IAB20-12"]}"#,
        Verdict::Fail,
    ),
    ("", Verdict::NoBid),
];

fn auction(number: u64, bid: &str) -> EvaluateRequest {
    let bid_response = match bid {
        "" => "{}".to_owned(),
        bid => format!(r#"{{"id":"a","seatbid":[{{"bid":[{bid}]}}]}}"#),
    };
    EvaluateRequest {
        bid_response: bid_response.into_bytes().into(),
        ..request(number)
    }
}
