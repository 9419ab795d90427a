//! Sends what is due, when it is due.
//!
//! Tokio's timers have a grain of a millisecond: at 50,000 calls a second that is fifty calls at once and then silence,
//! a load of another kind. So the pacing task looks at the clock on every turn of the runtime and never sleeps while a
//! call is less than [`SPIN`] away. A turn without work is a look at the sockets, about a microsecond.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::yield_now;
use tokio::time::sleep;

use super::session::Session;
use crate::clock;
use crate::interrupt;
use crate::schedule::Schedule;
use crate::tally::Answer;

/// Where due calls go.
pub(super) trait Outlet {
    /// How many calls can be sent at once; 0 if there is no room.
    fn room(&mut self) -> usize;

    /// Sends calls that were due at these times, as many as there was room for.
    fn send(&mut self, due: &[Instant]);

    /// True while replies are to come.
    fn is_busy(&self) -> bool;
}

/// Follows the schedule to its end, and waits for the replies. What it could not send is counted when it is dropped.
pub(super) async fn follow(session: &Rc<Session>, schedule: Schedule, outlet: &mut impl Outlet) {
    let mut backlog = Backlog {
        session: Rc::clone(session),
        schedule,
        held_until: session.starts,
        batch: Vec::new(),
    };
    while backlog.schedule.next().is_some() || outlet.is_busy() {
        backlog.send_due(outlet);
        if interrupt::came() {
            break;
        }
        rest(backlog.schedule.next()).await;
    }
}

async fn rest(next: Option<Instant>) {
    let left = next.map(|next| next.saturating_duration_since(clock::now()));
    match left {
        Some(left) if left > SPIN => sleep(left - SPIN).await,
        _ => yield_now().await,
    }
}

/// The schedule, and what stands in its way.
#[derive(Debug)]
struct Backlog {
    session: Rc<Session>,
    schedule: Schedule,
    /// When there was last no room for a call that was due. What is late because of that is the server's.
    held_until: Instant,
    batch: Vec<Instant>,
}

impl Backlog {
    fn send_due(&mut self, outlet: &mut impl Outlet) {
        let now = clock::now();
        while self.schedule.due(now) > 0 {
            let room = outlet.room();
            if room == 0 {
                self.held_until = now;
                return;
            }
            self.take_due(now, room);
            outlet.send(&self.batch);
            self.count_lag();
        }
    }

    fn take_due(&mut self, now: Instant, room: usize) {
        self.batch.clear();
        while self.batch.len() < room
            && let Some(due) = self.schedule.next()
            && due <= now
        {
            self.batch.push(due);
            self.schedule.take();
        }
    }

    fn count_lag(&self) {
        let sent = clock::now();
        for &due in &self.batch {
            let late = sent.saturating_duration_since(due.max(self.held_until));
            self.session.count_lag(due, late);
        }
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        let now = clock::now();
        while self.schedule.due(now) > 0 {
            self.take_due(now, 1);
            for &due in &self.batch {
                self.session.count(due, 0, Answer::None);
            }
        }
    }
}

/// Longer waits are slept through up to here; tokio wakes within one or two milliseconds.
const SPIN: Duration = Duration::from_millis(3);
