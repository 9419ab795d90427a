//! Tells what is open on one worker that the server drains.
//!
//! Connections and streams look at a flag whenever they are polled anyway and leave a waker once. Nothing is locked and
//! nothing is shared between workers, which a general cancellation token would do on every poll.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Whether a worker drains, and who is to know when it does.
#[derive(Debug, Default)]
pub(super) struct Drain {
    begun: Cell<bool>,
    next_id: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, Waker>>,
}

impl Drain {
    /// Tells everyone, once and for good.
    pub(super) fn begin(&self) {
        self.begun.set(true);
        for waker in mem::take(&mut *self.waiting.borrow_mut()).into_values() {
            waker.wake();
        }
    }

    /// A subscription to the news.
    pub(super) fn watch(self: &Rc<Self>) -> DrainWatch {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1));
        DrainWatch {
            drain: Rc::clone(self),
            id,
            waker: None,
        }
    }
}

/// One waiting task.
#[derive(Debug)]
pub(super) struct DrainWatch {
    drain: Rc<Drain>,
    id: u64,
    /// The waker that was left; a task's does not change.
    waker: Option<Waker>,
}

impl DrainWatch {
    /// True once the drain has begun; until then the task is woken when it does.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> bool {
        if self.drain.begun.get() {
            return true;
        }
        if !self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            self.waker = Some(cx.waker().clone());
            self.drain
                .waiting
                .borrow_mut()
                .insert(self.id, cx.waker().clone());
        }
        false
    }

    /// Waits for the drain to begin.
    pub(super) async fn begun(&mut self) {
        std::future::poll_fn(|cx| {
            if self.poll(cx) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl Drop for DrainWatch {
    fn drop(&mut self) {
        if self.waker.is_some() {
            drop(self.drain.waiting.borrow_mut().remove(&self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_beginning_wakes_who_waits_and_tells_who_comes_later() {
        let drain = Rc::new(Drain::default());
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        let mut watch = drain.watch();
        assert!(!watch.poll(&Context::from_waker(&waker)));
        drain.begin();
        assert!(flag.0.load(Ordering::Relaxed));
        assert!(watch.poll(&Context::from_waker(&waker)));
        assert!(drain.watch().poll(&Context::from_waker(&waker)));
    }

    #[test]
    fn a_dropped_watch_leaves_nothing() {
        let drain = Rc::new(Drain::default());
        let mut watch = drain.watch();
        assert!(!watch.poll(&Context::from_waker(Waker::noop())));
        drop(watch);
        assert!(drain.waiting.borrow().is_empty());
    }
}
