//! What all calls of a run share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Load, Method};
use crate::clock;
use crate::error::Error;
use crate::interrupt;
use crate::messages::Messages;
use crate::proto::Verdict;
use crate::tally::{Answer, Tally, Window};

/// One run, on the generator's thread.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) starts: Instant,
    pub(super) window: Window,
    pub(super) messages: Messages,
    pub(super) tally: RefCell<Tally>,
    judged: bool,
    next_message: Cell<usize>,
}

impl Session {
    pub(super) fn new(method: Method, load: &Load, messages: &Messages) -> Result<Self, Error> {
        let starts = clock::now();
        let opens = starts + load.warm_up;
        Ok(Self {
            starts,
            window: Window {
                opens,
                closes: opens + load.duration,
            },
            messages: messages.clone(),
            tally: RefCell::new(Tally::new()?),
            judged: method != Method::Noop,
            next_message: Cell::new(0),
        })
    }

    /// True when nothing more is to be sent.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.window.closes || interrupt::came()
    }

    /// The message to send next.
    pub(super) fn take_message(&self) -> usize {
        let index = self.next_message.get();
        self.next_message.set((index + 1) % self.messages.len());
        index
    }

    pub(super) fn count(&self, due: Instant, index: usize, answer: Answer) {
        let expected = if self.judged {
            self.messages.expected(index)
        } else {
            Verdict::Unspecified
        };
        let now = clock::now();
        let mut tally = self.tally.borrow_mut();
        tally.count(&self.window, due, now, answer, expected);
    }

    /// Records by how much the generator itself was late with a call.
    pub(super) fn count_lag(&self, due: Instant, late: Duration) {
        if self.window.contains(due) {
            self.tally.borrow_mut().lag.record(late);
        }
    }
}

/// A call under way. It is counted when dropped, however it ended.
#[derive(Debug)]
pub(super) struct Ticket {
    session: Rc<Session>,
    due: Instant,
    index: usize,
    answer: Answer,
}

impl Ticket {
    pub(super) fn new(session: &Rc<Session>, due: Instant) -> Self {
        Self {
            session: Rc::clone(session),
            due,
            index: session.take_message(),
            answer: Answer::None,
        }
    }

    pub(super) fn message(&self) -> Bytes {
        self.session.messages.message(self.index)
    }

    pub(super) fn end(mut self, answer: Answer) {
        self.answer = answer;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.session.count(self.due, self.index, self.answer);
    }
}
