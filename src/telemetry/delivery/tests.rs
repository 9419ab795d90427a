//! Delivery against what the rules say of each attempt and each batch, in time that passes at once.

use std::cell::RefCell;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::*;
use crate::telemetry::batch::{Counts, Drops};

/// What happens to the batches of one run.
#[derive(Clone, Debug)]
struct Case {
    rules: Rules,
    batches: Vec<Script>,
    /// When the process has no more time.
    deadline: u64,
}

/// When a batch comes, and how its attempts go: how long each takes, and what comes of it.
#[derive(Clone, Debug)]
struct Script {
    comes: u64,
    attempts: Vec<(u64, Answer)>,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Deliver,
    Reject,
    /// And how many milliseconds to wait, if the sink says so.
    Fail(Option<u64>),
}

/// An attempt as it went, in milliseconds since the start of the run.
#[derive(Clone, Copy, Debug)]
struct Went {
    batch: usize,
    began: u64,
    ended: u64,
}

/// A batch as it went.
#[derive(Clone, Copy, Debug)]
struct End {
    batch: usize,
    at: u64,
    outcome: Outcome,
}

/// What was seen of a run.
#[derive(Debug)]
struct Run {
    pushed: Vec<u64>,
    attempts: Vec<Went>,
    ends: Vec<End>,
    retries: u64,
}

/// Does as it is told, and writes down when.
struct Scripted {
    start: Instant,
    batches: Vec<Script>,
    attempts: Rc<RefCell<Vec<Went>>>,
}

impl Scripted {
    fn now(&self) -> u64 {
        ms_since(self.start)
    }
}

impl Attempts for Scripted {
    async fn attempt(&self, batch: &Batch) -> Attempt {
        let index = batch.seq as usize;
        let mine = |went: &&Went| went.batch == index;
        let turn = self.attempts.borrow().iter().filter(mine).count();
        let (takes, answer) = self.batches[index].attempts[turn];
        let began = self.now();
        let place = self.attempts.borrow().len();
        self.attempts.borrow_mut().push(Went {
            batch: index,
            began,
            ended: u64::MAX,
        });
        sleep(Duration::from_millis(takes)).await;
        self.attempts.borrow_mut()[place].ended = self.now();
        let cause = "scripted".to_owned();
        match answer {
            Answer::Deliver => Attempt::Delivered,
            Answer::Reject => Attempt::Rejected { cause },
            Answer::Fail(wait) => Attempt::Failed {
                cause,
                retry_after: wait.map(Duration::from_millis),
            },
        }
    }
}

proptest! {
    #[test]
    fn every_attempt_and_every_batch_goes_by_the_rules(case in cases()) {
        let run = in_no_time(run(case.clone()));
        check(&case, &run);
    }
}

#[test]
fn a_batch_that_waits_for_its_retry_holds_up_no_other() {
    let case = Case {
        rules: rules(1, 1),
        batches: vec![
            script(0, [(10, Answer::Fail(Some(20_000))), (10, Answer::Deliver)]),
            script(0, [(10, Answer::Deliver)]),
        ],
        deadline: 60_000,
    };
    let run = in_no_time(run(case.clone()));
    check(&case, &run);
    let order: Vec<_> = run.ends.iter().map(|end| (end.batch, end.at)).collect();
    assert_eq!(order, [(1, 20), (0, 20_020)]);
}

#[test]
fn a_sink_may_ask_for_half_a_minute_and_no_more() {
    for (asked, waited) in [(0, 1000), (999, 1000), (7000, 7000), (3_600_000, 30_000)] {
        let case = Case {
            rules: rules(1, 1),
            batches: vec![script(
                0,
                [(5, Answer::Fail(Some(asked))), (5, Answer::Deliver)],
            )],
            deadline: 60_000,
        };
        let run = in_no_time(run(case.clone()));
        check(&case, &run);
        assert_eq!(run.attempts[1].began - run.attempts[0].ended, waited);
    }
}

