//! The thread `bidgate-telemetry`: gathers, delivers and, at the end, flushes.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use super::batch::{Drops, Outcome, Settled};
use super::batcher::Moment;
use super::delivery::Delivery;
use super::gather::Gatherer;
use super::ledger::Ledger;
use super::sink::Sink;
use crate::background;

/// The thread, seen from the others.
#[derive(Debug)]
pub(super) struct Handle {
    /// Tells the thread to end, and when at the latest.
    stop: oneshot::Sender<Instant>,
    ended: oneshot::Receiver<()>,
}

impl Handle {
    /// Delivers what is left until `timeout` is over, and has the thread say what was not. False if the thread did not
    /// come to that, because a file system holds it up, or ended before.
    pub(super) async fn flush(self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let told = self.stop.send(deadline).is_ok();
        told && matches!(
            timeout_at(deadline + END_MARGIN, self.ended).await,
            Ok(Ok(()))
        )
    }
}

/// Starts the thread. `delivering` makes the delivery, on the thread's runtime.
pub(super) fn start(
    gatherer: Gatherer,
    ledger: Arc<Ledger>,
    delivering: Option<impl FnOnce() -> Delivery<Sink> + Send + 'static>,
) -> io::Result<Handle> {
    let (stop, stopped) = oneshot::channel();
    let (announce_end, ended) = oneshot::channel();
    let (announce_start, started) = std::sync::mpsc::sync_channel(1);
    background::spawn(&background::TELEMETRY, move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return announce_start.send(Err(error)).unwrap_or_default(),
        };
        announce_start.send(Ok(())).unwrap_or_default();
        runtime.block_on(async {
            let delivery = delivering.map(|delivering| delivering());
            let thread = Thread {
                gatherer,
                ledger,
                delivery,
                losses: Losses::default(),
            };
            thread.run(stopped).await;
        });
        // The look-up of a name that hangs is left behind.
        runtime.shutdown_background();
        announce_end.send(()).unwrap_or_default();
    })?;
    started.recv().map_err(io::Error::other)??;
    Ok(Handle { stop, ended })
}

fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOK_UPS_MAX)
        .build_local(LocalOptions::default())
}

/// Names looked up at a time. The system's look-up cannot be called off, however soon its attempt is over: where no
/// answer comes, each would leave a thread behind.
const LOOK_UPS_MAX: usize = 2;

/// What the thread works with.
#[derive(Debug)]
struct Thread {
    gatherer: Gatherer,
    ledger: Arc<Ledger>,
    delivery: Option<Delivery<Sink>>,
    losses: Losses,
}

impl Thread {
    async fn run(mut self, mut stopped: oneshot::Receiver<Instant>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = loop {
            tokio::select! {
                _ = ticks.tick() => self.gather(Moment::now()),
                settled = settled(&mut self.delivery) => self.settle(&settled),
                deadline = &mut stopped => break deadline,
            }
        };
        // Without a word the server is gone, and there is nobody to wait for what is left.
        self.flush(deadline.unwrap_or_else(|_| Instant::now()))
            .await;
    }

    fn gather(&mut self, now: Moment) {
        let room = self.delivery.as_ref().map_or(0, Delivery::room);
        for batch in self.gatherer.gather(room, now) {
            if let Some(delivery) = &mut self.delivery {
                delivery.push(batch);
            }
        }
        self.note();
        let cause = self.delivery.as_ref().map_or("", Delivery::cause);
        self.losses
            .tell_sometimes(self.ledger.dropped(), cause, now.clock);
    }

    fn settle(&mut self, settled: &Settled) {
        self.gatherer.settle(settled);
        self.note();
    }

    fn note(&self) {
        if let Some(delivery) = &self.delivery {
            self.ledger.note(delivery.pending(), delivery.retries());
        }
    }

    /// The workers have ended: what they have recorded is all there is. It is closed once; what gets lost from here on
    /// is told in the log.
    async fn flush(mut self, deadline: Instant) {
        let mut closed = false;
        loop {
            if !closed {
                self.gather(Moment::now());
                closed = self.close();
            }
            if closed
                && self
                    .delivery
                    .as_ref()
                    .is_none_or(|delivery| delivery.pending() == 0)
            {
                break;
            }
            tokio::select! {
                // What has ended by the deadline has ended in time.
                biased;
                settled = settled(&mut self.delivery) => self.settle(&settled),
                () = sleep_until(deadline) => break,
            }
        }
        self.give_up();
    }

    /// Closes the last batches. False while there is no room for one.
    fn close(&mut self) -> bool {
        let Some(delivery) = &mut self.delivery else {
            return true;
        };
        while delivery.has_room() {
            if let Some(batch) = self.gatherer.close_early(Moment::now()) {
                delivery.push(batch);
            }
            if !self.gatherer.has_more_to_tell() {
                return true;
            }
        }
        false
    }

    fn give_up(mut self) {
        let Some(delivery) = self.delivery.take() else {
            return;
        };
        let (retries, cause) = (delivery.retries(), delivery.cause().to_owned());
        for settled in delivery.abandon() {
            self.gatherer.settle(&settled);
        }
        self.ledger
            .settle(self.gatherer.unsent(), Outcome::Shutdown);
        self.ledger.note(0, retries);
        let account = self.ledger.gauges();
        self.losses.tell(account.dropped, &cause);
        let not_sent = account.dropped.shutdown;
        if not_sent == 0 {
            tracing::info!(account.offered, account.delivered, "telemetry flushed");
        } else {
            tracing::warn!(
                account.offered,
                account.delivered,
                not_sent,
                "telemetry not flushed in time"
            );
        }
    }
}

/// Waits for a batch to be settled; for ever without a sink.
async fn settled(delivery: &mut Option<Delivery<Sink>>) -> Settled {
    match delivery {
        Some(delivery) => delivery.settled().await,
        None => std::future::pending().await,
    }
}

/// Between two looks at the rings: at 4096 records a worker, for two hundred thousand evaluations a second.
const TICK: Duration = Duration::from_millis(20);

impl Moment {
    #[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
    fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            clock: Instant::now(),
            unix_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// What the end of the thread may take beyond the deadline of its flush.
const END_MARGIN: Duration = Duration::from_secs(1);

/// Says in the log what was dropped and ought not to be.
#[derive(Debug, Default)]
struct Losses {
    told: Drops,
    at: Option<Instant>,
}

impl Losses {
    /// Tells them if the last line about them is old enough.
    fn tell_sometimes(&mut self, dropped: Drops, cause: &str, now: Instant) {
        let recently = |at| now.duration_since(at) < LOSSES_EVERY;
        if !self.at.is_some_and(recently) && self.tell(dropped, cause) {
            self.at = Some(now);
        }
    }

    /// Tells what is new, if there is something. `cause` is of the batch that was lost last.
    fn tell(&mut self, dropped: Drops, cause: &str) -> bool {
        let new = dropped.without(&self.told);
        let in_batches = new.retry_exhausted + new.rejected;
        if new.ring_full + in_batches == 0 {
            return false;
        }
        tracing::warn!(
            new.ring_full,
            new.retry_exhausted,
            new.rejected,
            cause = if in_batches > 0 { cause } else { "" },
            "telemetry dropped events"
        );
        self.told = dropped;
        true
    }
}

const LOSSES_EVERY: Duration = Duration::from_secs(10);
