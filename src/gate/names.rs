//! Which of the names that bids use stand on the lists of a request.
//!
//! Lists are long and bids are few, so each list is read once: the names of the bids are gathered first, and each
//! entry of a list is looked up among them. Cost grows with names plus entries, never with their product.

use std::cmp::Ordering;

use crate::limits::LISTED_NAME_BYTES;
use crate::openrtb::Text;
use crate::openrtb::domain::{NormalName, bare};

/// The names that bids use, each with the entry of a list that names it, and the memory for the next auction.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// INVARIANT (sorted names): once they are settled, ascending by list, hash and bytes, each once.
    names: Vec<Name>,
    bytes: Vec<u8>,
    /// A bit for each name; an entry whose bit is not set is none of them.
    filter: [u64; FILTER_WORDS],
}

const FILTER_WORDS: usize = 32;

/// Lists of one auction are numbered as the gate likes.
pub(super) type ListNumber = u32;

/// A name that may stand on a list.
#[derive(Clone, Copy, Debug)]
struct Name {
    list: ListNumber,
    hash: u64,
    /// Where it stands among all bytes.
    start: usize,
    end: usize,
    /// The entry that names it.
    entry: Option<Text>,
}

impl Names {
    /// Forgets the auction before.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.bytes.clear();
        self.filter = [0; FILTER_WORDS];
    }

    /// Gathers a name that is looked for on `list` as it is, unless it is too long for that.
    pub(super) fn add(&mut self, list: ListNumber, name: &[u8]) {
        if name.len() > LISTED_NAME_BYTES {
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.push(list, hash_of(name), start);
    }

    /// Gathers a domain name and all above it of at most so many `labels`, which are looked for on `list`. What is no
    /// name is not looked for.
    pub(super) fn add_domain(&mut self, list: ListNumber, name: &[u8], labels: usize) {
        let Some(name) = NormalName::of(name) else {
            return;
        };
        let name = name.as_bytes();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        for (at, hash) in line(name).take(labels) {
            self.push(list, hash, start + at);
        }
    }

    /// Ends the gathering: looking up begins.
    pub(super) fn settle(&mut self) {
        let Self { names, bytes, .. } = self;
        names.sort_unstable_by(|a, b| order(a, b.list, b.hash, of(bytes, b), bytes));
        names.dedup_by(|a, b| order(a, b.list, b.hash, of(bytes, b), bytes).is_eq());
    }

    /// Looks an entry of `list` up.
    pub(super) fn find(&mut self, list: ListNumber, written: &[u8], entry: Text) {
        let hash = hash_of(written);
        if self.may_hold(list, hash) {
            self.mark(list, hash, written, entry);
        }
    }

    /// Looks an entry of `list` up that is a domain name.
    pub(super) fn find_domain(&mut self, list: ListNumber, written: &[u8], entry: Text) {
        // The normal form of an ASCII name is its lower case, if it has one: most entries need no closer look.
        let lower = bare(written).iter().map(u8::to_ascii_lowercase);
        if written.is_ascii() && !self.may_hold(list, hash_from_end(lower)) {
            return;
        }
        if let Some(name) = NormalName::of(written) {
            self.mark(list, hash_of(name.as_bytes()), name.as_bytes(), entry);
        }
    }

    /// The first entry of `list` that is `name`.
    pub(super) fn entry(&self, list: ListNumber, name: &[u8]) -> Option<Text> {
        if name.len() > LISTED_NAME_BYTES {
            return None;
        }
        self.entry_with(list, hash_of(name), name)
    }

    /// The first entry of `list` that is the domain `name`, else the nearest above it.
    pub(super) fn entry_for_domain(&self, list: ListNumber, name: &[u8]) -> Option<Text> {
        let name = NormalName::of(name)?;
        let name = name.as_bytes();
        line(name)
            .filter_map(|(at, hash)| self.entry_with(list, hash, name.get(at..)?))
            .last()
    }

    fn entry_with(&self, list: ListNumber, hash: u64, name: &[u8]) -> Option<Text> {
        let name = self.position(list, hash, name)?;
        self.names.get(name)?.entry
    }

    /// The name from `start` to the last byte gathered.
    fn push(&mut self, list: ListNumber, hash: u64, start: usize) {
        self.names.push(Name {
            list,
            hash,
            start,
            end: self.bytes.len(),
            entry: None,
        });
        let bit = bit_of(list, hash);
        if let Some(word) = self.filter.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    fn may_hold(&self, list: ListNumber, hash: u64) -> bool {
        let bit = bit_of(list, hash);
        let word = self.filter.get(bit / 64);
        word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    fn mark(&mut self, list: ListNumber, hash: u64, bytes: &[u8], entry: Text) {
        let position = self.position(list, hash, bytes);
        if let Some(name) = position.and_then(|position| self.names.get_mut(position)) {
            name.entry.get_or_insert(entry);
        }
    }

    fn position(&self, list: ListNumber, hash: u64, bytes: &[u8]) -> Option<usize> {
        self.names
            .binary_search_by(|name| order(name, list, hash, bytes, &self.bytes))
            .ok()
    }
}

/// How `name` stands to another. Bytes are compared only where hashes are equal: names with one hash cost a comparison
/// each, and no more.
fn order(name: &Name, list: ListNumber, hash: u64, bytes: &[u8], all: &[u8]) -> Ordering {
    (name.list, name.hash)
        .cmp(&(list, hash))
        .then_with(|| of(all, name).cmp(bytes))
}

/// Labels that a domain name has at most, however it is written.
pub(super) fn labels_at_most(written: &[u8]) -> usize {
    if written.is_ascii() {
        1 + written.iter().filter(|&&byte| byte == b'.').count()
    } else {
        // Other characters become dots, too.
        written.len()
    }
}

fn of<'b>(bytes: &'b [u8], name: &Name) -> &'b [u8] {
    bytes.get(name.start..name.end).unwrap_or_default()
}

