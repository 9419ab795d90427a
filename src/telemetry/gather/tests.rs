//! The account of events, through any order of what workers, the telemetry thread and the sink do.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_oneof, proptest};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::evaluate::{Call, Clock, Evaluator};
use crate::limits::{AGENT_ID_BYTES, CALLERS_MAX};
use crate::metrics::{Recorder, TelemetryGauges};
use crate::policy::Policy;
use crate::telemetry::batch::Drops;
use crate::telemetry::batcher::Rules;
use crate::telemetry::pen::Pen;
use crate::telemetry::record::RECORD_WORDS;
use crate::telemetry::ring::ring;
use crate::telemetry::seen::Hears;
use crate::wire::EvaluationIds;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A worker judges an auction of this kind under one of two policies.
    Judge {
        worker: usize,
        kind: usize,
        policy: usize,
    },
    /// The thread wakes up, with this many milliseconds gone and room for so many batches.
    Gather { after_ms: u64, room: usize },
    /// The sink is done with one of the batches that wait.
    Settle { batch: usize, outcome: Outcome },
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Delivered),
        1 => Just(Outcome::RetryExhausted),
        1 => Just(Outcome::Rejected),
    ];
    prop_oneof![
        6 => (0..WORKERS, 0..KINDS.len(), 0..2_usize)
            .prop_map(|(worker, kind, policy)| Step::Judge { worker, kind, policy }),
        2 => (0..40_u64, 0..3_usize).prop_map(|(after_ms, room)| Step::Gather { after_ms, room }),
        2 => (0..8_usize, outcome).prop_map(|(batch, outcome)| Step::Settle { batch, outcome }),
    ]
}

const WORKERS: usize = 2;
const RING_RECORDS: usize = 4;
const MAX_EVENTS: u64 = 3;
const MAX_AGE: Duration = Duration::from_millis(50);

/// Agent and bid response, one of each verdict that takes no time to reach.
const KINDS: [(&str, &str, &str); 4] = [
    (
        "a",
        "VERDICT_PASS",
        r#"{"seatbid":[{"bid":[{"id":"b","impid":"1","price":1,"adomain":["shop.co.uk"]}]}]}"#,
    ),
    (
        "a",
        "VERDICT_FAIL",
        r#"{"seatbid":[{"bid":[{"id":"b","impid":"9","price":1}]}]}"#,
    ),
    ("b", "VERDICT_NO_BID", "{}"),
    ("b", "VERDICT_ERROR", "{"),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_evaluation_is_accounted_for_at_each_step(
        steps in prop::collection::vec(step(), 0..120),
        rate in prop_oneof![Just(1.0), Just(0.5), Just(0.0)],
    ) {
        let mut world = World::new(rate);
        for step in steps {
            world.step(&step);
            world.check_identity();
        }
        world.finish();
        world.check_sums();
    }
}

struct Worker {
    pen: Pen,
    recorder: Recorder,
    evaluator: Evaluator,
    ids: EvaluationIds,
}

struct World {
    workers: Vec<Worker>,
    policies: [Policy; 2],
    gatherer: Gatherer,
    ledger: Arc<Ledger>,
    rate: f64,
    begin: Instant,
    elapsed: Duration,
    waiting: Vec<Batch>,
    closed: u64,
    /// What was evaluated, by agent and verdict.
    evaluated: BTreeMap<(String, String), u64>,
    /// What delivered batches say.
    delivered: Vec<Value>,
}

struct Stopped;

impl Clock for Stopped {
    fn arrived_unix_us(&self) -> u64 {
        1_760_000_000_000_000
    }
    fn elapsed_ns(&self) -> u64 {
        0
    }
}

