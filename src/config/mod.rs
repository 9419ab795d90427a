//! Process configuration: parsed from file, environment and flags, all errors together. All but the policy is frozen.
//!
//! A flag wins over an environment variable, that over the file, that over the default (spec: contract §4, §5).

mod audit;
mod files;
mod reach;
mod settings;
mod source;
pub mod telemetry;

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

pub use audit::Audit;
pub use files::Files;
pub use reach::TlsFiles;
pub use settings::ServeArgs;
pub(crate) use settings::{ADMIN_TOKEN_VARIABLE, is_root_key};
pub use source::{ConfigSource, Loaded};
pub use telemetry::Telemetry;

use files::FileReader;

use crate::document::{Document, Effective, Problems, Section};
use crate::limits::{Limits, MESSAGE_BYTES_MAX};
use crate::policy::Policy;

/// Everything that `bidgate serve` can be told.
#[derive(Debug)]
pub struct Config {
    /// Where gRPC is served; at least one address, none twice.
    pub listen: Vec<Listen>,
    /// Mode of Unix sockets, at most `0o777`.
    pub unix_mode: u32,
    /// Users whose processes may connect to Unix sockets; empty is whoever the mode lets in.
    pub unix_allowed_uids: Vec<u32>,
    /// The files of TLS, if it is spoken on TCP.
    pub tls: Option<TlsFiles>,
    /// Where the admin HTTP is served.
    pub admin: SocketAddr,
    /// Names by which the admin HTTP may be asked, beside loopback's and addresses; in lower case.
    pub admin_hosts: Vec<String>,
    /// The file of the token that writes on the admin HTTP need, if it is in a file.
    pub admin_token_file: Option<PathBuf>,
    /// Whether OTLP receivers beyond loopback may be sent to in plaintext.
    pub otlp_in_plaintext: bool,
    /// Whether calls are also answered as JSON, where the admin HTTP is.
    pub rest: bool,
    /// Bytes of the largest gRPC message taken, 1024 to [`MESSAGE_BYTES_MAX`].
    pub max_message_bytes: usize,
    /// Evaluations at the same time; more are shed.
    pub max_in_flight: usize,
    /// Connections at the same time.
    pub max_connections: usize,
    /// Worker threads; 0 is one for each core.
    pub workers: usize,
    /// How large the payloads of one auction may be.
    pub limits: Limits,
    /// From not ready to closed for new connections, at shutdown.
    pub drain_delay: Duration,
    /// From closed for new connections to the end, at shutdown.
    pub grace: Duration,
    /// What judges.
    pub policy: Policy,
    /// Where records of evaluations go.
    pub telemetry: Telemetry,
    /// What is logged, and how.
    pub log: Log,
    /// Where the audit log is, if there is one.
    pub audit: Option<Audit>,
    effective: Effective,
}

/// An address on which gRPC is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `ip:port`; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// `unix:///path`: the absolute path of a socket.
    Unix(PathBuf),
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least severe level logged.
    pub level: LevelFilter,
    /// How a line looks.
    pub format: LogFormat,
    /// Decision-log lines a second, at most [`Self::DECISIONS_MAX`]; 0 is none.
    pub decisions: u32,
    /// Lines a second from one place in the code, 1 to 100000.
    pub lines_per_second: u32,
}

impl Log {
    /// The levels by name, each with all that the one before it logs.
    pub const LEVELS: [(&str, LevelFilter); 6] = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    /// A sample for people; records of all evaluations are telemetry's.
    pub const DECISIONS_MAX: u32 = 1000;
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object.
    Json,
}

impl Config {
    /// Reads the file that `args` or `BIDGATE_CONFIG` names, if any, and overlays it with the environment and the
    /// flags. `environment` is [`std::env::vars_os`], or what a test puts in its place.
    ///
    /// # Errors
    /// Everything that is wrong, in the file, the environment and the flags together.
    pub fn load(
        args: &ServeArgs,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        ConfigSource::new(args.clone(), environment).load().config
    }

