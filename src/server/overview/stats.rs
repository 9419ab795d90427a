//! What `/stats` says. `docs/page.md` has the meaning of every field.

use serde_json::{Value, json};

use super::Past;
use super::reading::Reading;
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
        "in_flight": present.gauge("bidgate_in_flight"),
        "max_in_flight": present.gauge("bidgate_max_in_flight"),
        "connections_open": present.gauge("bidgate_connections_open"),
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
        "verdicts": present.by_label("bidgate_evaluations_total"),
        "shed": present.count("bidgate_shed_total"),
        "too_large": present.count("bidgate_too_large_total"),
        "malformed": present.by_label("bidgate_malformed_total"),
        "invalid_argument": present.count("bidgate_invalid_argument_total"),
        "connections_refused": present.count("bidgate_connections_refused_total"),
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
        "sink": present.info("bidgate_telemetry_info"),
        "offered": present.count("bidgate_telemetry_events_offered_total"),
        "delivered": present.count("bidgate_telemetry_events_delivered_total"),
        "dropped": present.by_label("bidgate_telemetry_events_dropped_total"),
        "in_flight": present.gauge("bidgate_telemetry_events_in_flight"),
        "batches_pending": present.gauge("bidgate_telemetry_batches_pending"),
        "batches_delivered": present.count("bidgate_telemetry_batches_delivered_total"),
        "retries": present.count("bidgate_telemetry_retries_total"),
    })
}

/// What the system does not tell is null.
fn process(present: &Reading) -> Value {
    json!({
        "resident_memory_bytes": present.gauge("process_resident_memory_bytes"),
        "open_fds": present.gauge("process_open_fds"),
        "threads": present.gauge("process_threads"),
    })
}
