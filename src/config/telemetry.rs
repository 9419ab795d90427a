//! Where records of evaluations go, and how (spec: telemetry §3, §4).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;

use super::size;
use crate::document::{Document, Section, holds_key};

/// Where records of evaluations go, and how.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Where batches go.
    pub sink: Sink,
    /// What this sidecar calls itself in a batch; empty is the name of the host.
    pub sender: String,
    /// The share of passes that is recorded, 0 to 1. All else always is.
    pub sample_rate: f64,
    /// Events that close a batch.
    pub max_events: usize,
    /// Age that closes a batch.
    pub max_age: Duration,
    /// Records that each worker has room for.
    pub ring_records: usize,
    /// Batches that wait or are being delivered, at most.
    pub max_pending_batches: usize,
    /// Attempts after the first that failed.
    pub retries: u32,
    /// From a failed attempt to the next.
    pub retry_delay: Duration,
    /// For what is left at shutdown.
    pub flush_timeout: Duration,
}

/// Where batches go, by the key `sink`.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Nowhere.
    None,
    /// Standard output, a line each.
    Stdout,
    /// A file, a line each.
    File(FileSink),
    /// An endpoint that takes `POST /v1/ingest`.
    Http(HttpSink),
}

/// A file that is rotated.
#[derive(Clone, Debug)]
pub struct FileSink {
    /// The file that grows; relative to the working directory.
    pub path: PathBuf,
    /// Bytes that it does not grow beyond.
    pub max_bytes: u64,
    /// Full files that are kept beside it, as `FILE.1` and so on.
    pub keep: u32,
}

/// An endpoint of telemetry.
#[derive(Clone, Debug)]
pub struct HttpSink {
    /// What `/v1/ingest` is appended to: `https`, or `http` to a loopback host; no credentials, query or fragment.
    pub endpoint: Uri,
    /// For one attempt.
    pub timeout: Duration,
    /// How bodies are compressed.
    pub compression: Compression,
    /// PEM certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The publishable key, if it is in a file.
    pub api_key_file: Option<PathBuf>,
    /// Whether each attempt is signed.
    pub hmac: bool,
    /// The secret key, if it is in a file.
    pub secret_key_file: Option<PathBuf>,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// `Content-Encoding: gzip`.
    Gzip,
    /// `Content-Encoding: zstd`.
    Zstd,
}

impl Telemetry {
    pub(super) fn read(section: &mut Section) -> Self {
        refuse_keys(section);
        let sink = Sink::read(section);
        Self {
            sink,
            sender: text(section, "sender"),
            sample_rate: sample_rate(section),
            max_events: size(section, "max_events", 100, 1..=10_000),
            max_age: milliseconds(section, "max_age_ms", 5000, 1),
            ring_records: size(section, "ring_records", 4096, 1..=65_536),
            max_pending_batches: size(section, "max_pending_batches", 64, 1..=1024),
            retries: number(section, "retries", 1, 10),
            retry_delay: milliseconds(section, "retry_delay_ms", 1000, 0),
            flush_timeout: milliseconds(section, "flush_timeout_ms", 5000, 0),
        }
    }
}

impl Default for Telemetry {
    /// None.
    fn default() -> Self {
        Document::defaults(Self::read)
    }
}

