//! Messages of streams: one stream on each connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use h2::SendStream;
use h2::client::ResponseFuture;
use tokio::task::JoinSet;

use super::connection::{Broken, Connection, chunk, grpc_status};
use super::pacing::{Outlet, follow};
use super::reply::{Deframer, Reply};
use super::session::Session;
use super::{Load, Pace};
use crate::clock;
use crate::schedule::Schedule;
use crate::tally::Answer;

/// Sends the messages of a load and waits for their replies.
pub(super) async fn run(session: &Rc<Session>, load: &Load, connections: Vec<Connection>) {
    let closed = load.pace == Pace::Closed;
    let mut readers = JoinSet::new();
    let mut lines = VecDeque::with_capacity(connections.len());
    for mut connection in connections {
        let Ok((response, stream)) = connection.begin() else {
            continue;
        };
        let line = Rc::new(Line::new(session, load.in_flight, stream));
        readers.spawn_local(read(Rc::clone(&line), response, closed));
        lines.push_back(line);
    }
    if let Pace::Open { calls_per_second } = load.pace {
        let duration = load.warm_up + load.duration;
        let schedule = Schedule::new(session.starts, calls_per_second, duration);
        follow(session, schedule, &mut Lines(lines)).await;
    } else {
        while readers.join_next().await.is_some() {}
    }
}

/// Reads replies until the stream ends. In a closed loop each is followed by a message, until the run is over.
async fn read(line: Rc<Line>, response: ResponseFuture, closed: bool) {
    if closed {
        line.fill();
    }
    let end = line.replies(response, closed).await;
    line.end(end.unwrap_or(Answer::Broken));
}

/// One stream.
#[derive(Debug)]
struct Line {
    session: Rc<Session>,
    stream: RefCell<SendStream<Bytes>>,
    /// When each message was due that is under way; the place is its index, and so its correlation id.
    due: RefCell<Vec<Option<Instant>>>,
    in_flight: usize,
    under_way: Cell<usize>,
    next_message: Cell<usize>,
    ended: Cell<bool>,
}

impl Line {
    fn new(session: &Rc<Session>, in_flight: usize, stream: SendStream<Bytes>) -> Self {
        Self {
            session: Rc::clone(session),
            stream: RefCell::new(stream),
            due: RefCell::new(vec![None; session.messages.len()]),
            in_flight,
            under_way: Cell::new(0),
            next_message: Cell::new(0),
            ended: Cell::new(false),
        }
    }

    /// How many messages can be sent at once.
    fn room(&self) -> usize {
        let room = self.in_flight.saturating_sub(self.under_way.get());
        if room == 0 || self.ended.get() {
            return 0;
        }
        let next = self.next_message.get();
        let run = self.session.messages.run(next, room);
        let due = self.due.borrow();
        let free = due.iter().skip(next).take(run.len);
        free.take_while(|due| due.is_none()).count()
    }

    /// Sends as many messages as are due: no more than there is room for.
    fn send(&self, due: &[Instant]) {
        let next = self.next_message.get();
        let run = self.session.messages.run(next, due.len());
        for (place, &due) in self.due.borrow_mut().iter_mut().skip(next).zip(due) {
            *place = Some(due);
        }
        self.under_way.update(|count| count + run.len);
        self.next_message
            .set((next + run.len) % self.session.messages.len());
        // A stream that has broken ends for its reader too, who counts what was under way.
        drop(self.stream.borrow_mut().send_data(run.bytes, false));
    }

    /// Fills up a closed loop.
    fn fill(&self) {
        let now = clock::now();
        while !self.session.is_over(now) {
            match self.room() {
                0 => return,
                room => self.send(&vec![now; room]),
            }
        }
    }

    async fn replies(&self, response: ResponseFuture, closed: bool) -> Result<Answer, Broken> {
        let (head, mut body) = response.await?.into_parts();
        if let Some(status) = grpc_status(&head.headers) {
            return Ok(Answer::Status(status));
        }
        let mut deframer = Deframer::default();
        while let Some(chunk) = chunk(&mut body).await {
            deframer.push(chunk?);
            while let Some(message) = deframer.next() {
                self.count(Reply::read(&message));
            }
            if closed {
                self.fill();
                if self.under_way.get() == 0 {
                    return Ok(Answer::None);
                }
            }
        }
        let trailers = body.trailers().await?;
        let status = trailers.as_ref().and_then(grpc_status);
        Ok(status.map_or(Answer::Broken, Answer::Status))
    }

    /// A reply that belongs to no message under way is left out: the message that it was meant for is counted as not
    /// answered.
    fn count(&self, reply: Option<Reply>) {
        let Some(reply) = reply else { return };
        let index = usize::try_from(reply.correlation_id).unwrap_or(usize::MAX);
        let due = self.due.borrow_mut().get_mut(index).and_then(Option::take);
        if let Some(due) = due {
            self.under_way.update(|count| count - 1);
            let answer = Answer::Verdict(reply.verdict);
            self.session.count(due, index, answer);
        }
    }

    /// Counts what is under way: it got no reply.
    fn end(&self, answer: Answer) {
        self.ended.set(true);
        self.under_way.set(0);
        for (index, due) in self.due.borrow_mut().iter_mut().enumerate() {
            if let Some(due) = due.take() {
                self.session.count(due, index, answer);
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.end(Answer::None);
    }
}

/// The streams of an open loop, in the order of their turns.
#[derive(Debug)]
struct Lines(VecDeque<Rc<Line>>);

impl Outlet for Lines {
    /// What the next stream with room takes: it is the first then.
    fn room(&mut self) -> usize {
        let Some(turn) = self.0.iter().position(|line| line.room() > 0) else {
            return 0;
        };
        self.0.rotate_left(turn);
        self.0.front().map_or(0, |line| line.room())
    }

    fn send(&mut self, due: &[Instant]) {
        if let Some(line) = self.0.pop_front() {
            line.send(due);
            self.0.push_back(line);
        }
    }

    fn is_busy(&self) -> bool {
        self.0.iter().any(|line| line.under_way.get() > 0)
    }
}
