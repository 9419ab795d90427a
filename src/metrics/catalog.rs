//! Every metric family, in one table. Units stand in the name; a counter ends in `_total`.

/// A metric family: what all its samples have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Name, with its unit.
    pub name: &'static str,
    /// What its samples are.
    pub kind: Kind,
    /// Names of the labels that every sample has, in this order.
    pub labels: &'static [&'static str],
    /// One sentence for the reader of the page.
    pub help: &'static str,
}

/// What the samples of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows, and begins at 0 when the process does.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations by size.
    Histogram,
}

impl Kind {
    /// The word for it in Prometheus text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal $labels:tt, $help:literal;)*) => {
        $(
            pub(crate) const $constant: Family =
                Family { name: $name, kind: Kind::$kind, labels: &$labels, help: $help };
        )*

        /// Every family, in the order in which they are collected.
        pub const CATALOG: &[Family] = &[$($constant),*];
    };
}

families! {
    EVALUATIONS = Counter "bidgate_evaluations_total" ["verdict"], "Auctions judged, by verdict.";
    AGENT_EVALUATIONS = Counter "bidgate_agent_evaluations_total" ["agent_id", "tool", "verdict"], "Auctions judged, by caller and verdict; callers for whom there is no room count as other.";
    GATE_OUTCOMES = Counter "bidgate_gate_outcomes_total" ["gate", "status", "reason", "mode"], "What each gate decided, by status, reason code and mode.";
    EVALUATION_SECONDS = Histogram "bidgate_evaluation_seconds" [], "Wall clock of one evaluation.";
    RPC_SECONDS = Histogram "bidgate_rpc_seconds" ["method"], "From the arrival of a call, or of a whole message of a stream, to its reply handed over to be sent.";
    EVALUATION_BUDGET = Gauge "bidgate_evaluation_budget_seconds" [], "What the policy allows one evaluation to take.";
    IN_FLIGHT = Gauge "bidgate_in_flight" [], "Calls and stream messages held now.";
    MAX_IN_FLIGHT = Gauge "bidgate_max_in_flight" [], "Calls and stream messages that may be held at a time.";
    SHED = Counter "bidgate_shed_total" [], "Calls and stream messages refused because too many were in flight, or they had waited too long.";
    UNREAD = Counter "bidgate_unread_total" [], "Calls and streams refused because their connection left too many bytes of replies unread.";
    TOO_LARGE = Counter "bidgate_too_large_total" [], "Messages above max_message_bytes.";
    MALFORMED = Counter "bidgate_malformed_total" ["payload"], "Messages and payloads that could not be read.";
    INVALID_ARGUMENT = Counter "bidgate_invalid_argument_total" [], "Calls with agent_id or tool out of range.";
    CONNECTIONS_OPEN = Gauge "bidgate_connections_open" [], "Connections open now.";
    CONNECTIONS_REFUSED = Counter "bidgate_connections_refused_total" [], "Connections closed at once for want of room.";
    UNIX_TURNED_AWAY = Counter "bidgate_unix_connections_turned_away_total" [], "Connections to Unix sockets closed at once because their user is not in unix_allowed_uids.";
    TLS_HANDSHAKES = Counter "bidgate_tls_handshakes_total" ["outcome"], "TLS handshakes that have ended, by outcome.";
    TLS_NOT_AFTER = Gauge "bidgate_tls_certificate_not_after_seconds" [], "When the certificate ends, Unix time.";
    TLS_RELOADS = Counter "bidgate_tls_reloads_total" ["outcome"], "Attempts to replace the certificate, by outcome.";
    TLS_FILES_ACCEPTED = Gauge "bidgate_tls_files_accepted" [], "1 when the files of TLS were last read without a problem, 0 when they were refused.";
    ADMIN_TURNED_AWAY = Counter "bidgate_admin_requests_turned_away_total" ["reason"], "Requests to the admin address that were refused for their host or their sender.";
    BUILD_INFO = Gauge "bidgate_build_info" ["version"], "Always 1; the label names the version.";
    POLICY_INFO = Gauge "bidgate_policy_info" ["version"], "Always 1; the label is the digest of the policy that judges.";
    POLICY_AGE = Gauge "bidgate_policy_age_seconds" [], "Time since the policy that judges was loaded.";
    POLICY_RELOADS = Counter "bidgate_policy_reloads_total" ["outcome"], "Attempts to replace the policy, by outcome.";
    POLICY_FILE_ACCEPTED = Gauge "bidgate_policy_file_accepted" [], "1 when the policy was last read without a problem, 0 when it was refused.";
    TELEMETRY_INFO = Gauge "bidgate_telemetry_info" ["sink"], "Always 1; the label names where records go.";
    TELEMETRY_OFFERED = Counter "bidgate_telemetry_events_offered_total" [], "Evaluations offered to telemetry: delivered, dropped and in flight together.";
    TELEMETRY_DELIVERED = Counter "bidgate_telemetry_events_delivered_total" [], "Events that the sink has taken.";
    TELEMETRY_DROPPED = Counter "bidgate_telemetry_events_dropped_total" ["reason"], "Events that will not be delivered, by reason.";
    TELEMETRY_IN_FLIGHT = Gauge "bidgate_telemetry_events_in_flight" [], "Events neither delivered nor dropped yet.";
    TELEMETRY_PENDING = Gauge "bidgate_telemetry_batches_pending" [], "Batches that wait for their delivery, or are being delivered.";
    TELEMETRY_BATCHES = Counter "bidgate_telemetry_batches_delivered_total" [], "Batches that the sink has taken.";
    TELEMETRY_RETRIES = Counter "bidgate_telemetry_retries_total" [], "Attempts to deliver a batch after one that failed.";
    TELEMETRY_ROTATION_FAILURES = Counter "bidgate_telemetry_rotation_failures_total" [], "Attempts to rotate the full file of sink file that failed; it takes no line until one succeeds.";
    PANICS = Counter "bidgate_panics_total" [], "Panics; each ended the call, the connection or the thread in which it happened.";
    THREADS_LOST = Gauge "bidgate_background_threads_lost" ["thread"], "1 when a panic has ended this thread in the background, and its work stands still.";
    LOG_LINES_SUPPRESSED = Counter "bidgate_log_lines_suppressed_total" [], "Lines of the log not written: too many of one kind, or more than standard error took.";
    OTLP_EXPORTS = Counter "bidgate_otlp_exports_total" ["signal", "outcome"], "Attempts to have an OTLP receiver take a message.";
    OTLP_SPANS = Counter "bidgate_otlp_spans_total" ["outcome"], "Spans of sampled evaluations, by what became of them.";
    AUDIT_EVENTS = Counter "bidgate_audit_events_total" ["outcome"], "Events of the audit log, by what became of them.";
    AUDIT_FAILURES = Counter "bidgate_audit_write_failures_total" [], "Attempts to write the audit log that failed.";
    RESIDENT_MEMORY = Gauge "process_resident_memory_bytes" [], "Resident memory.";
    OPEN_FDS = Gauge "process_open_fds" [], "Open file descriptors.";
    MAX_FDS = Gauge "process_max_fds" [], "File descriptors that may be open.";
    THREADS = Gauge "process_threads" [], "Threads.";
    CPU_SECONDS = Counter "process_cpu_seconds_total" [], "User and system time.";
    START_TIME = Gauge "process_start_time_seconds" [], "Start of the process, Unix time.";
}
