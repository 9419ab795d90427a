//! The thread `bidgate-audit`: writes what it is told, in order, and tries again while it cannot.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Thread};
use std::time::Duration;

use super::State;
use super::event::Event;
use super::file::AuditFile;
use crate::background;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Something happened at that time.
    Write(String, Event),
    /// Nothing else will. Answers when all before it is written or given up.
    End(SyncSender<()>),
}

/// Orders that wait. While the disk is full nothing is lost before they are that many.
const WAITING_MAX: usize = 256;

/// Starts the thread.
///
/// # Errors
/// When the system has none to give.
pub(super) fn start(file: AuditFile, state: Arc<State>) -> io::Result<(SyncSender<Order>, Thread)> {
    let (orders, ordered) = sync_channel(WAITING_MAX);
    let handle = background::spawn(&background::AUDIT, move || {
        Writer {
            file,
            state,
            lost_told: 0,
            failing: false,
        }
        .run(&ordered);
    })?;
    Ok((orders, handle.thread().clone()))
}

struct Writer {
    file: AuditFile,
    state: Arc<State>,
    /// Of the events lost, those that a line tells of.
    lost_told: u64,
    /// Whether the last attempt failed, which is logged once.
    failing: bool,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        let _waiting = Waiting {
            orders,
            state: Arc::clone(&self.state),
        };
        for order in orders {
            match order {
                Order::Write(at, event) => self.write(&at, &event),
                // Whoever waits may have given up.
                Order::End(done) => return done.send(()).unwrap_or_default(),
            }
        }
    }

    /// Writes an event as soon as that can be done; gives it up only at the end of the process.
    fn write(&mut self, at: &str, event: &Event) {
        while let Err(error) = self.attempt(at, event) {
            self.state.count_failure();
            if !self.failing {
                tracing::error!(%error, "the audit log cannot be written: it is tried again");
            }
            self.failing = true;
            if self.state.is_ending() {
                return self.state.lose();
            }
            thread::park_timeout(RETRY);
        }
        if self.failing {
            tracing::info!("the audit log is written again");
        }
        self.failing = false;
    }

    fn attempt(&mut self, at: &str, event: &Event) -> io::Result<()> {
        let lost = self.state.lost();
        if lost > self.lost_told {
            let events = lost - self.lost_told;
            self.append(at, &Event::EventsLost { events })?;
            self.lost_told = lost;
        }
        self.append(at, event)
    }

    fn append(&mut self, at: &str, event: &Event) -> io::Result<()> {
        self.file.append(at, event)?;
        let head = self.file.head();
        self.state.wrote(head);
        // Where logs are collected, the chain's heads are kept out of reach of whoever can write the file.
        let (seq, sha256) = (head.seq, head.sha256);
        tracing::info!(seq, %sha256, event = event.name(), "audit");
        Ok(())
    }
}

/// The orders of a thread that may end by a panic: its event is lost then, and so are those that wait.
struct Waiting<'o> {
    orders: &'o Receiver<Order>,
    state: Arc<State>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.state.lose();
            let events = |order: &Order| matches!(order, Order::Write(..));
            let waiting = self.orders.try_iter().filter(events);
            waiting.for_each(|_| self.state.lose());
        }
    }
}

/// Between two attempts.
const RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_thread_that_a_panic_ends_is_lost_with_what_it_had_in_hand() {
        let state = Arc::new(State::default());
        let (orders, ordered) = sync_channel(2);
        for _ in 0..2 {
            let order = Order::Write(String::new(), Event::ShutdownBegun);
            orders.try_send(order).unwrap();
        }
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            let _waiting = Waiting {
                orders: &ordered,
                state: shared,
            };
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(thread.join().is_err());
        assert_eq!(state.lost(), 3);
    }
}
