//! The address of a collector, in the parts that a request needs.

use http::uri::{InvalidUri, Scheme};
use http::{HeaderValue, Uri};

/// Where batches are posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Whether batches go over TLS. Where they do not, they may not leave this machine.
    pub(super) tls: bool,
    /// A name, or an address without brackets.
    pub(super) host: String,
    /// What is connected to: the host and its port.
    pub(super) address: Uri,
    /// The `Host` header.
    pub(super) host_header: HeaderValue,
    /// The path of a request: that of the endpoint, then `/v1/ingest`.
    pub(super) target: Uri,
}

impl Endpoint {
    /// Takes apart what [`crate::config`] has checked; none if a part of it cannot be sent.
    pub(super) fn new(endpoint: &Uri) -> Option<Self> {
        let authority = endpoint.authority()?;
        let tls = endpoint.scheme() == Some(&Scheme::HTTPS);
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = endpoint.path().trim_end_matches('/');
        let host = authority.host();
        let parse = |text: String| -> Result<Uri, InvalidUri> { text.parse() };
        Some(Self {
            tls,
            host: unbracketed(host).to_owned(),
            address: parse(format!("http://{host}:{port}")).ok()?,
            host_header: HeaderValue::from_str(authority.as_str()).ok()?,
            target: parse(format!("{path}/v1/ingest")).ok()?,
        })
    }
}

fn unbracketed(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ingest_is_added_to_the_path_and_the_port_goes_by_the_scheme() {
        for (text, host, address, host_header, target) in [
            (
                "https://c.example",
                "c.example",
                "http://c.example:443/",
                "c.example",
                "/v1/ingest",
            ),
            (
                "https://c.example/",
                "c.example",
                "http://c.example:443/",
                "c.example",
                "/v1/ingest",
            ),
            (
                "https://c.example:8443/a/b/",
                "c.example",
                "http://c.example:8443/",
                "c.example:8443",
                "/a/b/v1/ingest",
            ),
            (
                "http://localhost",
                "localhost",
                "http://localhost:80/",
                "localhost",
                "/v1/ingest",
            ),
            (
                "http://[::1]:9",
                "::1",
                "http://[::1]:9/",
                "[::1]:9",
                "/v1/ingest",
            ),
            (
                "https://[2001:db8::1]",
                "2001:db8::1",
                "http://[2001:db8::1]:443/",
                "[2001:db8::1]",
                "/v1/ingest",
            ),
        ] {
            let expected = Endpoint {
                tls: text.starts_with("https:"),
                host: host.to_owned(),
                address: address.parse().unwrap(),
                host_header: HeaderValue::from_static(host_header),
                target: target.parse().unwrap(),
            };
            assert_eq!(
                Endpoint::new(&text.parse().unwrap()),
                Some(expected),
                "{text}"
            );
        }
    }
}
