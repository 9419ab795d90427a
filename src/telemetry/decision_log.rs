//! Lines of the log about single evaluations: a sample, for people, of those in which something went wrong.
//!
//! A line holds nothing that telemetry may not hold (spec: telemetry §1). Who wants all of them wants a sink.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;

use super::json::{Hex, milliseconds};
use super::seen::{Hears, Listener, Seen, SeenGate};
use crate::log::{DECISIONS, Logger};
use crate::verdict::{GateStatus, Reason};

/// Logs some lines a second of what it is told, and how many it did not.
#[derive(Debug)]
pub struct DecisionLog {
    logger: Arc<Logger>,
    sample: Sample,
}

impl DecisionLog {
    /// As many lines as the logger says at the time.
    #[must_use]
    pub fn listener(logger: Arc<Logger>) -> Listener {
        let sample = Sample::default();
        let mut log = Self { logger, sample };
        Listener {
            hears: Hears::Notable,
            tell: Box::new(move |seen| log.observe(seen, now())),
        }
    }

    fn observe(&mut self, seen: &Seen<'_>, now: Instant) {
        let on = self.logger.level() >= LevelFilter::INFO;
        let lines = if on { self.logger.decisions() } else { 0 };
        if lines > 0
            && let Some(untold) = self.sample.take(lines, now)
        {
            tell(seen, untold);
        }
    }
}

fn tell(seen: &Seen<'_>, untold: u64) {
    tracing::info!(
        target: DECISIONS,
        evaluation_id = %Hex(seen.evaluation_id()),
        agent_id = seen.agent_id(),
        tool = seen.tool(),
        verdict = seen.verdict().name(),
        gates = gates(seen).as_str(),
        total_latency_ms = milliseconds(seen.total_ns()),
        policy_version = seen.policy_version().as_str(),
        untold,
        "decision"
    );
}

/// What failed or was warned of, with commas between the gates.
fn gates(seen: &Seen<'_>) -> String {
    let gates: Vec<String> = seen.gates().filter(found_fault).map(fault).collect();
    gates.join(", ")
}

fn found_fault(gate: &SeenGate<'_>) -> bool {
    matches!(
        gate.outcome.status,
        GateStatus::Failed | GateStatus::TimedOut
    )
}

/// Gate, reason and mode.
fn fault(SeenGate { name, outcome }: SeenGate<'_>) -> String {
    let status = outcome.status.name();
    let reason = outcome.reason.map_or(status, Reason::name);
    format!("{name} {reason} {}", outcome.mode.name())
}

#[expect(clippy::disallowed_methods, reason = "telemetry is at the edge")]
fn now() -> Instant {
    Instant::now()
}

/// The first lines of each second in which there are any.
#[derive(Debug, Default)]
struct Sample {
    began: Option<Instant>,
    told: u32,
    untold: u64,
}

impl Sample {
    /// How many were left out since the last one, if this one is to be told.
    fn take(&mut self, lines: u32, now: Instant) -> Option<u64> {
        let over = |began| now.saturating_duration_since(began) >= SECOND;
        if self.began.is_none_or(over) {
            self.began = Some(now);
            self.told = 0;
        }
        if self.told < lines {
            self.told += 1;
            Some(mem::take(&mut self.untold))
        } else {
            self.untold += 1;
            None
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_second_are_told_with_how_many_were_not() {
        let mut sample = Sample::default();
        let begin = now();
        let mut take = |ms| sample.take(2, begin + Duration::from_millis(ms));
        assert_eq!(
            [take(0), take(1), take(2), take(999)],
            [Some(0), Some(0), None, None]
        );
        assert_eq!(
            [take(1000), take(1000), take(1999)],
            [Some(2), Some(0), None]
        );
        assert_eq!(take(60_000), Some(1));
    }
}
