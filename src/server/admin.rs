//! The admin pages: the overview, health, metrics, the policy and the log, over HTTP/1.1 on the control thread; and calls, if
//! configured.
//!
//! One request a connection, a fixed number of connections, and a deadline for each: a caller that
//! dawdles costs a place for some seconds and no more.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::clock::Moment;
use super::instruments::Instruments;
use super::living::Standing;
use super::log_page;
use super::overview::{self, Overview};
use super::page::{Page, allowing, error, json, page};
use super::readiness::Readiness;
use super::rest::Rest;
use super::settings::Settings;
use crate::config::Listen;
use crate::metrics;

/// Serves the pages for as long as it is polled.
pub(super) async fn serve(listener: TcpListener, admin: Admin) {
    let admin = Rc::new(admin);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= MAX_CONNECTIONS {
            drop(connections.join_next().await);
        }
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn_local(connection(stream, Rc::clone(&admin)))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept admin connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, admin: Rc<Admin>) {
    let service = service_fn(async |request| Ok::<_, Infallible>(admin.answer(request).await));
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .keep_alive(false);
    match timeout(
        CONNECTION_TIMEOUT,
        http1.serve_connection(TokioIo::new(stream), service),
    )
    .await
    {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "admin connection ended"),
        Err(_elapsed) => tracing::debug!("admin connection took too long"),
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
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>) -> Page {
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

fn method_not_allowed() -> Page {
    allowing(
        "GET, HEAD",
        error(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are allowed",
        ),
    )
}

/// Scrapers and probes of one machine, with room to spare.
const MAX_CONNECTIONS: usize = 64;
/// Enough for any browser's headers.
const HEADER_BYTES: usize = 16 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// For the whole connection, so that a page that is not read is given up as well.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
