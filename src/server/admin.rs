//! The admin pages: the overview, health, metrics, the policy and the log, over HTTP/1.1 on the control thread; and calls, if
//! configured.
//!
//! One request a connection, a fixed number of connections, and a deadline for each: a caller that
//! dawdles costs a place for some seconds and no more, and [`guests`](super::guests) has it leave for others.

use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::admission::Admission;
use super::clock::Moment;
use super::credentials::LivingTls;
use super::guests::{Guests, Heard};
use super::instruments::Instruments;
use super::living::Standing;
use super::log_page;
use super::overview::{self, Overview};
use super::page::{Page, allowing, error, json, page};
use super::readiness::Readiness;
use super::rest::{Rest, discard};
use super::settings::Settings;
use crate::config::Listen;
use crate::metrics;

/// Serves the pages for as long as it is polled.
pub(super) async fn serve(listener: TcpListener, admin: Admin) {
    let admin = Rc::new(admin);
    let mut guests = Guests::default();
    loop {
        match listener.accept().await {
            Ok((stream, caller)) => {
                guests.make_room().await;
                let heard = Heard::default();
                let visit = Visit {
                    admin: Rc::clone(&admin),
                    caller: caller.ip(),
                    heard: heard.clone(),
                };
                guests.seat(heard, visit.serve(stream));
                // Whoever has asked is heard before the next one comes, and need not make room for it.
                yield_now().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept admin connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection.
struct Visit {
    admin: Rc<Admin>,
    caller: IpAddr,
    heard: Heard,
}

impl Visit {
    async fn serve(self, stream: TcpStream) {
        let connection = Box::pin(self.connection(stream));
        if timeout(CONNECTION_TIMEOUT, connection).await.is_err() {
            tracing::debug!("admin connection took too long");
        }
    }

    async fn connection(&self, stream: TcpStream) {
        match self.admin.settings.credentials.pages_tls() {
            None => self.request(stream).await,
            Some(tls) => match tls.accept_pages(stream).await {
                Ok(stream) => self.request(stream).await,
                Err(error) => tracing::debug!(%error, "no TLS on an admin connection"),
            },
        }
    }

    async fn request(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(async |request| {
            self.heard.set();
            Ok::<_, Infallible>(self.admin.answer(request, self.caller).await)
        });
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(HEADER_BYTES)
            .keep_alive(false);
        let served = http1.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = served.await {
            tracing::debug!(%error, "admin connection ended");
        }
    }
}

/// What the pages show.
#[derive(Debug)]
pub(super) struct Admin {
    pub(super) settings: Arc<Settings>,
    pub(super) instruments: Arc<Instruments>,
    pub(super) overview: Rc<Overview>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) listeners: Vec<Listen>,
    pub(super) started: Moment,
    /// There if calls are answered beside the pages.
    pub(super) rest: Option<Rest>,
    pub(super) admission: Admission,
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>, caller: IpAddr) -> Page {
        if let Some(refusal) = self.admission.refusal(&request, caller) {
            discard(request.into_body()).await;
            return refusal;
        }
        match (request.uri().path(), &self.rest) {
            (Rest::PATH, Some(rest)) => rest.answer(request).await,
            (log_page::PATH, _) => {
                log_page::answer(&self.settings.log, &self.settings.audit, request).await
            }
            (path, _) => self.show(request.method(), path),
        }
    }

    fn show(&self, method: &Method, path: &str) -> Page {
        let page: fn(&Self) -> Page = match path {
            "/" => |_| overview::html(),
            "/stats" => |admin| admin.overview.stats(admin),
            "/health/live" => Self::live,
            "/health/ready" => Self::ready,
            "/health/info" => Self::info,
            "/metrics" => Self::metrics,
            "/policy" => Self::policy,
            _ => return error(StatusCode::NOT_FOUND, "no such page"),
        };
        if method == Method::GET || method == Method::HEAD {
            page(self)
        } else {
            method_not_allowed()
        }
    }

    fn live(&self) -> Page {
        json(StatusCode::OK, &json!({ "status": "live" }))
    }

    fn ready(&self) -> Page {
        match self.readiness.not_ready_reason() {
            None => json(StatusCode::OK, &self.ready_detail()),
            Some(reason) => json(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({ "status": "not_ready", "reason": reason }),
            ),
        }
    }

    /// A policy that was refused leaves the one that judges in its place: there is something to tell, and nothing that
    /// keeps calls away.
    fn ready_detail(&self) -> serde_json::Value {
        let standing = self.settings.policy.standing();
        match &standing.refused {
            None => json!({ "status": "ready" }),
            Some(refused) => json!({
                "status": "ready",
                "policy": {
                    "policy_version": standing.policy.version(),
                    "refused_at": refused.at,
                    "problems": refused.lines(),
                },
            }),
        }
    }

    fn info(&self) -> Page {
        let standing = self.settings.policy.standing();
        let listeners: Vec<_> = self.listeners.iter().map(ToString::to_string).collect();
        json(
            StatusCode::OK,
            &json!({
                "version": env!("CARGO_PKG_VERSION"),
                "started_at": self.started.at,
                "uptime_s": self.started.elapsed().as_secs(),
                "policy_version": standing.policy.version(),
                "policy_loaded_at": standing.loaded.at,
                "policy_refused_at": standing.refused.as_ref().map(|refused| &refused.at),
                "listeners": listeners,
                "audit": self.settings.audit.head().map(|head| json!({
                    "seq": head.seq,
                    "sha256": head.sha256,
                })),
                "tls": self.settings.credentials.tls.as_deref().map(tls_info),
            }),
        )
    }

    fn metrics(&self) -> Page {
        page(
            StatusCode::OK,
            metrics::CONTENT_TYPE,
            self.instruments.page(),
        )
    }

    fn policy(&self) -> Page {
        let text = policy_page(&self.settings.policy.standing());
        page(StatusCode::OK, "text/yaml; charset=utf-8", text)
    }
}

/// A policy document, with what is known of it as comments: what is copied from the page is a policy.
fn policy_page(standing: &Standing) -> String {
    let mut comments = vec![
        format!("policy_version: {}", standing.policy.version()),
        format!("loaded_at: {}", standing.loaded.at),
    ];
    if let Some(refused) = &standing.refused {
        comments.push(format!("refused_at: {}", refused.at));
        comments.extend(refused.lines());
    }
    let comments: String = comments.iter().map(|line| format!("# {line}\n")).collect();
    comments + &standing.policy.effective().to_yaml()
}

fn tls_info(tls: &LivingTls) -> serde_json::Value {
    let standing = tls.standing();
    let refused = standing.refused.as_ref();
    json!({
        "callers_need_certificates": tls.asks_callers(),
        "certificate_not_after": standing.not_after().map(ToString::to_string),
        "loaded_at": standing.loaded.at,
        "refused_at": refused.map(|refused| &refused.at),
        "problem": refused.map(|refused| refused.problem.to_string()),
    })
}

fn method_not_allowed() -> Page {
    allowing(
        "GET, HEAD",
        error(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are allowed",
        ),
    )
}

/// Enough for any browser's headers.
const HEADER_BYTES: usize = 16 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// For the whole connection, so that a page that is not read is given up as well.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
