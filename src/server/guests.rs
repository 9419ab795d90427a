//! The connections of the admin address: a fixed number, and who makes room when there is none.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

/// Open connections, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Guests {
    tasks: JoinSet<()>,
    open: VecDeque<Guest>,
}

#[derive(Debug)]
struct Guest {
    task: AbortHandle,
    heard: Heard,
    since: Instant,
}

/// Whether a connection has asked for something.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Rc<Cell<bool>>);

impl Heard {
    pub(super) fn set(&self) {
        self.0.set(true);
    }
}

impl Guests {
    /// Serves a connection by a task of its own.
    pub(super) fn seat(&mut self, heard: Heard, connection: impl Future<Output = ()> + 'static) {
        self.open.push_back(Guest {
            task: self.tasks.spawn_local(connection),
            heard,
            since: Instant::now(),
        });
    }

    /// Waits until there is room for one more. The oldest connection that has asked for nothing makes room at once, so
    /// that silence keeps nobody out. If all have asked, the first to be done makes room, or the oldest when it has had
    /// [`ANSWER_TIME`]: it does not send what it began, or does not read.
    pub(super) async fn make_room(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|guest| !guest.task.is_finished());
        if self.open.len() < MAX_CONNECTIONS {
            return;
        }
        let silent = self.open.iter().position(|guest| !guest.heard.0.get());
        let leaver = self.open.get(silent.unwrap_or_default());
        let Some(Guest { task, since, .. }) = leaver else {
            return;
        };
        let patience = if silent.is_some() {
            *since
        } else {
            *since + ANSWER_TIME
        };
        if timeout_at(patience, self.tasks.join_next()).await.is_err() {
            task.abort();
            drop(self.tasks.join_next().await);
        }
        self.open.retain(|guest| !guest.task.is_finished());
    }
}

/// Scrapers and probes of one machine, with room to spare.
const MAX_CONNECTIONS: usize = 64;
/// What probes wait for an answer by default.
const ANSWER_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// A full house; each but those at `silent` has asked. What is returned goes as the connections do.
    fn full(silent: &[usize]) -> (Guests, Vec<Rc<()>>) {
        let mut guests = Guests::default();
        let mut alive = Vec::new();
        for index in 0..MAX_CONNECTIONS {
            let (heard, life) = (Heard::default(), Rc::new(()));
            if !silent.contains(&index) {
                heard.set();
            }
            alive.push(Rc::clone(&life));
            guests.seat(heard, async move {
                pending::<()>().await;
                drop(life);
            });
        }
        (guests, alive)
    }

    fn gone(alive: &[Rc<()>]) -> Vec<usize> {
        let ended = |index: &usize| Rc::strong_count(&alive[*index]) == 1;
        (0..alive.len()).filter(ended).collect()
    }

    #[tokio::test(start_paused = true, flavor = "local")]
    async fn the_oldest_silent_connection_makes_room_at_once() {
        let (mut guests, alive) = full(&[3, 7]);
        let began = Instant::now();
        guests.make_room().await;
        assert_eq!((gone(&alive), began.elapsed()), (vec![3], Duration::ZERO));
        guests.seat(Heard::default(), pending());
        guests.make_room().await;
        assert_eq!(
            (gone(&alive), began.elapsed()),
            (vec![3, 7], Duration::ZERO)
        );
    }

    #[tokio::test(start_paused = true, flavor = "local")]
    async fn a_connection_that_has_asked_has_its_time() {
        let (mut guests, alive) = full(&[]);
        let began = Instant::now();
        guests.make_room().await;
        assert_eq!((gone(&alive), began.elapsed()), (vec![0], ANSWER_TIME));
        guests.make_room().await;
        assert_eq!((gone(&alive), began.elapsed()), (vec![0], ANSWER_TIME));
    }
}
