//! Delivery against what the rules say of each attempt and each batch, in time that passes at once.

#![expect(
    clippy::result_large_err,
    reason = "the error of a property is not ours to shrink"
)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
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
    retries: usize,
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
        let index = number(batch.seq);
        let mine = |went: &&Went| went.batch == index;
        let turn = self.attempts.borrow().iter().filter(mine).count();
        let (takes, answer) = self.batches[index].attempts[turn];
        let began = self.now();
        let place = self.attempts.borrow().len();
        self.attempts.borrow_mut().push(Went {
            batch: index,
            began,
            ended: NEVER,
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
        task::yield_now().await;
        assert_eq!(
            Rc::strong_count(&sink.0),
            4,
            "here, in delivery, and in two attempts"
        );
        let left = delivery.abandon();
        task::yield_now().await;
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
            batch: number(settled.batch.seq),
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
    let retries = number(delivery.retries());
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
    let mut turns = Vec::new();
    for (index, script) in case.batches.iter().enumerate() {
        check_batch(index, script, case, run, &mut turns);
    }
    check_turns(turns, case.rules.concurrent, run);
    let attempted: BTreeSet<_> = run.attempts.iter().map(|went| went.batch).collect();
    assert_eq!(run.retries, run.attempts.len() - attempted.len());
}

/// A batch ends once, as the last of its attempts did, and at that moment; or at the deadline. Says when each of its
/// attempts might have begun, and when it did.
fn check_batch(index: usize, script: &Script, case: &Case, run: &Run, turns: &mut Vec<(u64, u64)>) {
    let ends: Vec<_> = run.ends.iter().filter(|end| end.batch == index).collect();
    let [end] = ends[..] else {
        panic!("batch {index} ended {} times", ends.len());
    };
    let mut went = run.attempts.iter().filter(|went| went.batch == index);
    let mut ready = run.pushed[index];
    for (retries, (takes, answer)) in script.attempts.iter().enumerate() {
        let attempt = went.next();
        turns.push((ready, attempt.map_or(NEVER, |went| went.began)));
        let Some(Went { began, ended, .. }) = attempt.filter(|went| went.ended < NEVER) else {
            assert_eq!(end.outcome, Outcome::Shutdown, "batch {index}");
            assert!(end.at >= case.deadline, "batch {index} was given up early");
            return;
        };
        assert_eq!(ended - began, *takes);
        match outcome(*answer, retries, case.rules) {
            Ok(outcome) => {
                assert_eq!((end.outcome, end.at), (outcome, *ended), "batch {index}");
                assert!(went.next().is_none(), "batch {index} goes on");
                return;
            }
            Err(wait) => ready = ended + wait,
        }
    }
}

/// What ends a batch, or how long it waits for its next attempt.
fn outcome(answer: Answer, retries: usize, rules: Rules) -> Result<Outcome, u64> {
    match answer {
        Answer::Deliver => Ok(Outcome::Delivered),
        Answer::Reject => Ok(Outcome::Rejected),
        Answer::Fail(_) if retries == number(rules.retries) => Ok(Outcome::RetryExhausted),
        Answer::Fail(asked) => {
            let asked = asked.unwrap_or(0).min(30_000);
            Err(asked.max(ms(rules.retry_delay)))
        }
    }
}

/// An attempt that may begin does, unless all turns are taken; who may begin first does.
fn check_turns(mut turns: Vec<(u64, u64)>, concurrent: usize, run: &Run) {
    let end = run.ends.iter().map(|end| end.at).max().unwrap_or_default();
    let under_way = |at: u64| {
        let then = |went: &&Went| went.began <= at && at < went.ended;
        run.attempts.iter().filter(then).count()
    };
    for (ready, began) in &turns {
        assert!(ready <= began);
        assert!(
            *began == NEVER || under_way(*began) <= concurrent,
            "too many at {began}"
        );
        for at in *ready..(*began).min(end) {
            assert_eq!(under_way(at), concurrent, "nobody used a turn at {at}");
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
    ms(start.elapsed())
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

fn number(number: impl TryInto<usize, Error: Debug>) -> usize {
    number.try_into().unwrap()
}

/// The end of an attempt that was given up, and the beginning of one that was not made.
const NEVER: u64 = u64::MAX;

fn in_no_time<T>(future: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true);
    let runtime = runtime.build_local(LocalOptions::default()).unwrap();
    runtime.block_on(future)
}
