//! Where one signal goes, and how, as the standard variables say.

use std::path::Path;
use std::time::Duration;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Uri};
use rustls::ClientConfig;

use super::variables::{Variables, headers};
use crate::config::telemetry::is_loopback;
use crate::tls;

/// One of the two kinds of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Metrics,
    Traces,
}

impl Signal {
    /// The part of the path that receivers expect it under.
    const fn path(self) -> &'static str {
        match self {
            Self::Metrics => "v1/metrics",
            Self::Traces => "v1/traces",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Metrics => "METRICS",
            Self::Traces => "TRACES",
        }
    }
}

/// Where one signal goes.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) protocol: Protocol,
    /// The whole address with HTTP, without a path with gRPC.
    pub(super) endpoint: Uri,
    /// Whose certificates are trusted.
    pub(super) tls: ClientConfig,
    pub(super) headers: HeaderMap,
    /// For one attempt.
    pub(super) timeout: Duration,
}

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    Http,
}

impl Protocol {
    fn read(text: &str) -> Option<Self> {
        match text {
            "grpc" => Some(Self::Grpc),
            "http/protobuf" => Some(Self::Http),
            _ => None,
        }
    }
}

impl Target {
    /// None if this signal is not exported. Where no endpoint is named, nothing else is looked at.
    pub(super) fn read(variables: &mut Variables, signal: Signal) -> Option<Self> {
        let (own, both) = (Names::of(signal), Names::of_both());
        if !variables.has(&own.endpoint) && !variables.has(&both.endpoint) {
            return None;
        }
        let exporter = format!("OTEL_{}_EXPORTER", signal.word());
        if variables.one(&exporter, "otlp or none", read_exporter) == Some(false) {
            return None;
        }
        let protocol = variables
            .first(
                &[&own.protocol, &both.protocol],
                "grpc or http/protobuf",
                Protocol::read,
            )
            .unwrap_or(Protocol::Http);
        let wanted = "pairs such as key=value,other=value, with values percent-encoded";
        let headers = variables.first(&[&own.headers, &both.headers], wanted, headers);
        let timeout = variables.milliseconds(&[&own.timeout, &both.timeout]);
        let wanted = "a URL such as http://localhost:4318, with its scheme and without credentials";
        let path = if variables.has(&own.endpoint) {
            None
        } else {
            Some(signal.path())
        };
        let endpoint = variables.first(&[&own.endpoint, &both.endpoint], wanted, |text| {
            read_endpoint(text, protocol, path)
        });
        let endpoint = endpoint?;
        Some(Self {
            tls: read_tls(variables, &endpoint, [&own.certificate, &both.certificate])?,
            protocol,
            endpoint,
            headers: headers.unwrap_or_default(),
            timeout: timeout.unwrap_or(TIMEOUT),
        })
    }

    /// Whether others on the network can read what is sent there.
    fn is_exposed(&self) -> bool {
        self.endpoint.scheme() != Some(&Scheme::HTTPS)
            && !self.endpoint.host().is_some_and(is_loopback)
    }
}

/// Refuses a receiver on another machine that messages would travel to in plaintext.
pub(super) fn refuse_plaintext(variables: &mut Variables, signal: Signal, target: Option<&Target>) {
    if target.is_some_and(Target::is_exposed) {
        let [own, both] = [Names::of(signal), Names::of_both()].map(|names| names.endpoint);
        let name = if variables.has(&own) { own } else { both };
        variables.refuse(&name, &IN_PLAINTEXT);
    }
}

pub(super) const IN_PLAINTEXT: &str = "is on another machine, and metrics and traces would cross the network in plaintext: \
    name a receiver by https, or one on loopback, \
    or accept it by plaintext_beyond_loopback.otlp: true";

/// The roots in a file that is named, or else the system's; none where no certificate is to be checked.
fn read_tls(
    variables: &mut Variables,
    endpoint: &Uri,
    [own, both]: [&str; 2],
) -> Option<ClientConfig> {
    if endpoint.scheme() != Some(&Scheme::HTTPS) {
        return tls::trusting_nobody().ok();
    }
    if variables.has(own) || variables.has(both) {
        let wanted = "a file that holds certificates in PEM";
        return variables.first(&[own, both], wanted, |file| {
            tls::client_config(Some(Path::new(file))).ok()
        });
    }
    let roots = tls::client_config(None);
    roots.map_err(|error| variables.refuse(both, &error)).ok()
}

fn read_exporter(text: &str) -> Option<bool> {
    match text {
        "otlp" => Some(true),
        "none" => Some(false),
        _ => None,
    }
}

/// The address that messages are sent to. With gRPC the method is the path; with HTTP `path` is added to what is named
/// for both signals, and nothing to what is named for one.
fn read_endpoint(text: &str, protocol: Protocol, path: Option<&str>) -> Option<Uri> {
    let mut parts = Uri::try_from(text).ok()?.into_parts();
    let scheme = parts.scheme.as_ref()?;
    let known = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    let anonymous = !parts.authority.as_ref()?.as_str().contains('@');
    let named = parts
        .path_and_query
        .as_ref()
        .map_or("/", PathAndQuery::path);
    let path = match (protocol, path) {
        (Protocol::Grpc, _) => PathAndQuery::from_static("/"),
        (Protocol::Http, None) => PathAndQuery::try_from(named).ok()?,
        (Protocol::Http, Some(path)) => {
            let base = named.trim_end_matches('/');
            PathAndQuery::try_from(format!("{base}/{path}")).ok()?
        }
    };
    parts.path_and_query = Some(path);
    (known && anonymous)
        .then(|| Uri::from_parts(parts).ok())
        .flatten()
}

/// The variables of one signal, or of both.
struct Names {
    endpoint: String,
    protocol: String,
    certificate: String,
    headers: String,
    timeout: String,
}

impl Names {
    fn of(signal: Signal) -> Self {
        Self::behind(&format!("OTEL_EXPORTER_OTLP_{}", signal.word()))
    }

    fn of_both() -> Self {
        Self::behind("OTEL_EXPORTER_OTLP")
    }

    fn behind(prefix: &str) -> Self {
        Self {
            endpoint: format!("{prefix}_ENDPOINT"),
            protocol: format!("{prefix}_PROTOCOL"),
            certificate: format!("{prefix}_CERTIFICATE"),
            headers: format!("{prefix}_HEADERS"),
            timeout: format!("{prefix}_TIMEOUT"),
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);