#[test]
fn an_attempt_that_breaks_off_settles_its_batch() {
    struct Broken;
    impl Attempts for Broken {
        async fn attempt(&self, _: &Batch) -> Attempt {
            panic!("on purpose")
        }
    }
    let settled = in_no_time(async {
        let mut delivery = Delivery::new(Broken, rules(1, 1));
        delivery.push(batch(0));
        delivery.settled().await
    });
    assert_eq!(settled.outcome, Outcome::RetryExhausted);
}

#[test]
fn giving_up_ends_the_attempts_under_way() {
    #[derive(Clone, Default)]
    struct Held(Rc<()>);
    impl Attempts for Held {
        async fn attempt(&self, _: &Batch) -> Attempt {
            let _held = Rc::clone(&self.0);
            std::future::pending().await
        }
    }
    in_no_time(async {
        let sink = Held::default();
        let mut delivery = Delivery::new(sink.clone(), rules(1, 8));
        delivery.push(batch(0));
        delivery.push(batch(1));
        tokio::task::yield_now().await;
        assert_eq!(
            Rc::strong_count(&sink.0),
            4,
            "here, in delivery, and in two attempts"
        );
        let left = delivery.abandon();
        tokio::task::yield_now().await;
        assert_eq!(Rc::strong_count(&sink.0), 1);
        let outcomes: Vec<_> = left.iter().map(|settled| settled.outcome).collect();
        assert_eq!(outcomes, [Outcome::Shutdown; 2]);
    });
}

/// Lets batches come as they do, goes on until the deadline, and gives up what is left.
async fn run(case: Case) -> Run {
    let start = Instant::now();
    let attempts = Rc::default();
    let sink = Scripted {
        start,
        batches: case.batches.clone(),
        attempts: Rc::clone(&attempts),
    };
    let mut delivery = Delivery::new(sink, case.rules);
    let (mut pushed, mut ends) = (Vec::new(), Vec::new());
    let deadline = start + Duration::from_millis(case.deadline);
    let mut settle = |settled: Settled| {
        ends.push(End {
            batch: settled.batch.seq as usize,
            at: ms_since(start),
            outcome: settled.outcome,
        });
    };
    for (index, script) in case.batches.iter().enumerate() {
        let comes = start + Duration::from_millis(script.comes);
        loop {
            tokio::select! {
                biased;
                settled = delivery.settled() => settle(settled),
                () = sleep_until(comes), if delivery.has_room() => break,
            }
        }
        assert!(delivery.pending() < case.rules.pending_max);
        delivery.push(batch(index));
        pushed.push(ms_since(start));
    }
    while delivery.pending() > 0 {
        match timeout_at(deadline, delivery.settled()).await {
            Ok(settled) => settle(settled),
            Err(_) => break,
        }
    }
    let retries = delivery.retries();
    delivery.abandon().into_iter().for_each(settle);
    let attempts = attempts.borrow().clone();
    Run {
        pushed,
        attempts,
        ends,
        retries,
    }
}

