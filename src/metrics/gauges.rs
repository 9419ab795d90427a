//! What the server tells the scrape: all that no worker counts.

use std::time::Duration;

use serde::Serialize;

/// What the server knows and no worker counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerGauges<'a> {
    /// Calls and stream messages held now.
    pub in_flight: usize,
    /// Calls and stream messages that may be held at a time.
    pub max_in_flight: usize,
    /// Connections open now.
    pub connections_open: usize,
    /// Connections closed at once for want of room.
    pub connections_refused: u64,
    /// Connections to Unix sockets closed at once because of their user.
    pub unix_connections_turned_away: u64,
    /// Requests to the admin address that were not answered, by reason.
    pub admin_turned_away: [(&'a str, u64); 4],
    /// Of TLS, if it is spoken.
    pub tls: Option<TlsGauges>,
    /// The policy that judges now.
    pub policy: PolicyGauges<'a>,
    /// What became of the records of evaluations.
    pub telemetry: TelemetryGauges<'a>,
    /// Log lines left out because too many were like them.
    pub log_lines_suppressed: u64,
    /// Panics on any thread.
    pub panics: u64,
    /// Threads in the background, and whether a panic has ended them.
    pub threads_lost: [(&'a str, bool); 7],
    /// What became of what was exported to an OTLP receiver.
    pub otlp: OtlpCounts,
    /// What became of the events of the audit log.
    pub audit: AuditGauges,
}

/// What the server knows of TLS.
#[derive(Clone, Copy, Debug)]
pub struct TlsGauges {
    /// When the certificate ends, if that could be read.
    pub not_after_unix_s: Option<i64>,
    /// Certificates that took the place of another.
    pub reloads: u64,
    /// Attempts to replace it that failed.
    pub refusals: u64,
    /// Whether the latest attempt, or the start, succeeded.
    pub files_accepted: bool,
    /// Handshakes by outcome.
    pub handshakes: [(&'static str, u64); 3],
}

/// What the server knows of its policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyGauges<'a> {
    /// Digest.
    pub version: &'a str,
    /// Time that it gives an evaluation, of calls without an override.
    pub budget: Duration,
    /// Time since it was loaded.
    pub age: Duration,
    /// Policies that took the place of another.
    pub reloads: u64,
    /// Attempts to replace it that failed.
    pub refusals: u64,
    /// Whether the latest attempt, or the start, succeeded.
    pub file_accepted: bool,
}

/// What telemetry has counted (spec: telemetry §3): at any time
/// `offered = delivered + everything dropped + in_flight`.
#[derive(Clone, Copy, Debug)]
pub struct TelemetryGauges<'a> {
    /// The name of the sink.
    pub sink: &'a str,
    /// Events offered.
    pub offered: u64,
    /// Events delivered.
    pub delivered: u64,
    /// Events dropped.
    pub dropped: DroppedEvents,
    /// Events neither delivered nor dropped yet.
    pub in_flight: u64,
    /// Batches closed and neither delivered nor dropped yet.
    pub batches_pending: u64,
    /// Batches delivered.
    pub batches_delivered: u64,
    /// Attempts after one that failed.
    pub retries: u64,
    /// Rotations of the sink's file that failed.
    pub rotation_failures: u64,
}

impl Default for TelemetryGauges<'_> {
    /// Of a server without telemetry.
    fn default() -> Self {
        Self {
            sink: "none",
            offered: 0,
            delivered: 0,
            dropped: DroppedEvents::default(),
            in_flight: 0,
            batches_pending: 0,
            batches_delivered: 0,
            retries: 0,
            rotation_failures: 0,
        }
    }
}

/// Events that will not be delivered, by reason. It serializes as a batch tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DroppedEvents {
    /// The worker's ring had no room.
    pub ring_full: u64,
    /// A pass that the sample rate left out.
    pub sampled_out: u64,
    /// Every attempt to deliver failed.
    pub retry_exhausted: u64,
    /// The endpoint refused the batch for good.
    pub rejected: u64,
    /// The process ended first.
    pub shutdown: u64,
}

impl DroppedEvents {
    /// Events of every reason.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.ring_full + self.sampled_out + self.retry_exhausted + self.rejected + self.shutdown
    }

    /// Both together.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            ring_full: self.ring_full + other.ring_full,
            sampled_out: self.sampled_out + other.sampled_out,
            retry_exhausted: self.retry_exhausted + other.retry_exhausted,
            rejected: self.rejected + other.rejected,
            shutdown: self.shutdown + other.shutdown,
        }
    }

    /// What there is more than in `part`, which is a part of it.
    #[must_use]
    pub const fn without(&self, part: &Self) -> Self {
        Self {
            ring_full: self.ring_full - part.ring_full,
            sampled_out: self.sampled_out - part.sampled_out,
            retry_exhausted: self.retry_exhausted - part.retry_exhausted,
            rejected: self.rejected - part.rejected,
            shutdown: self.shutdown - part.shutdown,
        }
    }

    /// Each reason by its name, in the order of the spec.
    #[must_use]
    pub const fn by_reason(&self) -> [(&'static str, u64); 5] {
        [
            ("ring_full", self.ring_full),
            ("sampled_out", self.sampled_out),
            ("retry_exhausted", self.retry_exhausted),
            ("rejected", self.rejected),
            ("shutdown", self.shutdown),
        ]
    }
}

/// What the audit log has counted; nothing where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditGauges {
    /// Lines on the disk.
    pub written: u64,
    /// Events that will not be written.
    pub lost: u64,
    /// Attempts to write that failed.
    pub failures: u64,
}

/// What the exporter to an OTLP receiver has counted; nothing where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct OtlpCounts {
    /// Messages with metrics.
    pub metrics: ExportedMessages,
    /// Messages with traces.
    pub traces: ExportedMessages,
    /// Spans that the receiver took.
    pub spans_exported: u64,
    /// Spans that it refused, of messages that it took.
    pub spans_refused: u64,
    /// Spans of messages that it did not take.
    pub spans_failed: u64,
    /// Spans for which there was no room while others waited.
    pub spans_queue_full: u64,
}

/// Attempts to have a message taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportedMessages {
    /// Those that were.
    pub exported: u64,
    /// Those that were not.
    pub failed: u64,
}

impl OtlpCounts {
    /// Messages by signal and outcome.
    #[must_use]
    pub const fn exports(&self) -> [([&'static str; 2], u64); 4] {
        [
            (["metrics", "exported"], self.metrics.exported),
            (["metrics", "failed"], self.metrics.failed),
            (["traces", "exported"], self.traces.exported),
            (["traces", "failed"], self.traces.failed),
        ]
    }

    /// Spans by outcome.
    #[must_use]
    pub const fn spans(&self) -> [(&'static str, u64); 4] {
        [
            ("exported", self.spans_exported),
            ("refused", self.spans_refused),
            ("export_failed", self.spans_failed),
            ("queue_full", self.spans_queue_full),
        ]
    }
}