/// Where each of the domains above `name` begins in it, the highest first, and at last `name` itself; each with its hash.
fn line(name: &[u8]) -> impl Iterator<Item = (usize, u64)> {
    let mut hash = HASH_START;
    let bytes = name.iter().enumerate().rev();
    bytes.filter_map(move |(at, &byte)| {
        let behind = hash;
        hash = hashed(hash, byte);
        match (at, byte) {
            (_, b'.') => Some((at + 1, behind)),
            (0, _) => Some((0, hash)),
            _ => None,
        }
    })
}

/// FNV-1a, from the last byte to the first, so that the hashes of a domain and of those above it are one pass.
fn hash_of(name: &[u8]) -> u64 {
    hash_from_end(name.iter().copied())
}

fn hash_from_end(name: impl DoubleEndedIterator<Item = u8>) -> u64 {
    name.rev().fold(HASH_START, hashed)
}

const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

const fn hashed(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3)
}

/// The bit of a name in the filter.
const fn bit_of(list: ListNumber, hash: u64) -> usize {
    const BITS: u32 = (64 * FILTER_WORDS as u64).ilog2();
    let spread = (hash ^ list as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> (64 - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::Names;
    use crate::openrtb::Text;

    #[test]
    fn a_domain_stands_on_a_list_with_all_below_it() {
        let mut names = Names::default();
        names.add_domain(1, b"Shop.Ford.com.", 3);
        names.add_domain(1, b"m\xc3\xbcnchen.de", 2);
        names.settle();
        let entry = Text::of_payload(0, 1);
        for other in ["hop.ford.com", "notford.com", "a.shop.ford.com", "co", ""] {
            names.find_domain(1, other.as_bytes(), entry);
        }
        names.find_domain(2, b"ford.com", entry);
        assert_eq!(names.entry_for_domain(1, b"shop.ford.com"), None);
        names.find_domain(1, b" FORD.com", entry);
        names.find_domain(1, b"xn--mnchen-3ya.de", entry);
        assert_eq!(names.entry_for_domain(1, b"shop.ford.com"), Some(entry));
        assert_eq!(names.entry_for_domain(1, b"M\xc3\x9cnchen.de"), Some(entry));
        assert_eq!(names.entry_for_domain(2, b"shop.ford.com"), None);
    }
}
