//! Delivery: every batch is attempted, tried again where that may help, and settled (spec: telemetry §3).
//!
//! A batch is one task. It takes a turn for each attempt and gives it back before it waits for the next one, so a
//! collector that asks one batch to come again in half a minute holds up no other. Turns are given in the order in which
//! they were asked for. What is tried, and how often, is in [`Rules`]; what an attempt is, the sink knows.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{self, JoinSet};
use tokio::time::sleep;

use super::batch::{Batch, Outcome, Settled};
use super::sink::{Attempt, Sink};

/// What delivery asks of a sink.
pub(super) trait Attempts: 'static {
    /// Tries once to deliver a batch. Dropping the future gives the attempt up.
    fn attempt(&self, batch: &Batch) -> impl Future<Output = Attempt>;
}

impl Attempts for Sink {
    async fn attempt(&self, batch: &Batch) -> Attempt {
        Self::attempt(self, batch).await
    }
}

/// How often, how many at a time, and how long between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Attempts under way at the same time, at least 1.
    pub(super) concurrent: usize,
    /// Batches not settled, at least 1. There is no room for more.
    pub(super) pending_max: usize,
    /// Attempts after the first.
    pub(super) retries: u32,
    /// From the end of an attempt to the start of the next, at least; a longer Retry-After wins.
    pub(super) retry_delay: Duration,
}

/// The longest that a collector may ask us to wait (spec: telemetry §3).
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// The batches that are not settled, and the attempts at them.
#[derive(Debug)]
pub(super) struct Delivery<S> {
    sink: Rc<S>,
    rules: Rules,
    turns: Rc<Semaphore>,
    tasks: JoinSet<End>,
    /// In the order in which they came, each with the task that is on it.
    pending: Vec<(task::Id, Rc<Batch>)>,
    retried: Rc<Cell<u64>>,
}

impl<S: Attempts> Delivery<S> {
    /// Delivers to `sink` by `rules`. Runs on the local runtime of its thread.
    pub(super) fn new(sink: S, rules: Rules) -> Self {
        Self {
            sink: Rc::new(sink),
            rules,
            turns: Rc::new(Semaphore::new(rules.concurrent)),
            tasks: JoinSet::new(),
            pending: Vec::with_capacity(rules.pending_max),
            retried: Rc::default(),
        }
    }

    /// Batches that are not settled.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Batches that may be submitted now.
    pub(super) fn room(&self) -> usize {
        self.rules.pending_max.saturating_sub(self.pending())
    }

    /// Whether one more batch may be submitted.
    pub(super) fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// Second and further attempts so far, of all batches.
    pub(super) fn retries(&self) -> u64 {
        self.retried.get()
    }

    /// Takes a batch, for which [`Self::has_room`] must be true.
    pub(super) fn push(&mut self, batch: Batch) {
        debug_assert!(self.has_room(), "a batch without room for it");
        let batch = Rc::new(batch);
        let way = Way {
            sink: Rc::clone(&self.sink),
            batch: Rc::clone(&batch),
            turns: Rc::clone(&self.turns),
            rules: self.rules,
            retried: Rc::clone(&self.retried),
        };
        let id = self.tasks.spawn_local(way.walk()).id();
        self.pending.push((id, batch));
    }

    /// Waits until a batch is settled; for ever when none is pending. Loses nothing when it is dropped early.
    pub(super) async fn settled(&mut self) -> Settled {
        loop {
            let (id, end) = match self.tasks.join_next_with_id().await {
                Some(Ok(ended)) => ended,
                Some(Err(error)) => (error.id(), End::because(Outcome::RetryExhausted, BROKEN)),
                None => std::future::pending().await,
            };
            if let Some(batch) = self.take(id) {
                return settle(batch, &end);
            }
        }
    }

    /// Gives up what is pending, and the attempts at it.
    pub(super) fn abandon(self) -> Vec<Settled> {
        drop(self.tasks);
        let end = End::because(Outcome::Shutdown, ENDED);
        let left = self.pending.into_iter();
        left.map(|(_, batch)| settle(batch, &end)).collect()
    }

    fn take(&mut self, id: task::Id) -> Option<Rc<Batch>> {
        let index = self.pending.iter().position(|(task, _)| *task == id)?;
        Some(self.pending.remove(index).1)
    }
}

/// How a batch ended, and why, for the log.
#[derive(Debug)]
struct End {
    outcome: Outcome,
    cause: String,
}

impl End {
    fn because(outcome: Outcome, cause: impl Into<String>) -> Self {
        let cause = cause.into();
        Self { outcome, cause }
    }
}

const BROKEN: &str = "the attempt broke off";
const ENDED: &str = "the process ends";

/// A batch's way from its first attempt to the last.
#[derive(Debug)]
struct Way<S> {
    sink: Rc<S>,
    batch: Rc<Batch>,
    turns: Rc<Semaphore>,
    rules: Rules,
    /// Of all batches.
    retried: Rc<Cell<u64>>,
}

impl<S: Attempts> Way<S> {
    async fn walk(self) -> End {
        let mut retries = 0;
        loop {
            let (cause, retry_after) = match self.attempt(retries > 0).await {
                Attempt::Delivered => return End::because(Outcome::Delivered, ""),
                Attempt::Rejected { cause } => return End::because(Outcome::Rejected, cause),
                Attempt::Failed { cause, retry_after } => (cause, retry_after),
            };
            if retries == self.rules.retries {
                return End::because(Outcome::RetryExhausted, cause);
            }
            retries += 1;
            let wait = self.wait(retry_after);
            tracing::debug!(batch = %self.batch.id, cause, ?wait, "telemetry batch failed, to be tried again");
            sleep(wait).await;
        }
    }

    async fn attempt(&self, again: bool) -> Attempt {
        // The turns are never closed, so there is one.
        let _turn = self.turns.acquire().await;
        self.retried.set(self.retried.get() + u64::from(again));
        self.sink.attempt(&self.batch).await
    }

    fn wait(&self, retry_after: Option<Duration>) -> Duration {
        let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        self.rules.retry_delay.max(asked)
    }
}

/// Never silent (spec: telemetry §3): what is not delivered is in the log, as in the counters and the next batch.
fn settle(batch: Rc<Batch>, end: &End) -> Settled {
    let End { outcome, cause } = end;
    if *outcome != Outcome::Delivered {
        let (id, events) = (batch.id, batch.events);
        tracing::warn!(batch = %id, events, ?outcome, cause, "telemetry batch dropped");
    }
    Settled {
        batch: Rc::unwrap_or_clone(batch),
        outcome: *outcome,
    }
}

#[cfg(test)]
mod tests;
