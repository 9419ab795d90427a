//! What `/stats` says. `docs/page.md` has the meaning of every field.

use serde_json::{Value, json};

use super::Past;
use super::reading::Reading;
use crate::metrics::catalog;
use crate::server::admin::Admin;
use crate::server::living::Standing;

/// The present, the last minutes, and the history, as one JSON object.
pub(super) fn of(admin: &Admin, present: &Reading, past: &Past) -> Value {
    let not_ready_reason = admin.readiness.not_ready_reason();
    let listeners: Vec<_> = admin.listeners.iter().map(ToString::to_string).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": admin.started.at,
        "uptime_s": admin.started.elapsed().as_secs(),
        "ready": not_ready_reason.is_none(),
        "not_ready_reason": not_ready_reason,
        "listeners": listeners,
        "in_flight": present.gauge(catalog::IN_FLIGHT),
        "max_in_flight": present.gauge(catalog::MAX_IN_FLIGHT),
        "connections_open": present.gauge(catalog::CONNECTIONS_OPEN),
        "totals": totals(present),
        "recent": past.recent.to_json(present),
        "policy": policy(&admin.settings.policy.standing()),
        "telemetry": telemetry(present),
        "process": process(present),
        "history": past.history.to_json(),
    })
}

fn totals(present: &Reading) -> Value {
    json!({
        "verdicts": present.by_label(catalog::EVALUATIONS),
        "shed": present.count(catalog::SHED),
        "too_large": present.count(catalog::TOO_LARGE),
        "malformed": present.by_label(catalog::MALFORMED),
        "invalid_argument": present.count(catalog::INVALID_ARGUMENT),
        "connections_refused": present.count(catalog::CONNECTIONS_REFUSED),
    })
}

fn policy(standing: &Standing) -> Value {
    let refused = standing.refused.as_ref();
    json!({
        "version": standing.policy.version(),
        "loaded_at": standing.loaded.at,
        "age_s": standing.loaded.elapsed().as_secs(),
        "budget_ns": standing.policy.timeout_ns(),
        "reloads": standing.reloads,
        "refusals": standing.refusals,
        "refused": refused.map(|refused| json!({ "at": refused.at, "problems": refused.lines() })),
    })
}

fn telemetry(present: &Reading) -> Value {
    json!({
        "sink": present.info(catalog::TELEMETRY_INFO),
        "offered": present.count(catalog::TELEMETRY_OFFERED),
        "delivered": present.count(catalog::TELEMETRY_DELIVERED),
        "dropped": present.by_label(catalog::TELEMETRY_DROPPED),
        "in_flight": present.gauge(catalog::TELEMETRY_IN_FLIGHT),
        "batches_pending": present.gauge(catalog::TELEMETRY_PENDING),
        "batches_delivered": present.count(catalog::TELEMETRY_BATCHES),
        "retries": present.count(catalog::TELEMETRY_RETRIES),
    })
}

/// What the system does not tell is null.
fn process(present: &Reading) -> Value {
    json!({
        "resident_memory_bytes": present.gauge(catalog::RESIDENT_MEMORY),
        "open_fds": present.gauge(catalog::OPEN_FDS),
        "threads": present.gauge(catalog::THREADS),
    })
}