impl World {
    fn new(rate: f64) -> Self {
        let (metrics, recorders) = Metrics::new(WORKERS);
        let (mut workers, mut rings, mut consumers) = (Vec::new(), Vec::new(), Vec::new());
        for (recorder, random) in recorders.into_iter().zip(7..) {
            let (producer, consumer) = ring(RING_RECORDS, RECORD_WORDS);
            rings.push(Arc::clone(producer.ring()));
            consumers.push(consumer);
            workers.push(Worker {
                pen: Pen::new(producer, Hears::All),
                recorder,
                evaluator: Evaluator::default(),
                ids: EvaluationIds::new(random),
            });
        }
        let policies = ["fail_fast: true", "fail_fast: false"]
            .map(|text| Policy::from_yaml(text, "t").unwrap());
        let names = Arc::new(GateNames::new(&policies[0]));
        names.add(&policies[1]);
        let begin = Instant::from_std(std::time::Instant::now());
        let rules = Rules {
            sender: "here".to_owned(),
            boot_id: Uuid::from_u128(5),
            max_events: MAX_EVENTS,
            max_age: MAX_AGE,
        };
        let ledger = Arc::new(Ledger::new("test", rings, Arc::default()));
        let batching = Batching::new(
            Batcher::new(rules, begin),
            Arc::clone(&ledger),
            Sampling { rate },
        );
        Self {
            workers,
            policies,
            gatherer: Gatherer::new(consumers, Vec::new(), metrics, names, Some(batching)),
            ledger,
            rate,
            begin,
            elapsed: Duration::ZERO,
            waiting: Vec::new(),
            closed: 0,
            evaluated: BTreeMap::new(),
            delivered: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Judge {
                worker,
                kind,
                policy,
            } => self.judge(worker, KINDS[kind], policy),
            Step::Gather { after_ms, room } => {
                self.elapsed += Duration::from_millis(after_ms);
                let closed = self.gatherer.gather(room, self.now());
                assert!(closed.len() <= room);
                self.wait(closed);
            }
            Step::Settle { batch, outcome } => self.settle(batch, outcome),
        }
    }

    fn now(&self) -> Moment {
        Moment {
            clock: self.begin + self.elapsed,
            unix_us: 1_760_000_000_000_000,
        }
    }

    fn judge(
        &mut self,
        worker: usize,
        (agent_id, verdict, response): (&str, &str, &str),
        policy: usize,
    ) {
        let call = Call {
            agent_id,
            bid_request: br#"{"id":"r","imp":[{"id":"1"}]}"#,
            bid_response: response.as_bytes(),
            elapsed_us: Some(0),
            ..Call::default()
        };
        let worker = &mut self.workers[worker];
        let evaluation = worker
            .evaluator
            .evaluate(&call, &self.policies[policy], &Stopped);
        let caller = worker.recorder.observe(&evaluation);
        worker
            .pen
            .offer(worker.ids.next_id(), caller, &evaluation, None);
        *self
            .evaluated
            .entry((agent_id.to_owned(), verdict.to_owned()))
            .or_default() += 1;
    }

    fn wait(&mut self, closed: Vec<Batch>) {
        for batch in closed {
            self.closed += 1;
            assert_eq!(batch.seq, self.closed);
            assert!(batch.events <= MAX_EVENTS);
            check_body(&batch);
            self.waiting.push(batch);
        }
    }

    fn settle(&mut self, batch: usize, outcome: Outcome) {
        if batch < self.waiting.len() {
            let batch = self.waiting.remove(batch);
            if outcome == Outcome::Delivered {
                self.delivered
                    .push(serde_json::from_slice(&batch.body).unwrap());
            }
            self.gatherer.settle(&Settled { batch, outcome });
        }
    }

    /// Offered is what was evaluated; in flight is what stands in rings, the open batch and those that wait.
    fn check_identity(&self) -> TelemetryGauges<'static> {
        let account = self.ledger.gauges();
        let waiting: u64 = self.waiting.iter().map(|batch| batch.events).sum();
        assert_eq!(account.offered, self.evaluated.values().sum::<u64>());
        assert_eq!(account.in_flight, self.gatherer.unsent() + waiting);
        let dropped = account.dropped.total();
        assert_eq!(
            account.offered,
            account.delivered + dropped + account.in_flight
        );
        account
    }

    /// The sink recovers and takes all that is left.
    fn finish(&mut self) {
        loop {
            while !self.waiting.is_empty() {
                self.settle(0, Outcome::Delivered);
            }
            let closed = self.gatherer.gather(8, self.now());
            self.wait(closed);
            let last = self.gatherer.close_early(self.now());
            if last.is_none() && self.waiting.is_empty() {
                return;
            }
            self.wait(last.into_iter().collect());
        }
    }

    /// What was delivered tells, in all, what was evaluated and what was dropped.
    fn check_sums(&self) {
        let account = self.check_identity();
        assert_eq!(account.in_flight, 0);
        let mut counts = BTreeMap::new();
        for count in self
            .delivered
            .iter()
            .flat_map(|batch| batch["counts"].as_array().unwrap())
        {
            let name = |key: &str| count[key].as_str().unwrap().to_owned();
            *counts
                .entry((name("agent_id"), name("verdict")))
                .or_default() += count["n"].as_u64().unwrap();
        }
        assert_eq!(counts, self.evaluated);
        let events: usize = self
            .delivered
            .iter()
            .map(|batch| batch["events"].as_array().unwrap().len())
            .sum();
        assert_eq!(events as u64, account.delivered);
        let sum = |reason: &str| -> u64 {
            self.delivered
                .iter()
                .map(|batch| batch["dropped"][reason].as_u64().unwrap())
                .sum()
        };
        let told = Drops {
            ring_full: sum("ring_full"),
            sampled_out: sum("sampled_out"),
            retry_exhausted: sum("retry_exhausted"),
            rejected: sum("rejected"),
            shutdown: sum("shutdown"),
        };
        assert_eq!(told, account.dropped);
        if self.rate >= 1.0 {
            assert_eq!(told.sampled_out, 0);
        }
    }
}

