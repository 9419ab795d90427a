//! Who may ask the admin address for what.
//!
//! Pages are for all who reach it, by an address or by a name that is known here. A page of the web can have a browser ask
//! under a name of its own, which it has made to lead to loopback (DNS rebinding); it cannot choose the name that the
//! browser then sends. All but looking needs the token, if there is one, and is for callers on this machine if there is
//! none.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};

use super::credentials::LivingToken;
use super::page::{Page, error};

/// Who may ask for what.
#[derive(Debug)]
pub(super) struct Admission {
    /// In lower case.
    pub(super) hosts: Vec<String>,
    pub(super) token: Option<Arc<LivingToken>>,
    pub(super) turned_away: Arc<TurnedAway>,
}

impl Admission {
    /// The answer to a request that is refused.
    pub(super) fn refusal<B>(&self, request: &Request<B>, caller: IpAddr) -> Option<Page> {
        let checked = self
            .check_host(request.uri(), request.headers())
            .and_then(|()| self.check_write(request.method(), request.headers(), caller));
        let reason = checked.err()?;
        tracing::warn!(%caller, reason = reason.name(), "admin request refused");
        self.turned_away.count(reason);
        Some(reason.page())
    }

    /// Whoever sends no name, as HTTP/1.0 allows, is no browser.
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Reason> {
        let named = headers.get_all(header::HOST).iter();
        let all_known = uri
            .authority()
            .is_none_or(|authority| self.knows(authority))
            && named
                .map(|host| Authority::try_from(host.as_bytes()).ok())
                .all(|host| host.is_some_and(|host| self.knows(&host)));
        all_known.then_some(()).ok_or(Reason::Host)
    }

    fn knows(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || host == LOCALHOST
            || self.hosts.iter().any(|known| known == host)
    }

    fn check_write(
        &self,
        method: &Method,
        headers: &HeaderMap,
        caller: IpAddr,
    ) -> Result<(), Reason> {
        if method == Method::GET || method == Method::HEAD {
            return Ok(());
        }
        match &self.token {
            Some(token) => match headers.get(header::AUTHORIZATION).map(bearer) {
                None => Err(Reason::NoToken),
                Some(Some(presented)) if token.is(presented) => Ok(()),
                Some(_) => Err(Reason::WrongToken),
            },
            None if caller.to_canonical().is_loopback() => Ok(()),
            None => Err(Reason::Remote),
        }
    }
}

/// The token of `Bearer <token>` (RFC 6750 section 2.1); the scheme in any case (RFC 9110 section 11.1).
fn bearer(authorization: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = authorization.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

const LOCALHOST: &str = "localhost";

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// It names a host that is not known here.
    Host,
    /// It needs a token and has none.
    NoToken,
    /// It has another token.
    WrongToken,
    /// It comes from another machine, and there is no token to know its sender by.
    Remote,
}

impl Reason {
    const ALL: [Self; 4] = [Self::Host, Self::NoToken, Self::WrongToken, Self::Remote];

    const fn name(self) -> &'static str {
        match self {
            Self::Host => "unknown_host",
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
            Self::Remote => "remote",
        }
    }

    fn page(self) -> Page {
        let (status, message) = match self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "this host is not known here: ask by IP address or as localhost, or name it in admin_hosts",
            ),
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "this needs the admin token: send Authorization: Bearer TOKEN",
            ),
            Self::WrongToken => (StatusCode::UNAUTHORIZED, "this is not the admin token"),
            Self::Remote => (
                StatusCode::FORBIDDEN,
                "from other machines this needs an admin token, and there is none: set admin_token_file",
            ),
        };
        let mut page = error(status, message);
        if let Some(challenge) = self.challenge() {
            let challenge = HeaderValue::from_static(challenge);
            page.headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        page
    }

    /// RFC 6750 section 3: a request without a token is told nothing but the scheme.
    const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::NoToken => Some("Bearer realm=\"bidgate\""),
            Self::WrongToken => Some("Bearer realm=\"bidgate\", error=\"invalid_token\""),
            Self::Host | Self::Remote => None,
        }
    }
}

/// Requests that were not answered, by reason.
#[derive(Debug, Default)]
pub(super) struct TurnedAway([AtomicU64; 4]);

impl TurnedAway {
    fn count(&self, reason: Reason) {
        let mut counters = Reason::ALL.iter().zip(&self.0);
        if let Some((_, counter)) = counters.find(|(counted, _)| **counted == reason) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each reason with its count.
    pub(super) fn by_reason(&self) -> [(&'static str, u64); 4] {
        let counts = self.0.each_ref();
        let counts = counts.map(|counter| counter.load(Ordering::Relaxed));
        let [host, no_token, wrong_token, remote] = counts;
        [
            (Reason::Host.name(), host),
            (Reason::NoToken.name(), no_token),
            (Reason::WrongToken.name(), wrong_token),
            (Reason::Remote.name(), remote),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(hosts: &[&str]) -> Admission {
        Admission {
            hosts: hosts.iter().map(ToString::to_string).collect(),
            token: None,
            turned_away: Arc::default(),
        }
    }

    fn status(admission: &Admission, request: &Request<()>, caller: &str) -> u16 {
        let refusal = admission.refusal(request, caller.parse().unwrap());
        refusal.map_or(200, |page| page.status().as_u16())
    }

    #[test]
    fn a_host_is_an_address_or_a_known_name() {
        let admission = admission(&["bidder.ads.svc"]);
        let asked = |uri: &str, hosts: &[&str]| {
            let mut request = Request::get(uri);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            status(&admission, &request.body(()).unwrap(), "10.0.0.9")
        };
        for known in [
            "127.0.0.1:8080",
            "10.1.2.3",
            "[::1]:8080",
            "[fd00::7]",
            "localhost",
            "LocalHost.:8080",
            "bidder.ads.svc:8080",
        ] {
            assert_eq!(asked("/metrics", &[known]), 200, "{known}");
        }
        for unknown in [
            "rebound.example:8080",
            "localhost.rebound.example",
            "127.0.0.1.rebound.example",
            "other.ads.svc",
            "",
            "a b",
        ] {
            assert_eq!(asked("/metrics", &[unknown]), 421, "{unknown}");
        }
        assert_eq!(asked("/metrics", &[]), 200);
        assert_eq!(asked("/metrics", &["localhost", "rebound.example"]), 421);
        assert_eq!(asked("http://rebound.example/", &["localhost"]), 421);
        assert_eq!(admission.turned_away.by_reason()[0], ("unknown_host", 8));
    }

    #[test]
    fn without_a_token_writes_are_for_this_machine() {
        let admission = admission(&[]);
        for (method, caller, expected) in [
            ("PUT", "127.0.0.1", 200),
            ("PUT", "::ffff:127.0.0.1", 200),
            ("POST", "::1", 200),
            ("PUT", "10.0.0.9", 403),
            ("DELETE", "fd00::7", 403),
            ("GET", "10.0.0.9", 200),
            ("HEAD", "10.0.0.9", 200),
        ] {
            let request = Request::builder().method(method).uri("/log");
            let request = request.body(()).unwrap();
            assert_eq!(
                status(&admission, &request, caller),
                expected,
                "{method} {caller}"
            );
        }
    }
}
