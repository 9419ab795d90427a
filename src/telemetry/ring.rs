//! A bounded queue from one thread to another: slots of words, no lock, no allocation, no wait.
//!
//! INVARIANT (single writer): only the [`Producer`] writes words and `written`, only the [`Consumer`] writes `read`, and
//! there is one of each: `0 <= written - read <= slots`. What the producer has written it publishes by a release of
//! `written`; what the consumer has done with it gives back by a release of `read`.

use std::sync::Arc;

use crate::sync::{AtomicU64, Ordering};

/// A queue of `slots` entries of at most `words` words each.
pub(super) fn ring(slots: usize, words: usize) -> (Producer, Consumer) {
    let slot_words = words + 1;
    let ring = Arc::new(Ring {
        words: (0..slots * slot_words).map(|_| AtomicU64::new(0)).collect(),
        slot_words,
        slots: slots as u64,
        writer: Line::default(),
        reader: Line::default(),
    });
    let producer = Producer {
        ring: Arc::clone(&ring),
        written: 0,
        read_seen: 0,
        next: 0,
    };
    let consumer = Consumer {
        ring,
        read: 0,
        next: 0,
    };
    (producer, consumer)
}

/// What both sides share.
#[derive(Debug)]
pub(super) struct Ring {
    /// A slot is its length, then its words, of which only those are touched that are used.
    words: Box<[AtomicU64]>,
    slot_words: usize,
    slots: u64,
    writer: Line,
    reader: Line,
}

/// What one side writes: on cache lines of its own, so that neither side slows the other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line {
    /// Entries written, or read, since the beginning.
    done: AtomicU64,
    /// Entries that found no room.
    dropped: AtomicU64,
}

impl Ring {
    /// Entries that went in since the beginning.
    pub(super) fn accepted(&self) -> u64 {
        self.writer.done.load(Ordering::Acquire)
    }

    /// Entries that found no room since the beginning.
    pub(super) fn dropped(&self) -> u64 {
        self.writer.dropped.load(Ordering::Relaxed)
    }

    fn slot(&self, number: usize) -> Option<(&AtomicU64, &[AtomicU64])> {
        let begin = number * self.slot_words;
        self.words
            .get(begin..begin + self.slot_words)?
            .split_first()
    }

    /// The slot behind another.
    fn after(&self, number: usize) -> usize {
        let next = number + 1;
        if next as u64 == self.slots { 0 } else { next }
    }
}

/// The writing side.
#[derive(Debug)]
pub(super) struct Producer {
    ring: Arc<Ring>,
    written: u64,
    /// What `read` was when it was last looked at: the consumer's cache line is left alone while there is room.
    read_seen: u64,
    next: usize,
}

impl Producer {
    /// What both sides share.
    pub(super) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Adds what `write` writes, or counts that there is no room for it.
    #[inline]
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Words<'_>)) {
        if !self.has_room() {
            let dropped = self.ring.dropped().wrapping_add(1);
            return self.ring.writer.dropped.store(dropped, Ordering::Relaxed);
        }
        let Some((length, free)) = self.ring.slot(self.next) else {
            return;
        };
        let mut words = Words { free, length: 0 };
        write(&mut words);
        length.store(words.length, Ordering::Relaxed);
        self.next = self.ring.after(self.next);
        self.written = self.written.wrapping_add(1);
        self.ring.writer.done.store(self.written, Ordering::Release);
    }

    fn has_room(&mut self) -> bool {
        if self.written.wrapping_sub(self.read_seen) >= self.ring.slots {
            self.read_seen = self.ring.reader.done.load(Ordering::Acquire);
        }
        self.written.wrapping_sub(self.read_seen) < self.ring.slots
    }
}

/// The free words of a slot.
#[derive(Debug)]
pub(super) struct Words<'r> {
    free: &'r [AtomicU64],
    length: u64,
}