    /// Reads a configuration file without environment and flags. A `policy_file` is relative to `folder`.
    ///
    /// # Errors
    /// Everything that is wrong in the document and the policy file.
    pub fn from_document(mut document: Document, folder: &Path) -> Result<Self, Problems> {
        include_policy_file(
            &mut document,
            folder,
            &mut FileReader::new(&Files::default()),
        );
        document.read(Self::read)
    }

    /// The effective configuration: a file that says the same. It holds no secret, because no key takes one.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        self.effective.to_yaml()
    }

    /// What it says, defaults filled in.
    #[must_use]
    pub const fn effective(&self) -> &Effective {
        &self.effective
    }

    /// The keys outside the policy that differ from those of another configuration.
    #[must_use]
    pub fn changed_settings(&self, other: &Effective) -> Vec<String> {
        let mut changed = self.effective.differences(other);
        changed.retain(|path| path != "policy" && !path.starts_with("policy."));
        changed
    }

    fn read(section: &mut Section) -> Self {
        let placed = listen(section);
        let unix_mode = unix_mode(section);
        let unix_allowed_uids = reach::unix_allowed_uids(section);
        let tls = section.section("tls", TlsFiles::read);
        let admin = admin(section, &placed);
        let admin_hosts = reach::admin_hosts(section);
        let admin_token_file = reach::admin_token_file(section);
        let otlp_in_plaintext = reach::refuse_plaintext(section, &placed, admin, tls.as_ref());
        let rest = section.flag("rest", false);
        let max_message_bytes = size(
            section,
            "max_message_bytes",
            1 << 20,
            1024..=MESSAGE_BYTES_MAX,
        );
        let max_in_flight = size(section, "max_in_flight", 1024, 1..=1_000_000);
        let max_connections = size(section, "max_connections", 4096, 1..=1_000_000);
        let workers = size(section, "workers", 0, 0..=256);
        let limits = section.section("limits", limits);
        let (drain_delay, grace) = section.section("shutdown", shutdown);
        if section.optional_string("policy_file").is_some() {
            section.reject("policy_file", "stands beside policy; keep one of the two");
        }
        let policy = section.section("policy", Policy::compile);
        let telemetry = section.section("telemetry", Telemetry::read);
        let log = section.section("log", log);
        let audit = section.section("audit", Audit::read);
        let effective = section.effective();
        Self {
            listen: placed.into_iter().map(|(_, address)| address).collect(),
            unix_mode,
            unix_allowed_uids,
            tls,
            admin,
            admin_hosts,
            admin_token_file,
            otlp_in_plaintext,
            rest,
            max_message_bytes,
            max_in_flight,
            max_connections,
            workers,
            limits,
            drain_delay,
            grace,
            policy,
            telemetry,
            log,
            audit,
            effective,
        }
    }
}

impl Default for Config {
    /// What no file, no variable and no flag make (spec: contract §5).
    fn default() -> Self {
        Document::defaults(Self::read)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// Replaces `policy_file` by the policy in that file, so that single keys of it can be overlaid. When both
/// `policy` and `policy_file` are there, both stay, for [`Config::read`] to refuse.
fn include_policy_file(document: &mut Document, folder: &Path, files: &mut FileReader<'_>) {
    let Some(path) = document.text("policy_file").map(|path| folder.join(path)) else {
        return;
    };
    if document.has_key(|key| key == "policy") {
        return;
    }
    match files.open(&path) {
        Ok(policy) => document.graft("policy", policy),
        Err(problems) => document.add_problems(problems),
    }
    document.remove("policy_file");
}

/// The addresses, each with its position in the list.
fn listen(section: &mut Section) -> Vec<(usize, Listen)> {
    let texts = section.strings_or("listen", &["127.0.0.1:50051"]);
    let mut addresses = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match parse_listen(text) {
            Ok(address) if holds(&addresses, &address) && !is_any_port(&address) => {
                section.reject(&format!("listen[{index}]"), "is there twice; remove one");
            }
            Ok(address) => addresses.push((index, address)),
            Err(message) => section.reject(&format!("listen[{index}]"), message),
        }
    }
    if texts.is_empty() {
        section.reject(
            "listen",
            "must have at least one address, such as \"127.0.0.1:50051\"",
        );
    }
    addresses
}

fn holds(addresses: &[(usize, Listen)], address: &Listen) -> bool {
    addresses.iter().any(|(_, held)| held == address)
}

/// Says what is wrong with a text that is no address.
fn parse_listen(text: &str) -> Result<Listen, &'static str> {
    let Some(path) = text.strip_prefix(UNIX) else {
        return parse_tcp(text)
            .map(Listen::Tcp)
            .ok_or("must be \"ip:port\", \"localhost:port\" or \"unix:///path\"");
    };
    match path.len() {
        _ if !path.starts_with('/') => {
            Err("must have an absolute path: three slashes, as in \"unix:///run/bidgate.sock\"")
        }
        1 => Err("must name a socket, as in \"unix:///run/bidgate.sock\""),
        UNIX_PATH_BYTES.. => {
            Err("has a path longer than the 107 bytes that the system takes; shorten it")
        }
        _ => Ok(Listen::Unix(PathBuf::from(path))),
    }
}

