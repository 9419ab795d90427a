//! Who calls: pairs of `agent_id` and `tool`, each under a number, so that what is counted and recorded of a call has a
//! fixed size.
//!
//! The table is bounded and never forgets: when it is full, callers not in it are [`CallerId::OTHER`]. Whoever calls
//! under ever new names grows neither memory nor the labels of metrics (spec: telemetry §2).

use std::array;

use crate::limits::{AGENT_ID_BYTES, CALLERS_MAX, TOOL_BYTES};
use crate::sync::{AtomicBool, AtomicUsize, OnceLock, Ordering};

/// The callers seen so far. All workers share it; none waits for another.
#[derive(Debug)]
pub struct Callers {
    slots: Box<[Slot]>,
    taken: AtomicUsize,
}

/// The number of a caller in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallerId(u16);

impl CallerId {
    /// All callers for which there was no room.
    pub const OTHER: Self = Self(SLOTS);

    /// How many there can be, [`Self::OTHER`] included.
    pub const COUNT: usize = SLOTS as usize + 1;

    /// From 0, below [`Self::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number at an index; those that are none are [`Self::OTHER`].
    #[must_use]
    pub fn from_index(index: usize) -> Self {
        u16::try_from(index).map_or(Self::OTHER, |index| Self(index.min(SLOTS)))
    }
}

impl Default for Callers {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            taken: AtomicUsize::new(0),
        }
    }
}

impl Callers {
    /// The number of a caller, a new one at the first call as long as there is room. Neither allocates nor waits.
    ///
    /// Two workers that meet a new caller at the same moment may each give it a number: its counts are then the sum of
    /// both.
    #[must_use]
    pub fn intern(&self, agent_id: &str, tool: &str) -> CallerId {
        for id in probes(hash(agent_id, tool)) {
            let Some(slot) = self.slots.get(id.index()) else {
                break;
            };
            match slot.caller.get() {
                Some(caller) if caller.is(agent_id, tool) => return id,
                Some(_) => {}
                None if self.taken.load(Ordering::Relaxed) >= CALLERS_MAX => break,
                None if slot.claimed.swap(true, Ordering::Relaxed) => {}
                None => {
                    self.taken.fetch_add(1, Ordering::Relaxed);
                    slot.caller.get_or_init(|| Caller::new(agent_id, tool));
                    return id;
                }
            }
        }
        CallerId::OTHER
    }

    /// True when the number is that of this caller.
    #[must_use]
    pub fn is(&self, id: CallerId, agent_id: &str, tool: &str) -> bool {
        self.caller(id)
            .is_some_and(|caller| caller.is(agent_id, tool))
    }

    /// `agent_id` and `tool` of a caller; `other` for [`CallerId::OTHER`].
    #[must_use]
    pub fn names(&self, id: CallerId) -> (&str, &str) {
        self.caller(id).map_or((OTHER, OTHER), |caller| {
            (caller.agent_id.as_str(), caller.tool.as_str())
        })
    }

    /// The numbers that were given, and [`CallerId::OTHER`].
    pub fn known(&self) -> impl Iterator<Item = CallerId> {
        let given = (0..SLOTS).map(CallerId);
        given
            .filter(|id| self.caller(*id).is_some())
            .chain([CallerId::OTHER])
    }

    fn caller(&self, id: CallerId) -> Option<&Caller> {
        self.slots.get(id.index())?.caller.get()
    }
}

/// What callers without a number are called.
const OTHER: &str = "other";
/// Half of them stay free, so that a search soon meets one.
const SLOTS: u16 = 512;
const _: () = assert!(CALLERS_MAX * 2 == SLOTS as usize);

/// Where a caller may stand: from the place that its hash says on, round the table.
fn probes(hash: u16) -> impl Iterator<Item = CallerId> {
    let first = hash % SLOTS;
    (first..SLOTS).chain(0..first).map(CallerId)
}

/// FNV-1a by words. Nobody gains by a collision: a search is bounded by the table.
fn hash(agent_id: &str, tool: &str) -> u16 {
    let words = [agent_id, tool]
        .into_iter()
        .flat_map(|text| text.as_bytes().chunks(8));
    let mixed = words.fold(0xcbf2_9ce4_8422_2325, |hash: u64, chunk| {
        let mut word = [0; 8];
        for (byte, from) in word.iter_mut().zip(chunk) {
            *byte = *from;
        }
        (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let [.., low, high] = mixed.to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[derive(Debug, Default)]
struct Slot {
    /// Set by the one who writes the caller.
    claimed: AtomicBool,
    caller: OnceLock<Caller>,
}

#[derive(Debug)]
struct Caller {
    agent_id: Name<AGENT_ID_BYTES>,
    tool: Name<TOOL_BYTES>,
}

impl Caller {
    fn new(agent_id: &str, tool: &str) -> Self {
        Self {
            agent_id: Name::new(agent_id),
            tool: Name::new(tool),
        }
    }

    fn is(&self, agent_id: &str, tool: &str) -> bool {
        self.agent_id.as_bytes() == agent_id.as_bytes() && self.tool.as_bytes() == tool.as_bytes()
    }
}

/// A text in place, of at most so many bytes. A call with a longer one is refused before it is judged.
#[derive(Debug)]
struct Name<const BYTES: usize> {
    len: usize,
    bytes: [u8; BYTES],
}

impl<const BYTES: usize> Name<BYTES> {
    fn new(text: &str) -> Self {
        let text = text.as_bytes();
        Self {
            len: text.len().min(BYTES),
            bytes: array::from_fn(|position| text.get(position).copied().unwrap_or(0)),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or(OTHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::thread;

    #[test]
    fn a_caller_keeps_its_number() {
        let callers = Callers::default();
        let first = callers.intern("a", "x");
        let second = callers.intern("ax", "");
        assert_ne!(first, second);
        assert_eq!(callers.intern("a", "x"), first);
        assert_eq!(callers.names(first), ("a", "x"));
        assert_eq!(callers.names(second), ("ax", ""));
        assert!(callers.is(first, "a", "x") && !callers.is(first, "a", ""));
        let mut expected = [first, second, CallerId::OTHER];
        expected.sort_unstable();
        assert!(callers.known().eq(expected));
    }

    #[test]
    fn who_finds_no_room_is_other_and_who_came_before_stays() {
        let callers = Callers::default();
        let ids: Vec<_> = (0..10_000)
            .map(|number| callers.intern(&format!("agent-{number}"), "tool"))
            .collect();
        let (known, others) = ids.split_at(CALLERS_MAX);
        let distinct: BTreeSet<_> = known.iter().collect();
        assert_eq!(distinct.len(), CALLERS_MAX);
        assert!(!known.contains(&CallerId::OTHER));
        assert!(others.iter().all(|id| *id == CallerId::OTHER));
        assert_eq!(callers.names(CallerId::OTHER), ("other", "other"));
        assert_eq!(callers.intern("agent-7", "tool"), known[7]);
    }

    #[test]
    fn the_longest_names_stand_whole() {
        let callers = Callers::default();
        let (agent_id, tool) = ("a".repeat(AGENT_ID_BYTES), "t".repeat(TOOL_BYTES));
        let id = callers.intern(&agent_id, &tool);
        assert_eq!(callers.names(id), (agent_id.as_str(), tool.as_str()));
    }

    #[test]
    fn threads_that_meet_new_callers_together_agree_on_names() {
        let callers = Callers::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..100 {
                        let agent_id = format!("agent-{number}");
                        let id = callers.intern(&agent_id, "");
                        assert_eq!(callers.names(id).0, agent_id);
                    }
                });
            }
        });
    }
}
