//! What is measured of a server, for the pages and for whoever else exports it, on any thread.

use std::sync::Arc;
use std::time::Duration;

use super::acceptor::Connections;
use super::admission::TurnedAway;
use super::credentials::LivingTls;
use super::in_flight::InFlight;
use super::settings::Settings;
use crate::background;
use crate::metrics::{AuditGauges, Metrics, PolicyGauges, Sample, ServerGauges, TlsGauges};
use crate::otlp::ExportCounts;
use crate::telemetry::Ledger;

/// The workers' counters, and where everything else is read when it is asked for.
#[derive(Debug)]
pub(super) struct Instruments {
    pub(super) metrics: Metrics,
    pub(super) settings: Arc<Settings>,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) connections: Arc<Connections>,
    pub(super) admin_turned_away: Arc<TurnedAway>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) exports: ExportCounts,
}

impl Instruments {
    /// Hands every sample of every family to `each`, in the order of the catalog.
    pub(super) fn collect(&self, each: &mut dyn FnMut(&Sample<'_>)) {
        self.read(|gauges| self.metrics.collect(gauges, each));
    }

    /// The page of `/metrics`.
    pub(super) fn page(&self) -> String {
        self.read(|gauges| self.metrics.render(gauges))
    }

    fn read<R>(&self, read: impl FnOnce(&ServerGauges<'_>) -> R) -> R {
        let standing = self.settings.policy.standing();
        let audit = self.settings.audit.counts();
        read(&ServerGauges {
            in_flight: self.in_flight.count(),
            max_in_flight: self.settings.max_in_flight,
            connections_open: self.connections.open(),
            connections_refused: self.connections.refused(),
            unix_connections_turned_away: self.connections.turned_away(),
            admin_turned_away: self.admin_turned_away.by_reason(),
            tls: self.settings.credentials.tls.as_deref().map(tls),
            policy: PolicyGauges {
                version: standing.policy.version(),
                budget: Duration::from_nanos(standing.policy.timeout_ns()),
                age: standing.loaded.elapsed(),
                reloads: standing.reloads,
                refusals: standing.refusals,
                file_accepted: standing.refused.is_none(),
            },
            telemetry: self.ledger.gauges(),
            log_lines_suppressed: self.settings.log.suppressed(),
            panics: self.settings.log.panics(),
            threads_lost: background::lost(),
            otlp: self.exports.read(),
            audit: AuditGauges {
                written: audit.written,
                lost: audit.lost,
                failures: audit.failures,
            },
        })
    }
}

fn tls(tls: &LivingTls) -> TlsGauges {
    let standing = tls.standing();
    TlsGauges {
        not_after_unix_s: standing.not_after().map(|not_after| not_after.seconds),
        reloads: standing.reloads,
        refusals: standing.refusals,
        files_accepted: standing.refused.is_none(),
        handshakes: tls.handshakes.by_outcome(),
    }
}
