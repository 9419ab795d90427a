//! `bcatCompliance`: does the creative's category keep to the request's block list? (spec: gates, bcatCompliance)
//!
//! Lists are long and bids are few, so the list is read once: what the bids need to know is gathered first, one
//! [`Needle`] for each category and everything above it, and each entry of the list is looked up among the needles.
//! Cost grows with entries plus categories, never with their product.

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::{BidRequestView, CategoryKey, CategoryTaxonomy, Text, Texts};
use crate::verdict::{Detail, Reason};

/// The rule, compiled.
#[derive(Clone, Copy, Debug)]
pub(super) struct BcatCompliance {
    hierarchical: bool,
    unknown_category_fails: bool,
    taxonomy_mismatch_fails: bool,
}

impl BcatCompliance {
    pub(super) fn compile(options: &mut Section) -> Self {
        let allow_or_fail = [("allow", false), ("fail", true)];
        Self {
            hierarchical: options.flag("hierarchical", true),
            unknown_category_fails: options.choice("unknown_category", &allow_or_fail, false),
            taxonomy_mismatch_fails: options.choice("taxonomy_mismatch", &allow_or_fail, false),
        }
    }

    /// The category itself and, if the hierarchy counts, everything above it.
    fn line(
        self,
        category: CategoryKey,
        taxonomy: CategoryTaxonomy,
    ) -> impl Iterator<Item = CategoryKey> {
        let table = taxonomy.table().filter(|_| self.hierarchical);
        std::iter::once(category).chain(category.ancestors(table))
    }

    /// Marks which of the bids' categories, and of those above them, the list names.
    fn look_up(self, auction: &Auction<'_>, list: &CategoryList<'_>, needles: &mut Needles) {
        needles.clear();
        let texts = auction.response.texts();
        for bid in auction
            .bids()
            .filter(|bid| bid.taxonomy().comparable(list.taxonomy))
        {
            for &id in bid.categories() {
                let category = bid.taxonomy().key(texts.bytes(id));
                self.line(category, bid.taxonomy())
                    .for_each(|category| needles.add(category, id));
            }
        }
        needles.find_in(list, texts);
    }

    /// The entry that names the category or one above it.
    fn entry_for(
        self,
        id: Text,
        auction: &Auction<'_>,
        bid: &JoinedBid<'_>,
        list: &CategoryList<'_>,
        needles: &Needles,
    ) -> Option<Text> {
        let texts = auction.response.texts();
        let category = bid.taxonomy().key(texts.bytes(id));
        self.line(category, bid.taxonomy())
            .find_map(|category| needles.entry(category, texts.bytes(id), list.taxonomy, texts))
    }

    fn judge_bid(
        self,
        auction: &Auction<'_>,
        bid: &JoinedBid<'_>,
        list: &CategoryList<'_>,
        sheet: &mut Sheet<'_>,
    ) {
        if bid.categories().is_empty() {
            return sheet.reject_if(
                self.unknown_category_fails,
                bid,
                Reason::UnknownCategory,
                Detail::None,
            );
        }
        if !bid.taxonomy().comparable(list.taxonomy) {
            let detail = Detail::Taxonomies(bid.taxonomy().0, list.taxonomy.0);
            return sheet.reject_if(
                self.taxonomy_mismatch_fails,
                bid,
                Reason::TaxonomyMismatch,
                detail,
            );
        }
        for &id in bid.categories() {
            match (
                list.kind,
                self.entry_for(id, auction, bid, list, sheet.needles),
            ) {
                (ListKind::Blocked, Some(entry)) => {
                    return sheet.reject(bid, Reason::BlockedCategory, Detail::Against(id, entry));
                }
                (ListKind::Allowed, None) => {
                    return sheet.reject(bid, Reason::CategoryNotAllowed, Detail::Bid(id));
                }
                (ListKind::Blocked, None) | (ListKind::Allowed, Some(_)) => {}
            }
        }
    }
}

impl Gate for BcatCompliance {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let Some(list) = CategoryList::of(auction.request) else {
            return Judged::Skipped(Reason::NoBlockList);
        };
        self.look_up(auction, &list, sheet.needles);
        for bid in auction.bids() {
            self.judge_bid(auction, &bid, &list, sheet);
        }
        Judged::Bids
    }
}

/// The request's block list, or its allow list when it blocks nothing.
struct CategoryList<'a> {
    kind: ListKind,
    entries: &'a [Text],
    taxonomy: CategoryTaxonomy,
    texts: Texts<'a>,
}

#[derive(Clone, Copy)]
enum ListKind {
    Blocked,
    Allowed,
}

impl<'a> CategoryList<'a> {
    fn of(request: BidRequestView<'a>) -> Option<Self> {
        let lists = [
            (ListKind::Blocked, request.blocked_categories()),
            (ListKind::Allowed, request.allowed_categories()),
        ];
        let (kind, entries) = lists.into_iter().find(|(_, entries)| !entries.is_empty())?;
        Some(Self {
            kind,
            entries,
            taxonomy: request.taxonomy(),
            texts: *request.texts(),
        })
    }
}

/// What the bids need to know of the list, with the memory for the next auction.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    /// INVARIANT (sorted needles): once they are looked up, ascending by category, then id.
    needles: Vec<Needle>,
    /// A bit for each needle; an entry whose bit is not set is none of them.
    filter: Filter,
}

/// A category that an entry of the list may name.
#[derive(Clone, Copy, Debug)]
struct Needle {
    category: CategoryKey,
    /// The id as the bid writes it; counts where the key is not exact.
    id: Text,
    /// The entry that names it.
    entry: Option<Text>,
}

impl Needles {
    fn clear(&mut self) {
        self.needles.clear();
        self.filter = Filter::default();
    }

    fn add(&mut self, category: CategoryKey, id: Text) {
        self.needles.push(Needle {
            category,
            id,
            entry: None,
        });
        self.filter.insert(category);
    }

    fn find_in(&mut self, list: &CategoryList<'_>, texts: &Texts<'_>) {
        if self.needles.is_empty() {
            return;
        }
        let id = |needle: &Needle| distinct(needle.category, texts.bytes(needle.id), list.taxonomy);
        self.needles
            .sort_unstable_by(|a, b| a.category.cmp(&b.category).then_with(|| id(a).cmp(id(b))));
        self.needles
            .dedup_by(|a, b| a.category == b.category && id(a).eq(id(b)));
        for &entry in list.entries {
            let written = list.texts.bytes(entry);
            let category = list.taxonomy.key(written);
            if self.filter.may_hold(category)
                && let Some(needle) = self.position(category, written, list.taxonomy, texts)
                && let Some(needle) = self.needles.get_mut(needle)
            {
                needle.entry.get_or_insert(entry);
            }
        }
    }

    /// The entry that names this category.
    fn entry(
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
        let by_id = |needle: &Needle| {
            distinct(category, texts.bytes(needle.id), taxonomy)
                .cmp(distinct(category, id, taxonomy))
        };
        self.needles
            .binary_search_by(|needle| needle.category.cmp(&category).then_with(|| by_id(needle)))
            .ok()
    }
}

/// What tells ids of one key apart: nothing when the key is exact, else the id in the form of its taxonomy.
fn distinct(
    category: CategoryKey,
    id: &[u8],
    taxonomy: CategoryTaxonomy,
) -> impl Iterator<Item = u8> {
    let upper = taxonomy == CategoryTaxonomy::DEFAULT;
    let id = if category.is_exact() { &[] } else { id };
    id.iter().map(move |byte| {
        if upper {
            byte.to_ascii_uppercase()
        } else {
            *byte
        }
    })
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
