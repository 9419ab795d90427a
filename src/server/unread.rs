//! Replies that a connection's caller has not read.
//!
//! HTTP/2 holds a reply until its caller makes room for it, and a caller may have a thousand calls under way whose replies are as large
//! as its bid responses. Beyond a budget of bytes, a connection's calls are refused instead of judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::refusal::Refusal;

/// The bytes that wait for one connection's caller, but for small replies.
#[derive(Debug, Default)]
pub(super) struct Unread(Arc<AtomicUsize>);

impl Unread {
    /// Whether one more call may be judged. Its reply, whatever its size, is then sent.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        if self.0.load(Ordering::Relaxed) < UNREAD_BYTES {
            Ok(())
        } else {
            Err(Refusal::Unread)
        }
    }

    /// The same reply, counted until HTTP/2 has written or dropped it.
    pub(super) fn hold(&self, reply: Bytes) -> Bytes {
        if reply.len() < COUNTED_BYTES {
            return reply;
        }
        self.0.fetch_add(reply.len(), Ordering::Relaxed);
        Bytes::from_owner(Held {
            reply,
            unread: Arc::clone(&self.0),
        })
    }
}

/// A reply on its way.
struct Held {
    reply: Bytes,
    unread: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.reply
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unread.fetch_sub(self.reply.len(), Ordering::Relaxed);
    }
}

/// Several times what the callers of one connection leave unread while their machine stalls for a moment.
const UNREAD_BYTES: usize = 16 * 1024 * 1024;
/// Smaller replies cost more to count than to hold: the streams of a connection hold 4 MiB of them at most.
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
    fn small_replies_are_not_counted() {
        let unread = Unread::default();
        let held: Vec<_> = (0..UNREAD_BYTES / (COUNTED_BYTES - 1) + 1)
            .map(|_| unread.hold(vec![0; COUNTED_BYTES - 1].into()))
            .collect();
        assert_eq!(unread.admit(), Ok(()));
        drop(held);
    }
}
