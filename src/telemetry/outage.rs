//! A collector that is not there for an hour, in time that passes at once: what is kept, what is counted, and what it is told
//! when it is back.

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::Value;
    use tokio::runtime::{Builder as Runtime, LocalOptions};
    use tokio::time::{Instant, sleep};
    use uuid::Uuid;

    use crate::evaluate::{Call, Clock, Evaluator};
    use crate::metrics::{DroppedEvents, Metrics, Recorder, TelemetryGauges};
    use crate::policy::Policy;
    use crate::telemetry::batch::{Batch, Settled};
    use crate::telemetry::batcher::{Batcher, Moment, Rules};
    use crate::telemetry::delivery::{self, Attempts, Delivery};
    use crate::telemetry::gather::{Batching, Gatherer, Sampling};
    use crate::telemetry::ledger::Ledger;
    use crate::telemetry::names::GateNames;
    use crate::telemetry::pen::Pen;
    use crate::telemetry::record::RECORD_WORDS;
    use crate::telemetry::ring::ring;
    use crate::telemetry::seen::Hears;
    use crate::telemetry::sink::Attempt;
    use crate::wire::EvaluationIds;

    #[test]
    fn an_hour_without_a_collector_is_bounded_accounted_for_and_made_up() {
        let mut runtime = Runtime::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true);
        let runtime = runtime.build_local(LocalOptions::default()).unwrap();
        runtime.block_on(an_hour());
    }

    async fn an_hour() {
        let mut world = World::new();
        world.goes_on(Duration::from_secs(60)).await;
        let before = world.account();
        assert_eq!(before.dropped.total(), 0);
        assert!(before.delivered > 0);

        world.collector.down.set(true);
        world.goes_on(OUTAGE).await;
        let during = world.account();
        let evaluated = during.offered - before.offered;
        assert_eq!(evaluated, OUTAGE.as_secs() * EACH_SECOND);
        // What was on its way when it went is lost as well; nothing is delivered.
        assert_eq!(during.delivered, before.delivered);
        assert!(during.in_flight <= KEPT_MAX, "{during:?}");
        assert!(during.dropped.retry_exhausted > 0 && during.dropped.ring_full > 0);
        assert_eq!(of_other_causes(&during.dropped), 0, "{during:?}");
        assert!(world.bytes_max.get() <= PENDING_MAX * BATCH_BYTES_MAX);

        world.collector.down.set(false);
        world.goes_on(Duration::from_secs(300)).await;
        let after = world.account();
        // Those whose last attempt was under way, and those that found no room before it had failed.
        let lost_after = after.dropped.without(&during.dropped);
        let on_their_way = DELIVERY.concurrent as u64 * BATCH_EVENTS;
        assert!(lost_after.retry_exhausted <= on_their_way, "{lost_after:?}");
        assert!(
            lost_after.ring_full <= ATTEMPT.as_secs() * EACH_SECOND,
            "{lost_after:?}"
        );
        assert_eq!(of_other_causes(&lost_after), 0, "{lost_after:?}");
        assert!(after.delivered > during.delivered + 250 * EACH_SECOND);

        // Nothing is lost from here on; what has been told adds up to what was evaluated and what was dropped.
        world.goes_on(Duration::from_secs(60)).await;
        let end = world.finished().await;
        assert_eq!(end.dropped, after.dropped);
        assert_eq!(end.in_flight, 0);
        let told = world.collector.told.borrow();
        assert_eq!(told.evaluations, end.offered);
        assert_eq!(told.events, end.delivered);
        let dropped = end.dropped.by_reason();
        let dropped = dropped.map(|(reason, events)| (reason.to_owned(), events));
        assert_eq!(told.dropped, BTreeMap::from(dropped));
    }

    /// Than that nobody took them.
    fn of_other_causes(dropped: &DroppedEvents) -> u64 {
        dropped.sampled_out + dropped.rejected + dropped.shutdown
    }

    /// Takes batches, or is not there.
    #[derive(Clone, Debug, Default)]
    struct Collector {
        down: Rc<Cell<bool>>,
        told: Rc<RefCell<Told>>,
    }

    /// What the batches that were taken say together.
    #[derive(Clone, Debug, Default)]
    struct Told {
        evaluations: u64,
        events: u64,
        /// By reason.
        dropped: BTreeMap<String, u64>,
    }

    impl Attempts for Collector {
        async fn attempt(&self, batch: &Batch) -> Attempt {
            if self.down.get() {
                // As long as an attempt may take.
                sleep(ATTEMPT).await;
                return Attempt::Failed {
                    cause: "no answer in time".to_owned(),
                    retry_after: None,
                };
            }
            sleep(Duration::from_millis(20)).await;
            self.told.borrow_mut().add(batch);
            Attempt::Delivered
        }
    }

    impl Told {
        fn add(&mut self, batch: &Batch) {
            let body: Value = serde_json::from_slice(&batch.body).unwrap();
            let counts = body["counts"].as_array().unwrap();
            let counts = counts.iter().map(|count| count["n"].as_u64().unwrap());
            self.evaluations += counts.sum::<u64>();
            self.events += body["events"].as_array().unwrap().len() as u64;
            for (reason, events) in body["dropped"].as_object().unwrap() {
                *self.dropped.entry(reason.clone()).or_default() += events.as_u64().unwrap();
            }
        }
    }

    struct World {
        pen: Pen,
        recorder: Recorder,
        evaluator: Evaluator,
        ids: EvaluationIds,
        policy: Policy,
        gatherer: Gatherer,
        ledger: Arc<Ledger>,
        collector: Collector,
        delivery: Delivery<Collector>,
        /// Bodies that waited at one time.
        bytes_max: Cell<usize>,
        waiting: Vec<(Uuid, usize)>,
    }

    impl World {
        fn new() -> Self {
            let (metrics, mut recorders) = Metrics::new(1);
            let (producer, consumer) = ring(RING_RECORDS, RECORD_WORDS);
            let rings = vec![Arc::clone(producer.ring())];
            let ledger = Arc::new(Ledger::new("test", rings, Arc::default()));
            let policy = Policy::default();
            let names = Arc::new(GateNames::new(&policy));
            let rules = Rules {
                sender: "here".to_owned(),
                boot_id: Uuid::from_u128(5),
                max_events: BATCH_EVENTS,
                max_age: Duration::from_secs(5),
            };
            let batching = Batching::new(
                Batcher::new(rules, Instant::now()),
                Arc::clone(&ledger),
                Sampling { rate: 1.0 },
            );
            let collector = Collector::default();
            Self {
                pen: Pen::new(producer, Hears::All),
                recorder: recorders.pop().unwrap(),
                evaluator: Evaluator::default(),
                ids: EvaluationIds::new(7),
                policy,
                gatherer: Gatherer::new(vec![consumer], Vec::new(), metrics, names, Some(batching)),
                ledger,
                delivery: Delivery::new(collector.clone(), DELIVERY),
                collector,
                bytes_max: Cell::new(0),
                waiting: Vec::new(),
            }
        }

        /// Lets auctions be judged and records gathered for so long, as the telemetry thread does.
        async fn goes_on(&mut self, duration: Duration) {
            let ends = Instant::now() + duration;
            let mut next = Instant::now();
            while next < ends {
                for _ in 0..EACH_TICK {
                    self.judge();
                }
                self.gather();
                next += TICK;
                self.settle_until(next).await;
                let account = self.account();
                let dropped = account.dropped.total();
                assert_eq!(
                    account.offered,
                    account.delivered + dropped + account.in_flight
                );
                assert!(self.delivery.pending() <= PENDING_MAX);
            }
        }

        async fn settle_until(&mut self, moment: Instant) {
            while let Ok(settled) = tokio::time::timeout_at(moment, self.delivery.settled()).await {
                self.settle(&settled);
            }
        }

        fn settle(&mut self, settled: &Settled) {
            self.waiting.retain(|(id, _)| *id != settled.batch.id);
            self.gatherer.settle(settled);
        }

        fn gather(&mut self) {
            let now = Moment {
                clock: Instant::now(),
                unix_us: 1_760_000_000_000_000,
            };
            for batch in self.gatherer.gather(self.delivery.room(), now) {
                self.push(batch);
            }
        }

        fn push(&mut self, batch: Batch) {
            self.waiting.push((batch.id, batch.body.len()));
            let bytes = self.waiting.iter().map(|(_, bytes)| bytes).sum();
            self.bytes_max.set(self.bytes_max.get().max(bytes));
            self.delivery.push(batch);
        }

        fn judge(&mut self) {
            let call = Call {
                agent_id: "a",
                bid_request: br#"{"id":"r","imp":[{"id":"1"}]}"#,
                bid_response: br#"{"seatbid":[{"bid":[{"id":"b","impid":"9","price":1}]}]}"#,
                elapsed_us: Some(0),
                ..Call::default()
            };
            let evaluation = self.evaluator.evaluate(&call, &self.policy, &Stopped);
            let caller = self.recorder.observe(&evaluation);
            self.pen
                .offer(self.ids.next_id(), caller, &evaluation, None);
        }

        /// All that is left is delivered.
        async fn finished(&mut self) -> TelemetryGauges<'static> {
            let now = Moment {
                clock: Instant::now(),
                unix_us: 1_760_000_000_000_000,
            };
            self.gather();
            while let Some(batch) = self.gatherer.close_early(now) {
                self.push(batch);
                self.settle_until(Instant::now() + Duration::from_secs(1))
                    .await;
            }
            self.settle_until(Instant::now() + Duration::from_secs(60))
                .await;
            self.account()
        }

        fn account(&self) -> TelemetryGauges<'static> {
            self.ledger.gauges()
        }
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

    /// Of the collector, where it is not there.
    const ATTEMPT: Duration = Duration::from_secs(5);
    const BATCH_EVENTS: u64 = 100;
    const OUTAGE: Duration = Duration::from_secs(3600);
    /// Slower than the thread's, so that an hour has fewer of them.
    const TICK: Duration = Duration::from_millis(200);
    const EACH_TICK: u64 = 40;
    const EACH_SECOND: u64 = 5 * EACH_TICK;
    const RING_RECORDS: usize = 4096;
    const PENDING_MAX: usize = 64;
    /// As they are by default.
    const DELIVERY: delivery::Rules = delivery::Rules {
        concurrent: 4,
        pending_max: PENDING_MAX,
        retries: 1,
        retry_delay: Duration::from_secs(1),
    };
    /// A hundred events.
    const BATCH_BYTES_MAX: usize = 128 * 1024;
    /// Records in the ring, in the open batch and in those that wait.
    const KEPT_MAX: u64 = RING_RECORDS as u64 + 101 + 64 * 100;
}