/// Holds a run to the rules, one attempt after the other.
fn check(case: &Case, run: &Run) {
    let rules = case.rules;
    let end = run.ends.iter().map(|end| end.at).max().unwrap_or_default();
    let under_way = |at: u64| {
        let then = |went: &&Went| went.began <= at && at < went.ended.min(end + 1);
        run.attempts.iter().filter(then).count()
    };
    for went in &run.attempts {
        assert!(
            under_way(went.began) <= rules.concurrent,
            "too many at a time"
        );
    }
    // (ready, began): an attempt that may begin does, unless all turns are taken; who was ready first begins first.
    let mut turns = Vec::new();
    for (index, script) in case.batches.iter().enumerate() {
        let ends: Vec<_> = run.ends.iter().filter(|end| end.batch == index).collect();
        let [ended] = ends[..] else {
            panic!("batch {index} ended {} times", ends.len());
        };
        let went: Vec<_> = run
            .attempts
            .iter()
            .filter(|went| went.batch == index)
            .collect();
        let mut ready = run.pushed[index];
        let mut expected = None;
        for (turn, (takes, answer)) in script.attempts.iter().enumerate() {
            let Some(went) = went.get(turn) else {
                turns.push((ready, u64::MAX));
                break;
            };
            turns.push((ready, went.began));
            if went.ended == u64::MAX {
                break;
            }
            assert_eq!(went.ended - went.began, *takes);
            match answer {
                Answer::Deliver => expected = Some(Outcome::Delivered),
                Answer::Reject => expected = Some(Outcome::Rejected),
                Answer::Fail(_) if turn == rules.retries as usize => {
                    expected = Some(Outcome::RetryExhausted);
                }
                Answer::Fail(asked) => {
                    let asked = asked.unwrap_or(0).min(30_000);
                    ready = went.ended + asked.max(rules.retry_delay.as_millis() as u64);
                }
            }
            if expected.is_some() {
                assert_eq!(went.ended, ended.at, "batch {index} was settled late");
                assert_eq!(
                    run.attempts
                        .iter()
                        .filter(|went| went.batch == index)
                        .count(),
                    turn + 1
                );
                break;
            }
        }
        assert_eq!(
            ended.outcome,
            expected.unwrap_or(Outcome::Shutdown),
            "batch {index}"
        );
        if expected.is_none() {
            assert!(
                ended.at >= case.deadline,
                "batch {index} was given up early"
            );
        }
    }
    for (ready, began) in &turns {
        assert!(ready <= began);
        for at in *ready..(*began).min(end) {
            assert_eq!(
                under_way(at),
                rules.concurrent,
                "nobody used a turn at {at}"
            );
        }
    }
    turns.sort_unstable();
    for pair in turns.windows(2) {
        let [(ready, began), (later_ready, later_began)] = [pair[0], pair[1]];
        assert!(
            ready == later_ready || began <= later_began,
            "out of turn: {turns:?}"
        );
    }
    let firsts = case.batches.len() - unattempted(case, run);
    assert_eq!(run.retries as usize, run.attempts.len() - firsts);
}

fn unattempted(case: &Case, run: &Run) -> usize {
    let never = |index: &usize| run.attempts.iter().all(|went| went.batch != *index);
    (0..case.batches.len()).filter(never).count()
}

fn cases() -> impl Strategy<Value = Case> {
    let rules = (1..=3_usize, 1..=6_usize, 0..=3_u32, 0..=120_u64);
    let rules = rules.prop_map(|(concurrent, pending_max, retries, delay)| Rules {
        concurrent,
        pending_max,
        retries,
        retry_delay: Duration::from_millis(delay),
    });
    let answer = prop_oneof![
        2 => Just(Answer::Deliver),
        1 => Just(Answer::Reject),
        4 => proptest::option::of(0..=300_u64).prop_map(Answer::Fail),
        1 => Just(Answer::Fail(Some(40_000))),
    ];
    let attempts = proptest::collection::vec((0..=50_u64, answer), 4);
    let scripts = proptest::collection::vec((0..=200_u64, attempts), 1..=10);
    (rules, scripts, 0..=800_u64).prop_map(|(rules, mut scripts, deadline)| {
        scripts.sort_by_key(|(comes, _)| *comes);
        let batches = scripts.into_iter();
        Case {
            rules,
            batches: batches
                .map(|(comes, attempts)| Script { comes, attempts })
                .collect(),
            deadline,
        }
    })
}

fn script<const N: usize>(comes: u64, attempts: [(u64, Answer); N]) -> Script {
    Script {
        comes,
        attempts: attempts.to_vec(),
    }
}

fn rules(retries: u32, concurrent: usize) -> Rules {
    Rules {
        concurrent,
        pending_max: 64,
        retries,
        retry_delay: Duration::from_secs(1),
    }
}

fn batch(index: usize) -> Batch {
    Batch {
        id: Uuid::from_u128(index as u128),
        seq: index as u64,
        body: Bytes::new(),
        events: 1,
        counts: Counts::default(),
        dropped: Drops::default(),
    }
}

fn ms_since(start: Instant) -> u64 {
    start.elapsed().as_millis() as u64
}

fn in_no_time<T>(future: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true);
    let runtime = runtime.build_local(LocalOptions::default()).unwrap();
    runtime.block_on(future)
}
