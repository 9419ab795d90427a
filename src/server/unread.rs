//! Replies that a connection's caller has not read.
//!
//! HTTP/2 holds a reply until its caller makes room for it, and a caller may have a thousand calls under way whose replies are as large
//! as its bid responses. Beyond a budget of bytes, a connection's calls are refused instead of judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::refusal::Refusal;

/// The bytes that wait for one connection's caller, and those that wait for all callers, but for small replies.
#[derive(Debug, Default)]
pub(super) struct Unread {
    own: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
}

impl Unread {
    /// Nothing waits for this connection's caller; `all` has what waits for all.
    pub(super) fn of(all: &Arc<AtomicUsize>) -> Self {
        Self {
            own: Arc::default(),
            all: Arc::clone(all),
        }
    }

    /// Whether one more call may be judged. Its reply, whatever its size, is then sent. Who leaves little unread is not
    /// refused for what others leave.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        let own = self.own.load(Ordering::Relaxed);
        let crowded = || self.all.load(Ordering::Relaxed) >= ALL_UNREAD_BYTES;
        if own >= UNREAD_BYTES || (own >= LITTLE_BYTES && crowded()) {
            return Err(Refusal::Unread);
        }
        Ok(())
    }

    /// The same reply, counted until HTTP/2 has written or dropped it.
    pub(super) fn hold(&self, reply: Bytes) -> Bytes {
        if reply.len() < COUNTED_BYTES {
            return reply;
        }
        let counts = [&self.own, &self.all].map(Arc::clone);
        for count in &counts {
            count.fetch_add(reply.len(), Ordering::Relaxed);
        }
        Bytes::from_owner(Held { reply, counts })
    }
}

/// A reply on its way.
struct Held {
    reply: Bytes,
    counts: [Arc<AtomicUsize>; 2],
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.reply
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for count in &self.counts {
            count.fetch_sub(self.reply.len(), Ordering::Relaxed);
        }
    }
}

/// Several times what the callers of one connection leave unread while their machine stalls for a moment.
const UNREAD_BYTES: usize = 16 * 1024 * 1024;
/// The same for all connections of a process together.
const ALL_UNREAD_BYTES: usize = 2 * UNREAD_BYTES;
/// What a caller that reads may leave unread at any moment.
const LITTLE_BYTES: usize = 256 * 1024;
/// Smaller replies cost more to count than to hold: the streams of a connection hold 8 MiB of them at most, one that is
/// sent and one that waits each.
const COUNTED_BYTES: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_until_its_last_part_is_gone() {
        let unread = Unread::default();
        let mut reply = unread.hold(vec![7; UNREAD_BYTES].into());
        assert_eq!(unread.admit(), Err(Refusal::Unread));
        let part = reply.split_to(1);
        assert_eq!(part, [7].as_slice());
        drop(reply);
        assert_eq!(unread.admit(), Err(Refusal::Unread));
        drop(part);
        assert_eq!(unread.admit(), Ok(()));
    }

    #[test]
    fn where_many_leave_much_unread_those_who_leave_little_are_still_answered() {
        let all = Arc::default();
        let [one, other, late] = [(); 3].map(|()| Unread::of(&all));
        let much = || vec![7; UNREAD_BYTES - 1].into();
        let held = [one.hold(much()), other.hold(much())];
        assert_eq!(one.admit(), Ok(()));
        let more = late.hold(vec![7; LITTLE_BYTES].into());
        assert_eq!(
            [&one, &other, &late].map(Unread::admit),
            [Err(Refusal::Unread); 3]
        );
        assert_eq!(Unread::of(&all).admit(), Ok(()));
        drop(held);
        assert_eq!(late.admit(), Ok(()));
        drop(more);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn small_replies_are_not_counted() {
        let unread = Unread::default();
        let held: Vec<_> = (0..UNREAD_BYTES / (COUNTED_BYTES - 1) + 1)
            .map(|_| unread.hold(vec![0; COUNTED_BYTES - 1].into()))
            .collect();
        assert_eq!(unread.admit(), Ok(()));
        drop(held);
    }
}
