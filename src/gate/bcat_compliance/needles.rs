//! What the bids' categories need to know of a long list.

use std::cmp::Ordering;

use super::CategoryList;
use crate::openrtb::{Category, CategoryKey, CategoryTaxonomy, Likeness, Text, Texts};

/// What the bids need to know of the list, with the memory for the next auction.
#[derive(Debug, Default)]
pub(in crate::gate) struct Needles {
    /// INVARIANT (sorted needles): once they are looked up, ascending by category, then id.
    needles: Vec<Needle>,
    /// A bit for each needle; an entry whose bit is not set is none of them.
    filter: Filter,
    /// What they look like in a list that is searched as it stands.
    likeness: Likeness,
    /// Whether an entry of the list names one of them.
    found: bool,
}

/// A category that an entry of the list may name.
#[derive(Clone, Copy, Debug)]
struct Needle {
    category: CategoryKey,
    /// The id as the bid writes it; counts where the key is not exact.
    id: Text,
    /// Whether the key alone tells.
    exact: bool,
    /// The entry that names it.
    entry: Option<Text>,
}

impl Needles {
    /// Forgets the auction before.
    pub(super) fn clear(&mut self) {
        self.needles.clear();
        self.filter = Filter::default();
        self.likeness = Likeness::default();
        self.found = false;
    }

    /// Gathers a category: that of the bids' `id`, or one above it.
    pub(super) fn add(&mut self, category: CategoryKey, id: Text) {
        self.needles.push(Needle {
            category,
            id,
            exact: category.is_exact(),
            entry: None,
        });
        self.filter.insert(category);
        self.likeness.add(category);
    }

    /// Looks every entry of `list` up. `texts` are those of the bids.
    pub(super) fn find_in(&mut self, list: &CategoryList<'_>, texts: &Texts<'_>) {
        if self.needles.is_empty() {
            return;
        }
        let upper = list.taxonomy == CategoryTaxonomy::DEFAULT;
        let order = |a: &Needle, b: &Needle| a.order(b.category, texts.bytes(b.id), upper, texts);
        self.needles.sort_unstable_by(order);
        self.needles.dedup_by(|a, b| order(a, b).is_eq());
        let likeness = self.likeness;
        let look = |entry: Category| {
            let category = entry.key(list.taxonomy, &list.texts);
            if self.filter.may_hold(category) {
                self.find(category, entry.id, list, texts);
            }
        };
        if upper {
            list.entries.for_each_like(&likeness, look);
        } else {
            list.entries.iter().for_each(look);
        }
    }

    /// Remembers `entry` if it names one of the bids' categories, and none before did.
    fn find(
        &mut self,
        category: CategoryKey,
        entry: Text,
        list: &CategoryList<'_>,
        texts: &Texts<'_>,
    ) {
        let written = list.texts.bytes(entry);
        let needle = self.position(category, written, list.taxonomy, texts);
        if let Some(needle) = needle.and_then(|needle| self.needles.get_mut(needle)) {
            needle.entry.get_or_insert(entry);
            self.found = true;
        }
    }

    /// Whether an entry of the list names any of the categories.
    pub(super) const fn are_found(&self) -> bool {
        self.found
    }

    /// The entry that names this category.
    pub(super) fn entry(
        &self,
        category: CategoryKey,
        id: &[u8],
        taxonomy: CategoryTaxonomy,
        texts: &Texts<'_>,
    ) -> Option<Text> {
        self.needles
            .get(self.position(category, id, taxonomy, texts)?)?
            .entry
    }

    fn position(
        &self,
        category: CategoryKey,
        id: &[u8],
        taxonomy: CategoryTaxonomy,
        texts: &Texts<'_>,
    ) -> Option<usize> {
        let upper = taxonomy == CategoryTaxonomy::DEFAULT;
        self.needles
            .binary_search_by(|needle| needle.order(category, id, upper, texts))
            .ok()
    }
}

impl Needle {
    /// Whether it stands before or behind the category of this `id`. Ids of one key are told apart in the form of their
    /// taxonomy, unless the key is exact.
    fn order(&self, category: CategoryKey, id: &[u8], upper: bool, texts: &Texts<'_>) -> Ordering {
        let form = |byte: &u8| {
            if upper {
                byte.to_ascii_uppercase()
            } else {
                *byte
            }
        };
        let by_id = || {
            texts
                .bytes(self.id)
                .iter()
                .map(form)
                .cmp(id.iter().map(form))
        };
        let keys = self.category.cmp(&category);
        if self.exact {
            keys
        } else {
            keys.then_with(by_id)
        }
    }
}

/// 1024 bits that answer "certainly not" for nearly every entry of a long list.
#[derive(Debug, Default)]
struct Filter {
    bits: [u64; 16],
}

impl Filter {
    const BITS: u32 = 1024_u32.ilog2();

    fn insert(&mut self, category: CategoryKey) {
        let bit = category.spread(Self::BITS);
        if let Some(word) = self.bits.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    fn may_hold(&self, category: CategoryKey) -> bool {
        let bit = category.spread(Self::BITS);
        self.bits
            .get(bit / 64)
            .is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}