const UNIX: &str = "unix://";
/// Bytes of `sun_path`, of which one ends the path.
const UNIX_PATH_BYTES: usize = 108;

/// Names other than `localhost` are refused: looking one up at start-up may fail, hang, or open the wrong interface.
fn parse_tcp(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

fn is_any_port(address: &Listen) -> bool {
    matches!(address, Listen::Tcp(address) if address.port() == 0)
}

fn unix_mode(section: &mut Section) -> u32 {
    let text = section.string("unix_mode", "0660");
    let octal =
        (3..=4).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(&text, 8) {
        Ok(mode) if octal && mode <= 0o777 => mode,
        _ => {
            section.reject(
                "unix_mode",
                "must be an octal mode up to \"0777\", such as \"0660\"",
            );
            0o660
        }
    }
}

fn admin(section: &mut Section, listen: &[(usize, Listen)]) -> SocketAddr {
    let text = section.string("admin", "127.0.0.1:8080");
    let Some(admin) = parse_tcp(&text) else {
        section.reject("admin", "must be \"ip:port\" or \"localhost:port\"");
        return SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    };
    if admin.port() != 0 && holds(listen, &Listen::Tcp(admin)) {
        section.reject("admin", "is also in listen; give one of them another port");
    }
    admin
}

fn limits(section: &mut Section) -> Limits {
    let defaults = Limits::default();
    Limits {
        depth: count(section, "depth", defaults.depth, crate::limits::DEPTH_MAX),
        imps: count(section, "imps", defaults.imps, COUNT_MAX),
        bids: count(section, "bids", defaults.bids, COUNT_MAX),
        block_list: count(section, "block_list", defaults.block_list, COUNT_MAX),
    }
}

/// What no auction has, while an evaluator that has seen it still fits in memory.
const COUNT_MAX: u32 = 1_000_000;

fn shutdown(section: &mut Section) -> (Duration, Duration) {
    let mut milliseconds =
        |key, default| Duration::from_millis(section.integer(key, default, 0..=SHUTDOWN_MS_MAX));
    (
        milliseconds("drain_delay_ms", 1000),
        milliseconds("grace_ms", 5000),
    )
}

/// Ten minutes: whoever stops processes has lost patience long before.
const SHUTDOWN_MS_MAX: u64 = 600_000;

fn log(section: &mut Section) -> Log {
    let formats = [("human", LogFormat::Human), ("json", LogFormat::Json)];
    Log {
        level: section.choice("level", &Log::LEVELS, LevelFilter::INFO),
        format: section.choice("format", &formats, LogFormat::Human),
        decisions: number(section, "decisions", 1, 0..=Log::DECISIONS_MAX),
        lines_per_second: number(section, "lines_per_second", 10, 1..=100_000),
    }
}

fn size(section: &mut Section, key: &str, default: usize, range: RangeInclusive<usize>) -> usize {
    let range = *range.start() as u64..=*range.end() as u64;
    usize::try_from(section.integer(key, default as u64, range)).unwrap_or(default)
}

fn count(section: &mut Section, key: &str, default: u32, max: u32) -> u32 {
    number(section, key, default, 1..=max)
}

fn number(section: &mut Section, key: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
    let range = u64::from(*range.start())..=u64::from(*range.end());
    u32::try_from(section.integer(key, default.into(), range)).unwrap_or(default)
}
