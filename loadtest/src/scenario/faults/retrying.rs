//! Callers as they should be: several sidecars to call, and another attempt where one fails.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::stage::runtime;
use crate::client::Method;
use crate::client::connection::{Broken, Connection};
use crate::error::Error;
use crate::messages::Messages;
use crate::tally::Answer;
use crate::target::Target;

/// What came of calls that are tried again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    /// Calls that were answered with a verdict, at the first attempt or a later one.
    pub(super) answered: u64,
    /// Calls of which every attempt failed.
    pub(super) failed: u64,
    /// Attempts that no sidecar has looked at: not connected, or said to be left out.
    pub(super) untouched: u64,
    /// Attempts that a sidecar refused with a status.
    pub(super) refused: u64,
    /// Attempts that were under way when their connection broke: a sidecar may have accepted them.
    pub(super) broken: u64,
}

/// Calls these sidecars by turns until told to stop.
pub(super) fn call_until(
    targets: &[Target],
    messages: &Messages,
    stop: &Arc<AtomicBool>,
) -> Result<Tried, Error> {
    let runtime = runtime()?;
    let callers = Rc::new(Callers {
        lines: targets.iter().cloned().map(Line::new).collect(),
        messages: messages.clone(),
        next: Cell::new(0),
        tried: Cell::default(),
        stop: Arc::clone(stop),
    });
    runtime.block_on(async {
        let mut all = JoinSet::new();
        for _ in 0..CALLERS {
            all.spawn_local(Rc::clone(&callers).call_all());
        }
        while all.join_next().await.is_some() {}
    });
    Ok(callers.tried.get())
}

#[derive(Debug)]
struct Callers {
    lines: Vec<Line>,
    messages: Messages,
    next: Cell<usize>,
    tried: Cell<Tried>,
    stop: Arc<AtomicBool>,
}

impl Callers {
    async fn call_all(self: Rc<Self>) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.replace(self.next.get() + 1);
            let answered = self.call(number).await;
            self.count(|tried| {
                tried.answered += u64::from(answered);
                tried.failed += u64::from(!answered);
            });
            sleep(PAUSE).await;
        }
    }

    /// One call, each attempt at the next sidecar.
    async fn call(&self, number: usize) -> bool {
        let lines = self.lines.iter().cycle().skip(number % self.lines.len());
        for line in lines.take(ATTEMPTS) {
            match line.attempt(self.messages.message(number)).await {
                Ok(Answer::Verdict(_)) => return true,
                Ok(Answer::Status(_) | Answer::Broken | Answer::None) => {
                    self.count(|tried| tried.refused += 1);
                }
                Err(Broken { untouched }) => self.count(|tried| {
                    tried.untouched += u64::from(untouched);
                    tried.broken += u64::from(!untouched);
                }),
            }
            sleep(RETRY_PAUSE).await;
        }
        false
    }

    fn count(&self, add: impl FnOnce(&mut Tried)) {
        let mut tried = self.tried.get();
        add(&mut tried);
        self.tried.set(tried);
    }
}

/// The way to one sidecar, opened again when it breaks.
#[derive(Debug)]
struct Line {
    target: Target,
    open: RefCell<Option<(u64, Connection)>>,
    opened: Cell<u64>,
}

impl Line {
    fn new(target: Target) -> Self {
        Self {
            target,
            open: RefCell::default(),
            opened: Cell::default(),
        }
    }

    async fn attempt(&self, message: Bytes) -> Result<Answer, Broken> {
        let (number, mut connection) = self.connection().await?;
        let answer = connection.call(message).await;
        if answer.is_err() {
            self.forget(number);
        }
        answer
    }

    async fn connection(&self) -> Result<(u64, Connection), Broken> {
        let open = self.open.borrow().clone();
        if let Some(open) = open {
            return Ok(open);
        }
        let opening = Connection::open(&self.target, Method::Evaluate.path());
        let unsent = Broken { untouched: true };
        let connection = timeout(CONNECT_PATIENCE, opening).await;
        let connection = connection
            .map_err(|_late| unsent)?
            .map_err(|_error| unsent)?;
        self.opened.set(self.opened.get() + 1);
        let open = (self.opened.get(), connection);
        *self.open.borrow_mut() = Some(open.clone());
        Ok(open)
    }

    /// Another caller may have opened it again.
    fn forget(&self, number: u64) {
        let mut open = self.open.borrow_mut();
        if open.as_ref().is_some_and(|(opened, _)| *opened == number) {
            *open = None;
        }
    }
}

/// Each with one call at a time.
const CALLERS: usize = 16;
const PAUSE: Duration = Duration::from_millis(2);
/// Of one call: with the pauses, longer than a connection takes to be refused and less than an auction lasts.
const ATTEMPTS: usize = 8;
const RETRY_PAUSE: Duration = Duration::from_millis(5);
const CONNECT_PATIENCE: Duration = Duration::from_millis(500);
