//! Every metric by name. Units stand in the name; a counter ends in `_total`.

/// A metric family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Name on the page.
    pub(super) name: &'static str,
    /// Prometheus type.
    pub(super) kind: &'static str,
    /// One sentence for the reader of the page.
    pub(super) help: &'static str,
}

macro_rules! families {
    ($($constant:ident = $name:literal, $kind:literal, $help:literal;)*) => {
        $(pub(super) const $constant: Family = Family { name: $name, kind: $kind, help: $help };)*
    };
}

families! {
    EVALUATIONS = "bidgate_evaluations_total", "counter", "Auctions judged, by verdict.";
    GATE_OUTCOMES = "bidgate_gate_outcomes_total", "counter", "What each gate decided, by status, reason code and mode.";
    EVALUATION_SECONDS = "bidgate_evaluation_seconds", "histogram", "Wall clock of one evaluation.";
    IN_FLIGHT = "bidgate_in_flight", "gauge", "Calls and stream messages held now.";
    SHED = "bidgate_shed_total", "counter", "Calls and stream messages refused because too many were in flight.";
    TOO_LARGE = "bidgate_too_large_total", "counter", "Messages above max_message_bytes.";
    MALFORMED = "bidgate_malformed_total", "counter", "Messages and payloads that could not be read.";
    INVALID_ARGUMENT = "bidgate_invalid_argument_total", "counter", "Calls with agent_id or tool out of range.";
    CONNECTIONS_OPEN = "bidgate_connections_open", "gauge", "Connections open now.";
    CONNECTIONS_REFUSED = "bidgate_connections_refused_total", "counter", "Connections closed at once for want of room.";
    LOG_LINES_SUPPRESSED = "bidgate_log_lines_suppressed_total", "counter", "Lines of the log not written: too many of one kind, or more than standard error took.";
    BUILD_INFO = "bidgate_build_info", "gauge", "Always 1; the label names the version.";
    POLICY_INFO = "bidgate_policy_info", "gauge", "Always 1; the label is the digest of the policy that judges.";
    POLICY_AGE = "bidgate_policy_age_seconds", "gauge", "Time since the policy that judges was loaded.";
    POLICY_RELOADS = "bidgate_policy_reloads_total", "counter", "Attempts to replace the policy, by outcome.";
    POLICY_FILE_ACCEPTED = "bidgate_policy_file_accepted", "gauge", "1 when the policy was last read without a problem, 0 when it was refused.";
    RESIDENT_MEMORY = "process_resident_memory_bytes", "gauge", "Resident memory.";
    CPU_SECONDS = "process_cpu_seconds_total", "counter", "User and system time.";
    OPEN_FDS = "process_open_fds", "gauge", "Open file descriptors.";
    START_TIME = "process_start_time_seconds", "gauge", "Start of the process, Unix time.";
}

/// Upper bounds of the evaluation histogram, in nanoseconds, and as the page writes them, in seconds. They span
/// from the parse of an empty auction to well past the default budget of 15 ms.
pub(super) const EVALUATION_BUCKETS: [(u64, &str); 15] = [
    (1_000, "0.000001"),
    (2_000, "0.000002"),
    (5_000, "0.000005"),
    (10_000, "0.00001"),
    (20_000, "0.00002"),
    (50_000, "0.00005"),
    (100_000, "0.0001"),
    (200_000, "0.0002"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_000_000, "0.002"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (15_000_000, "0.015"),
    (50_000_000, "0.05"),
];
