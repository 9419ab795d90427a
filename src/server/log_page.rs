//! `/log`: what is logged, and a change of it while the process runs.

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use super::page::{Page, allowing, error, json};
use super::refusal::Refusal;
use super::rest::{discard, receive};
use crate::audit::{Audit, Event};
use crate::config::{Log, LogFormat};
use crate::log::{Change, Logger};

/// Shows the settings, after a change if one is asked for.
pub(super) async fn answer(logger: &Logger, audit: &Audit, request: Request<Incoming>) -> Page {
    match *request.method() {
        Method::GET | Method::HEAD => settings(logger),
        Method::PUT => change(logger, audit, request.into_body()).await,
        _ => allowing(
            "GET, HEAD, PUT",
            error(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET, HEAD and PUT are allowed",
            ),
        ),
    }
}

fn settings(logger: &Logger) -> Page {
    let format = match logger.format() {
        LogFormat::Human => "human",
        LogFormat::Json => "json",
    };
    json(
        StatusCode::OK,
        &json!({
            "level": logger.level().to_string(),
            "format": format,
            "decisions": logger.decisions(),
            "lines_per_second": logger.lines_per_second(),
            "suppressed": logger.suppressed(),
        }),
    )
}

async fn change(logger: &Logger, audit: &Audit, mut body: Incoming) -> Page {
    let received = receive(&mut body, BODY_BYTES_MAX).await;
    match received.map(|body| read(&body)) {
        Ok(Some(change)) => {
            let from = logger.level().to_string();
            logger.change(change);
            audit.note(Event::LogChanged {
                from,
                level: logger.level().to_string(),
                decisions: logger.decisions(),
            });
            settings(logger)
        }
        Ok(None) => error(StatusCode::BAD_REQUEST, &allowed()),
        Err(refusal) => {
            discard(body).await;
            unread(refusal)
        }
    }
}

fn unread(refusal: Refusal) -> Page {
    if matches!(refusal, Refusal::TooLarge { .. }) {
        let message = format!("the body must have at most {BODY_BYTES_MAX} bytes");
        return error(StatusCode::PAYLOAD_TOO_LARGE, &message);
    }
    error(StatusCode::BAD_REQUEST, "the body ended early")
}

/// The change that a body asks for; none when it asks for nothing, or for what there is not.
fn read(body: &[u8]) -> Option<Change> {
    let asked: Asked = serde_json::from_slice(body).ok()?;
    let level = match asked.level {
        Some(name) => Some(Log::LEVELS.iter().find(|(known, _)| *known == name)?.1),
        None => None,
    };
    let change = Change {
        level,
        decisions: asked.decisions,
    };
    let possible = change
        .decisions
        .is_none_or(|lines| lines <= Log::DECISIONS_MAX);
    (possible && change != Change::default()).then_some(change)
}

fn allowed() -> String {
    let levels = Log::LEVELS.map(|(name, _)| name).join(", ");
    format!(
        "the body must be JSON such as {{\"level\":\"debug\"}} or {{\"decisions\":10}}; \
         levels are {levels}; decisions are 0 to {} lines a second",
        Log::DECISIONS_MAX
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    level: Option<String>,
    decisions: Option<u32>,
}

pub(super) const PATH: &str = "/log";
const BODY_BYTES_MAX: usize = 1024;
