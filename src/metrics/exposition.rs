//! The page: Prometheus text format 0.0.4.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use super::catalog::{self, EVALUATION_BUCKETS, Family};
use super::cells::{Cells, Counter};
use super::{Metrics, PolicyGauges, ServerGauges, process};
use crate::callers::CallerId;
use crate::policy::GateSlot;
use crate::verdict::{GateMode, GateStatus, Reason, Verdict};

/// Writes every family.
pub(super) fn render(metrics: &Metrics, server: &ServerGauges<'_>) -> String {
    let workers = &metrics.workers;
    let mut page = Page(String::with_capacity(16 * 1024));
    page.evaluations(metrics);
    page.gate_outcomes(&metrics.gates, workers);
    page.evaluation_seconds(workers);
    page.single(catalog::IN_FLIGHT, server.in_flight);
    page.refusals(workers);
    page.single(catalog::CONNECTIONS_OPEN, server.connections_open);
    page.single(catalog::CONNECTIONS_REFUSED, server.connections_refused);
    page.single(catalog::LOG_LINES_SUPPRESSED, server.log_lines_suppressed);
    page.info(catalog::BUILD_INFO, env!("CARGO_PKG_VERSION"));
    page.policy(&server.policy);
    page.process();
    page.0
}

struct Page(String);

impl Page {
    fn evaluations(&mut self, metrics: &Metrics) {
        let family = self.family(catalog::EVALUATIONS);
        for verdict in Verdict::ALL {
            let callers = (0..CallerId::COUNT).map(CallerId::from_index);
            let value: u64 = callers
                .map(|caller| metrics.evaluations(caller, verdict))
                .sum();
            self.sample(family, &[("verdict", verdict.name())], value);
        }
    }

    fn gate_outcomes(&mut self, gates: &[&str], workers: &[Arc<Cells>]) {
        let family = self.family(catalog::GATE_OUTCOMES);
        for (slot, gate) in gates.iter().enumerate() {
            let slot =
                u16::try_from(slot).map_or(GateSlot::from_number(u16::MAX), GateSlot::from_number);
            for (mode, status, reason) in every_outcome() {
                let value = sum(workers, |cells| cells.outcome(slot, mode, status, reason));
                self.gate_outcome(family, gate, (mode, status, reason), value);
            }
        }
    }

    /// What has not happened is left out: most combinations of gate, status and reason cannot.
    fn gate_outcome(
        &mut self,
        family: Family,
        gate: &str,
        (mode, status, reason): Outcome,
        value: u64,
    ) {
        if value > 0 {
            let reason = reason.map_or("", Reason::name);
            let labels = [
                ("gate", gate),
                ("status", status.name()),
                ("reason", reason),
                ("mode", mode.name()),
            ];
            self.sample(family, &labels, value);
        }
    }

    fn evaluation_seconds(&mut self, workers: &[Arc<Cells>]) {
        let family = self.family(catalog::EVALUATION_SECONDS);
        let mut count = 0;
        let bounds = EVALUATION_BUCKETS
            .iter()
            .map(|(_, bound)| *bound)
            .chain(["+Inf"]);
        for (position, bound) in bounds.enumerate() {
            count += workers
                .iter()
                .map(|cells| cells.evaluation_seconds.bucket(position))
                .sum::<u64>();
            self.line(family.name, "_bucket", &[("le", bound)], count);
        }
        let sum_ns = workers
            .iter()
            .map(|cells| cells.evaluation_seconds.sum_ns())
            .sum();
        self.line(family.name, "_sum", &[], Seconds::from_ns(sum_ns));
        self.line(family.name, "_count", &[], count);
    }

    fn refusals(&mut self, workers: &[Arc<Cells>]) {
        self.single(catalog::SHED, sum(workers, |cells| &cells.shed));
        self.single(catalog::TOO_LARGE, sum(workers, |cells| &cells.too_large));
        let family = self.family(catalog::MALFORMED);
        self.sample(
            family,
            &[("payload", "bid_request")],
            sum(workers, |cells| &cells.malformed_bid_request),
        );
        self.sample(
            family,
            &[("payload", "bid_response")],
            sum(workers, |cells| &cells.malformed_bid_response),
        );
        self.sample(
            family,
            &[("payload", "message")],
            sum(workers, |cells| &cells.malformed_message),
        );
        self.single(
            catalog::INVALID_ARGUMENT,
            sum(workers, |cells| &cells.invalid_argument),
        );
    }