impl Words<'_> {
    /// Writes the next word. There is room for as many as [`ring`] was told.
    #[inline]
    pub(super) fn write(&mut self, word: u64) {
        if let Some((first, rest)) = self.free.split_first() {
            first.store(word, Ordering::Relaxed);
            self.free = rest;
            self.length += 1;
        }
    }
}

/// The reading side.
#[derive(Debug)]
pub(super) struct Consumer {
    ring: Arc<Ring>,
    read: u64,
    next: usize,
}

impl Consumer {
    /// Entries to be read.
    pub(super) fn len(&self) -> u64 {
        self.ring.accepted().wrapping_sub(self.read)
    }

    /// Takes the oldest entry in place of what stands in `words`. False when there is none.
    pub(super) fn pop(&mut self, words: &mut Vec<u64>) -> bool {
        if self.len() == 0 {
            return false;
        }
        let Some((length, slot)) = self.ring.slot(self.next) else {
            return false;
        };
        let length = usize::try_from(length.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        words.clear();
        words.extend(
            slot.iter()
                .take(length)
                .map(|word| word.load(Ordering::Relaxed)),
        );
        self.next = self.ring.after(self.next);
        self.read = self.read.wrapping_add(1);
        self.ring.reader.done.store(self.read, Ordering::Release);
        true
    }
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests {
    use std::collections::VecDeque;
    use std::thread;

    use proptest::prelude::{ProptestConfig, Strategy, any, prop, proptest};

    use super::*;

    fn push(producer: &mut Producer, entry: &[u64]) {
        producer.push(|words| entry.iter().for_each(|word| words.write(*word)));
    }

    /// Of changing length, each word of which tells the entry.
    fn entry(number: u64) -> Vec<u64> {
        (0..1 + number % 5).map(|_| number).collect()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Vec<u64>),
        Pop,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop::option::of(prop::collection::vec(any::<u64>(), 0..6))
            .prop_map(|entry| entry.map_or(Step::Pop, Step::Push))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against a queue that everybody knows, of which the newest is left out when it is full.
        #[test]
        fn a_ring_is_a_queue_that_drops_the_newest(
            slots in 1..5_usize,
            steps in prop::collection::vec(step(), 0..60),
        ) {
            let (mut producer, mut consumer) = ring(slots, 4);
            let (mut queue, mut dropped, mut popped) = (VecDeque::new(), 0, vec![7]);
            for step in steps {
                match step {
                    Step::Push(entry) => {
                        push(&mut producer, &entry);
                        if queue.len() < slots {
                            queue.push_back(entry.into_iter().take(4).collect::<Vec<_>>());
                        } else {
                            dropped += 1;
                        }
                    }
                    Step::Pop => match queue.pop_front() {
                        Some(entry) => {
                            assert!(consumer.pop(&mut popped));
                            assert_eq!(popped, entry);
                        }
                        None => assert!(!consumer.pop(&mut popped)),
                    },
                }
                assert_eq!(consumer.len(), queue.len() as u64);
                assert_eq!(producer.ring().dropped(), dropped);
            }
        }
    }

    /// Nothing is out of order, and what is not there was counted.
    #[test]
    fn two_threads_lose_and_tear_nothing() {
        const ENTRIES: u64 = 200_000;
        let (mut producer, mut consumer) = ring(8, 5);
        let shared = Arc::clone(producer.ring());
        let writer = thread::spawn(move || {
            for number in 0..ENTRIES {
                push(&mut producer, &entry(number));
                if number % 64 == 0 {
                    thread::yield_now();
                }
            }
        });
        let (mut words, mut seen, mut last) = (Vec::new(), 0, None);
        loop {
            let finished = writer.is_finished();
            while consumer.pop(&mut words) {
                let number = words[0];
                assert_eq!(words, entry(number));
                assert!(last < Some(number), "{number} after {last:?}");
                (seen, last) = (seen + 1, Some(number));
            }
            if finished {
                break;
            }
        }
        assert_eq!(seen, shared.accepted());
        assert_eq!(seen + shared.dropped(), ENTRIES);
        assert!(seen >= 8);
    }
}
