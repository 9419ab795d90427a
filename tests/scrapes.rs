//! A scrape holds up no evaluation: recording goes on while one is held in the middle, and many of them lose nothing.
#![cfg(test)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::metrics::{CATALOG, Metrics, Recorder, RpcMethod, ServerGauges, Value};
use bidgate::policy::Policy;

mod tests {
    use super::*;

    #[test]
    fn recording_goes_on_while_a_scrape_is_held_at_each_of_its_samples() {
        let (metrics, recorders) = Metrics::new(1);
        let (recorded, scraped) = (AtomicU64::new(0), AtomicBool::new(false));
        let (mut samples, mut held_up) = (0, 0);
        thread::scope(|scope| {
            for recorder in recorders {
                let (recorded, scraped) = (&recorded, &scraped);
                scope.spawn(move || {
                    let mut worker = Worker::new(recorder);
                    while !scraped.load(Ordering::Relaxed) {
                        worker.record(AGENTS[0]);
                        recorded.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            metrics.collect(&ServerGauges::default(), &mut |_| {
                samples += 1;
                // One worker that waits is enough to know.
                if held_up == 0 && !grows(&recorded) {
                    held_up = samples;
                }
            });
            scraped.store(true, Ordering::Relaxed);
        });
        assert_eq!(held_up, 0, "sample {held_up} holds up the worker");
        assert!(samples > CATALOG.len(), "only {samples} samples");
        let recorded = recorded.load(Ordering::Relaxed);
        assert_eq!(Counted::scrape(&metrics), Counted::of(recorded));
    }

    #[test]
    fn every_scrape_of_a_tight_loop_adds_up_and_the_last_is_exact() {
        let (metrics, recorders) = Metrics::new(2);
        let recording = AtomicU64::new(2);
        let mut scrapes = 0;
        thread::scope(|scope| {
            for recorder in recorders {
                let recording = &recording;
                scope.spawn(move || {
                    let mut worker = Worker::new(recorder);
                    for number in 0..RECORDED {
                        worker.record(AGENTS[number % AGENTS.len()]);
                    }
                    recording.fetch_sub(1, Ordering::Relaxed);
                });
            }
            let mut before = Counted::default();
            while recording.load(Ordering::Relaxed) > 0 {
                let now = Counted::scrape(&metrics);
                assert_eq!(now.evaluations, now.by_agent);
                assert!(now.is_no_less_than(&before), "{before:?}, then {now:?}");
                before = now;
                scrapes += 1;
            }
        });
        assert!(scrapes > 1, "{scrapes} scrapes");
        let recorded = u64::try_from(RECORDED * 2).unwrap();
        assert_eq!(Counted::scrape(&metrics), Counted::of(recorded));
    }
}

/// What one scrape says, in sums.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    evaluations: u64,
    by_agent: u64,
    by_first_gate: u64,
    timed: u64,
    timed_ns: u64,
    answered: u64,
}

impl Counted {
    /// What there is to count of so many evaluations.
    const fn of(evaluations: u64) -> Self {
        Self {
            evaluations,
            by_agent: evaluations,
            by_first_gate: evaluations,
            timed: evaluations,
            timed_ns: evaluations * EVALUATION_NS,
            answered: evaluations,
        }
    }

    fn scrape(metrics: &Metrics) -> Self {
        let mut counted = Self::default();
        metrics.collect(&ServerGauges::default(), &mut |sample| match (
            sample.family.name,
            sample.value,
        ) {
            ("bidgate_evaluations_total", Value::Count(count)) => counted.evaluations += count,
            ("bidgate_agent_evaluations_total", Value::Count(count)) => {
                counted.by_agent += count;
            }
            ("bidgate_gate_outcomes_total", Value::Count(count))
                if sample.labels[0] == ("gate", "tmaxGuard") =>
            {
                counted.by_first_gate += count;
            }
            ("bidgate_evaluation_seconds", Value::Histogram(durations)) => {
                counted.timed += durations.counts.iter().sum::<u64>();
                counted.timed_ns += durations.sum_ns;
            }
            ("bidgate_rpc_seconds", Value::Histogram(durations)) => {
                counted.answered += durations.counts.iter().sum::<u64>();
            }
            _ => {}
        });
        counted
    }

    const fn is_no_less_than(&self, before: &Self) -> bool {
        self.evaluations >= before.evaluations
            && self.by_first_gate >= before.by_first_gate
            && self.timed >= before.timed
            && self.timed_ns >= before.timed_ns
            && self.answered >= before.answered
    }
}

/// What judges and records.
struct Worker {
    evaluator: Evaluator,
    policy: Policy,
    recorder: Recorder,
}

impl Worker {
    fn new(recorder: Recorder) -> Self {
        Self {
            evaluator: Evaluator::default(),
            policy: Policy::default(),
            recorder,
        }
    }

    /// One evaluation and its reply.
    fn record(&mut self, agent_id: &str) {
        let call = Call {
            agent_id,
            bid_request: b"{}",
            ..Call::default()
        };
        let evaluation = self.evaluator.evaluate(&call, &self.policy, &Stopped);
        self.recorder.observe(&evaluation);
        self.recorder.answered(RpcMethod::Evaluate, EVALUATION_NS);
    }
}

/// True as soon as a number of evaluations more have been recorded.
#[expect(clippy::disallowed_methods, reason = "a test that waits has a bound")]
fn grows(recorded: &AtomicU64) -> bool {
    let (before, since) = (recorded.load(Ordering::Relaxed), Instant::now());
    while recorded.load(Ordering::Relaxed) < before + 10 {
        if since.elapsed() > PATIENCE {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// A clock in which every evaluation takes as long.
struct Stopped;

impl Clock for Stopped {
    fn arrived_unix_us(&self) -> u64 {
        0
    }

    fn elapsed_ns(&self) -> u64 {
        EVALUATION_NS
    }
}

const AGENTS: [&str; 3] = ["eu", "us", "apac"];
const EVALUATION_NS: u64 = 3_000;
/// Evaluations of each worker.
const RECORDED: usize = 20_000;
/// Longer than it takes to record a few evaluations on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