    fn policy(&mut self, policy: &PolicyGauges<'_>) {
        self.info(catalog::POLICY_INFO, policy.version);
        let age_ns = u64::try_from(policy.age.as_nanos()).unwrap_or(u64::MAX);
        self.single(catalog::POLICY_AGE, Seconds::from_ns(age_ns));
        let family = self.family(catalog::POLICY_RELOADS);
        self.sample(family, &[("outcome", "loaded")], policy.reloads);
        self.sample(family, &[("outcome", "refused")], policy.refusals);
        self.single(
            catalog::POLICY_FILE_ACCEPTED,
            u8::from(policy.file_accepted),
        );
    }

    /// What the system does not tell is left out.
    fn process(&mut self) {
        if let Some(bytes) = process::resident_memory_bytes() {
            self.single(catalog::RESIDENT_MEMORY, bytes);
        }
        if let Some(ticks) = process::cpu_ticks() {
            self.single(catalog::CPU_SECONDS, Seconds::from_ticks(ticks));
        }
        if let Some(fds) = process::open_fds() {
            self.single(catalog::OPEN_FDS, fds);
        }
        if let Some(start) = process::start_time_seconds() {
            self.single(catalog::START_TIME, start);
        }
    }

    fn info(&mut self, family: Family, version: &str) {
        let family = self.family(family);
        self.sample(family, &[("version", version)], 1);
    }

    fn single(&mut self, family: Family, value: impl Display) {
        let family = self.family(family);
        self.sample(family, &[], value);
    }

    fn family(&mut self, family: Family) -> Family {
        self.write(format_args!(
            "# HELP {} {}\n# TYPE {} {}\n",
            family.name, family.help, family.name, family.kind
        ));
        family
    }

    fn sample(&mut self, family: Family, labels: &[(&str, &str)], value: impl Display) {
        self.line(family.name, "", labels, value);
    }

    fn line(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.write(format_args!("{name}{suffix}"));
        for (position, (label, text)) in labels.iter().enumerate() {
            let before = if position == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{label}=\"{}\"", Escaped(text)));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        self.write(format_args!("{after} {value}\n"));
    }

    /// Writing to a string cannot fail.
    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).unwrap_or(());
    }
}

/// What is counted of a gate.
type Outcome = (GateMode, GateStatus, Option<Reason>);

fn every_outcome() -> impl Iterator<Item = Outcome> {
    let reasons = || Reason::ALL.iter().copied().map(Some).chain([None]);
    let statuses = || {
        GateMode::ALL
            .into_iter()
            .flat_map(|mode| GateStatus::ALL.map(|status| (mode, status)))
    };
    statuses().flat_map(move |(mode, status)| reasons().map(move |reason| (mode, status, reason)))
}

fn sum<'c>(workers: &'c [Arc<Cells>], counter: impl Fn(&'c Cells) -> &'c Counter) -> u64 {
    workers.iter().map(|cells| counter(cells).read()).sum()
}

/// A label value, with what the format reserves escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A duration as a decimal number of seconds, exact.
struct Seconds {
    whole: u64,
    nanos: u64,
}

impl Seconds {
    const fn from_ns(ns: u64) -> Self {
        Self {
            whole: ns / NS_PER_SECOND,
            nanos: ns % NS_PER_SECOND,
        }
    }

    const fn from_ticks(ticks: u64) -> Self {
        let nanos =
            (ticks % process::TICKS_PER_SECOND) * (NS_PER_SECOND / process::TICKS_PER_SECOND);
        Self {
            whole: ticks / process::TICKS_PER_SECOND,
            nanos,
        }
    }
}

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = format!("{:09}", self.nanos);
        match digits.trim_end_matches('0') {
            "" => write!(f, "{}", self.whole),
            fraction => write!(f, "{}.{fraction}", self.whole),
        }
    }
}

const NS_PER_SECOND: u64 = 1_000_000_000;