impl Sink {
    /// All keys of all sinks are read, so that another sink is one key away and mistakes are found before.
    fn read(section: &mut Section) -> Self {
        let sinks = [
            ("none", Kind::None),
            ("stdout", Kind::Stdout),
            ("file", Kind::File),
            ("http", Kind::Http),
        ];
        let kind = section.choice("sink", &sinks, Kind::None);
        let file = FileSink::read(section);
        let http = HttpSink::read(section);
        match (kind, file, http) {
            (Kind::Stdout, ..) => Self::Stdout,
            (Kind::File, Some(file), _) => Self::File(file),
            (Kind::Http, _, Some(http)) => Self::Http(http),
            (Kind::File, None, _) => {
                section.reject("sink", "is file, which needs telemetry.file: a path");
                Self::None
            }
            (Kind::Http, _, None) => {
                section.reject(
                    "sink",
                    "is http, which needs telemetry.endpoint: an address",
                );
                Self::None
            }
            (Kind::None, ..) => Self::None,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    None,
    Stdout,
    File,
    Http,
}

impl FileSink {
    fn read(section: &mut Section) -> Option<Self> {
        let path = path(section, "file");
        let max_bytes = section.integer("file_max_bytes", 64 << 20, 1024..=1 << 40);
        let keep = number(section, "file_keep", 4, 100);
        path.map(|path| Self {
            path,
            max_bytes,
            keep,
        })
    }
}

impl HttpSink {
    fn read(section: &mut Section) -> Option<Self> {
        let endpoint = endpoint(section);
        let timeout = milliseconds(section, "timeout_ms", 5000, 1);
        let encodings = [
            ("none", Compression::None),
            ("gzip", Compression::Gzip),
            ("zstd", Compression::Zstd),
        ];
        let compression = section.choice("compression", &encodings, Compression::None);
        let ca_file = path(section, "ca_file");
        let api_key_file = path(section, "api_key_file");
        let hmac = section.flag("hmac", false);
        let secret_key_file = path(section, "secret_key_file");
        endpoint.map(|endpoint| Self {
            endpoint,
            timeout,
            compression,
            ca_file,
            api_key_file,
            hmac,
            secret_key_file,
        })
    }
}

/// Where keys belong (spec: telemetry §4). What stands there is not said again.
fn refuse_keys(section: &mut Section) {
    for (key, belongs) in [
        (
            "api_key",
            "does not belong in a configuration; set BIDGATE_TELEMETRY_API_KEY, or name a file by api_key_file",
        ),
        (
            "secret_key",
            "does not belong in a configuration; set BIDGATE_TELEMETRY_SECRET_KEY, or name a file by secret_key_file",
        ),
    ] {
        if section.optional_string(key).is_some() {
            section.reject(key, belongs);
        }
    }
}

/// A text that is no key.
fn text(section: &mut Section, key: &str) -> String {
    let text = section.string(key, "");
    if holds_key(&text) {
        section.reject(
            key,
            "holds a key, which does not belong in a configuration; see api_key_file and secret_key_file",
        );
        return String::new();
    }
    text
}

pub(super) fn path(section: &mut Section, key: &str) -> Option<PathBuf> {
    let path = text(section, key);
    (!path.is_empty()).then(|| PathBuf::from(path))
}

fn sample_rate(section: &mut Section) -> f64 {
    let rate = section.non_negative("sample_rate", 1.0);
    if rate > 1.0 {
        section.reject("sample_rate", "must be a number from 0 to 1");
    }
    rate.min(1.0)
}

fn endpoint(section: &mut Section) -> Option<Uri> {
    let text = text(section, "endpoint");
    if text.is_empty() {
        return None;
    }
    match parse_endpoint(&text) {
        Ok(endpoint) => Some(endpoint),
        Err(message) => {
            section.reject("endpoint", message);
            None
        }
    }
}

/// Says what is wrong with a text that is no endpoint. What is sent in the clear stays on this machine.
fn parse_endpoint(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().ok().ok_or(ENDPOINT)?;
    let (Some(scheme), Some(host)) = (uri.scheme(), uri.host()) else {
        return Err(ENDPOINT);
    };
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err("must not hold credentials; keys come from the environment or from files");
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("must end with its path, without query and fragment");
    }
    match scheme {
        scheme if *scheme == Scheme::HTTPS => Ok(uri),
        scheme if *scheme == Scheme::HTTP && is_loopback(host) => Ok(uri),
        scheme if *scheme == Scheme::HTTP => {
            Err("must begin with \"https://\"; plain HTTP is for loopback hosts")
        }
        _ => Err(ENDPOINT),
    }
}

const ENDPOINT: &str = "must be an address such as \"https://collector.example.com\"";

/// Whether the host of an address is this machine. Names are not looked up.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn milliseconds(section: &mut Section, key: &str, default: u64, min: u64) -> Duration {
    Duration::from_millis(section.integer(key, default, min..=WAIT_MS_MAX))
}

/// Ten minutes: whoever waits for longer has forgotten it.
const WAIT_MS_MAX: u64 = 600_000;

fn number(section: &mut Section, key: &str, default: u32, max: u32) -> u32 {
    u32::try_from(section.integer(key, default.into(), 0..=max.into())).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_in_the_clear_stays_on_this_machine() {
        for good in [
            "https://collector.example.com",
            "https://collector.example.com:8443/bidgate/",
            "http://localhost:8081",
            "http://127.0.0.9:8081",
            "http://[::1]:8081",
        ] {
            assert!(parse_endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "collector.example.com",
            "/v1",
            "ftp://collector.example.com",
            "http://collector.example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "https://user:word@collector.example.com",
            "https://collector.example.com/?key=1",
            "https://collector.example.com/#there",
        ] {
            assert!(parse_endpoint(bad).is_err(), "{bad}");
        }
    }
}
