//! More calls than a sidecar can answer, each with a deadline, as bidders make them.

use std::cell::{Cell, RefCell};
use std::num::NonZero;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::stage::runtime;
use crate::client::Method;
use crate::client::connection::Connection;
use crate::clock;
use crate::error::Error;
use crate::interrupt;
use crate::messages::Messages;
use crate::tally::{Answer, Latencies};
use crate::target::Target;

/// How many calls, and how long each may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) calls_per_second: NonZero<u64>,
    pub(super) connections: usize,
    /// A call that has no answer by then is cancelled.
    pub(super) deadline: Duration,
    /// Sent and not counted.
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Flood {
    /// Calls that were sent in the time that counts.
    pub(super) sent: u64,
    /// With a verdict, before their deadline.
    pub(super) answered: u64,
    /// With `RESOURCE_EXHAUSTED`.
    pub(super) shed: u64,
    /// Cancelled at their deadline.
    pub(super) late: u64,
    /// Anything else.
    pub(super) broken: u64,
    /// From the sending to the verdict.
    pub(super) answered_after: Latencies,
    /// From the sending to the refusal.
    pub(super) shed_after: Latencies,
    pub(super) seconds: f64,
}

/// Sends as many calls as are offered, answers or not.
pub(super) fn flood(target: &Target, messages: &Messages, offer: Offer) -> Result<Flood, Error> {
    let runtime = runtime()?;
    let flooding = runtime.block_on(async {
        let mut connections = Vec::new();
        for _ in 0..offer.connections {
            connections.push(Connection::open(target, Method::Evaluate.path()).await?);
        }
        let flooding = Rc::new(Flooding::new(offer)?);
        send_all(&flooding, &connections, messages, offer).await;
        Ok::<_, Error>(flooding)
    });
    drop(runtime);
    Ok(Rc::try_unwrap(flooding?)
        .map_err(|_held| Error::Generator)?
        .told())
}

/// Calls of each grain of time go out together.
async fn send_all(
    flooding: &Rc<Flooding>,
    connections: &[Connection],
    messages: &Messages,
    offer: Offer,
) {
    let mut grains = interval(GRAIN);
    grains.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut calls = JoinSet::new();
    let mut sent = 0;
    let mut lines = connections.iter().cycle();
    while clock::now() < flooding.closes && !interrupt::came() {
        grains.tick().await;
        let since = flooding.begins.elapsed().as_secs_f64();
        while share(sent, offer.calls_per_second) < since {
            sent += 1;
            if let Some(line) = lines.next() {
                let (line, message) = (line.clone(), messages.message(sent));
                calls.spawn_local(Rc::clone(flooding).call(line, message));
            }
        }
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
}

/// Seconds in which so many calls are due.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
fn share(sent: usize, calls_per_second: NonZero<u64>) -> f64 {
    sent as f64 / calls_per_second.get() as f64
}

#[derive(Debug)]
struct Flooding {
    begins: Instant,
    opens: Instant,
    closes: Instant,
    deadline: Duration,
    sent: Cell<u64>,
    answered: RefCell<Latencies>,
    shed: RefCell<Latencies>,
    late: Cell<u64>,
    broken: Cell<u64>,
}

impl Flooding {
    fn new(offer: Offer) -> Result<Self, Error> {
        let begins = clock::now();
        let opens = begins + offer.warm_up;
        Ok(Self {
            begins,
            opens,
            closes: opens + offer.duration,
            deadline: offer.deadline,
            sent: Cell::default(),
            answered: RefCell::new(Latencies::new()?),
            shed: RefCell::new(Latencies::new()?),
            late: Cell::default(),
            broken: Cell::default(),
        })
    }

    async fn call(self: Rc<Self>, mut line: Connection, message: bytes::Bytes) {
        let sent = clock::now();
        let answer = timeout(self.deadline, line.call(message)).await;
        if sent < self.opens {
            return;
        }
        self.sent.set(self.sent.get() + 1);
        match answer {
            Ok(Ok(Answer::Verdict(_))) => self.answered.borrow_mut().record(sent.elapsed()),
            Ok(Ok(Answer::Status(RESOURCE_EXHAUSTED))) => {
                self.shed.borrow_mut().record(sent.elapsed());
            }
            Ok(_) => self.broken.set(self.broken.get() + 1),
            Err(_elapsed) => self.late.set(self.late.get() + 1),
        }
    }

    fn told(self) -> Flood {
        let (answered_after, shed_after) = (self.answered.into_inner(), self.shed.into_inner());
        Flood {
            sent: self.sent.get(),
            answered: answered_after.count(),
            shed: shed_after.count(),
            late: self.late.get(),
            broken: self.broken.get(),
            seconds: self.closes.duration_since(self.opens).as_secs_f64(),
            answered_after,
            shed_after,
        }
    }
}

const GRAIN: Duration = Duration::from_millis(1);
/// grpc/doc/statuscodes.md.
const RESOURCE_EXHAUSTED: i64 = 8;