/// All events of a batch are of its policy; none but passes and no-bids can be missing.
fn check_body(batch: &Batch) {
    let body: Value = serde_json::from_slice(&batch.body).unwrap();
    assert_eq!(body["seq"], batch.seq);
    assert_eq!(body["batch_id"], batch.id.to_string());
    assert_eq!(
        body["events"].as_array().unwrap().len() as u64,
        batch.events
    );
    assert!(
        batch.events > 0
            || body["counts"] != Value::Array(Vec::new())
            || batch.dropped != Drops::default()
    );
}

#[test]
fn half_of_the_passes_are_recorded_by_a_rate_of_a_half() {
    let mut ids = EvaluationIds::new(0x5eed);
    let kept = (0..100_000)
        .filter(|_| fraction(ids.next_id()) < 0.5)
        .count();
    assert!((49_000..51_000).contains(&kept), "{kept}");
}

#[test]
fn nothing_is_told_of_nothing() {
    let mut world = World::new(1.0);
    for _ in 0..10 {
        world.step(&Step::Gather {
            after_ms: 1000,
            room: 8,
        });
    }
    assert_eq!(world.closed, 0);
}

#[test]
fn what_was_left_out_is_told_when_it_is_old() {
    let mut world = World::new(0.0);
    world.step(&Step::Judge {
        worker: 0,
        kind: 0,
        policy: 0,
    });
    world.step(&Step::Gather {
        after_ms: 1,
        room: 8,
    });
    assert!(world.waiting.is_empty());
    world.step(&Step::Gather {
        after_ms: 50,
        room: 8,
    });
    let [batch] = world.waiting.as_slice() else {
        panic!("{} batches", world.waiting.len());
    };
    assert_eq!((batch.events, batch.dropped.sampled_out), (0, 1));
    let body: Value = serde_json::from_slice(&batch.body).unwrap();
    assert_eq!(body["policy_version"], world.policies[1].version());
}

#[test]
fn a_batch_is_of_one_policy() {
    let mut world = World::new(1.0);
    for policy in [0, 0, 1, 0] {
        world.step(&Step::Judge {
            worker: 0,
            kind: 1,
            policy,
        });
    }
    world.step(&Step::Gather {
        after_ms: 50,
        room: 8,
    });
    world.step(&Step::Gather {
        after_ms: 50,
        room: 8,
    });
    let events: Vec<_> = world.waiting.iter().map(|batch| batch.events).collect();
    assert_eq!(events, [2, 1, 1]);
}

#[test]
fn counts_for_which_a_batch_has_no_room_are_told_by_those_behind_it() {
    let mut world = World::new(1.0);
    for number in 0..CALLERS_MAX {
        let agent_id = format!("{number:03}{}", "\0".repeat(AGENT_ID_BYTES - 3));
        for (_, verdict, response) in KINDS {
            world.judge(0, (&agent_id, verdict, response), 0);
        }
    }
    world.step(&Step::Gather {
        after_ms: 1,
        room: 8,
    });
    while world.gatherer.has_more_to_tell() {
        let closed = world.gatherer.close_early(world.now());
        world.wait(closed.into_iter().collect());
    }
    assert!(world.waiting.len() > 2, "{} batches", world.waiting.len());
    assert!(world.waiting.iter().all(|batch| batch.body.len() < 1 << 20));
    world.settle(0, Outcome::RetryExhausted);
    world.finish();
    world.check_sums();
}

#[test]
fn without_room_rings_fill_and_the_newest_is_dropped() {
    let mut world = World::new(1.0);
    for _ in 0..20 {
        world.step(&Step::Judge {
            worker: 0,
            kind: 1,
            policy: 0,
        });
        world.step(&Step::Gather {
            after_ms: 1,
            room: 0,
        });
    }
    let account = world.check_identity();
    // Three in the open batch, one that waits for a place, four in the ring.
    assert_eq!((account.in_flight, account.dropped.ring_full), (8, 12));
    world.finish();
    world.check_sums();
}
