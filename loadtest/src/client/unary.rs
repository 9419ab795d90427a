//! Calls of one message.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use h2::client::ResponseFuture;
use tokio::task::JoinSet;

use super::connection::{Connection, answer};
use super::pacing::{Outlet, follow};
use super::session::{Session, Ticket};
use super::{Load, Pace};
use crate::clock;
use crate::schedule::Schedule;
use crate::tally::Answer;

/// Makes the calls of a load and waits for their replies.
pub(super) async fn run(session: &Rc<Session>, load: &Load, connections: Vec<Connection>) {
    match load.pace {
        Pace::Closed => closed(session, load, &connections).await,
        Pace::Open { calls_per_second } => {
            let duration = load.warm_up + load.duration;
            let schedule = Schedule::new(session.starts, calls_per_second, duration);
            let lines = connections.into_iter().map(Line::new).collect();
            let mut lines = Lines {
                session: Rc::clone(session),
                lines,
                in_flight: load.in_flight,
            };
            follow(session, schedule, &mut lines).await;
        }
    }
}

/// As many callers as calls may be in flight, each with one call at a time.
async fn closed(session: &Rc<Session>, load: &Load, connections: &[Connection]) {
    let mut callers = JoinSet::new();
    for connection in connections {
        for _ in 0..load.in_flight {
            callers.spawn_local(call_all(Rc::clone(session), connection.clone()));
        }
    }
    while callers.join_next().await.is_some() {}
}

async fn call_all(session: Rc<Session>, mut connection: Connection) {
    loop {
        let now = clock::now();
        if session.is_over(now) {
            return;
        }
        let ticket = Ticket::new(&session, now);
        let Ok(response) = connection.send(ticket.message()) else {
            return ticket.end(Answer::Broken);
        };
        let answer = answer(response).await;
        ticket.end(answer);
        if answer == Answer::Broken {
            return;
        }
    }
}

/// The connections of an open loop, in the order of their turns.
#[derive(Debug)]
struct Lines {
    session: Rc<Session>,
    lines: VecDeque<Line>,
    in_flight: usize,
}

#[derive(Debug)]
struct Line {
    connection: Connection,
    /// Every call under way holds a clone.
    under_way: Rc<()>,
}

impl Line {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            under_way: Rc::new(()),
        }
    }

    fn in_flight(&self) -> usize {
        Rc::strong_count(&self.under_way) - 1
    }
}

impl Outlet for Lines {
    /// One call, on the next connection that has room: it is the first of `lines` then.
    fn room(&mut self) -> usize {
        let free = |line: &Line| line.in_flight() < self.in_flight;
        let Some(turn) = self.lines.iter().position(free) else {
            return 0;
        };
        self.lines.rotate_left(turn);
        1
    }

    fn send(&mut self, due: &[Instant]) {
        for &due in due {
            let ticket = Ticket::new(&self.session, due);
            let Some(line) = self.lines.front_mut() else {
                return;
            };
            match line.connection.send(ticket.message()) {
                Ok(response) => {
                    let place = Rc::clone(&line.under_way);
                    drop(tokio::task::spawn_local(wait(ticket, response, place)));
                }
                Err(_broken) => ticket.end(Answer::Broken),
            }
        }
        if let Some(line) = self.lines.pop_front() {
            self.lines.push_back(line);
        }
    }

    fn is_busy(&self) -> bool {
        self.lines.iter().any(|line| line.in_flight() > 0)
    }
}

async fn wait(ticket: Ticket, response: ResponseFuture, place: Rc<()>) {
    ticket.end(answer(response).await);
    drop(place);
}
