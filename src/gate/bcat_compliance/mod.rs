#![doc = include_str!("../../../docs/gates/bcatCompliance.md")]
//!
//! # Cost
//!
//! Lists are long and bids are few, so the list is gone through once: what the bids need to know is gathered first, as
//! [`Needles`], and each entry of the list that may be one of them is looked up there. Cost grows with entries plus
//! categories, never with their product.

mod needles;

pub(super) use needles::Needles;

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::{
    BidRequestView, Categories, Category, CategoryKey, CategoryTaxonomy, Text, Texts,
};
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
            for category in bid.categories() {
                let key = category.key(bid.taxonomy(), texts);
                self.line(key, bid.taxonomy())
                    .for_each(|key| needles.add(key, category.id));
            }
        }
        needles.find_in(list, texts);
    }

    /// The entry that names the category or one above it.
    fn entry_for(
        self,
        category: Category,
        auction: &Auction<'_>,
        bid: &JoinedBid<'_>,
        list: &CategoryList<'_>,
        needles: &Needles,
    ) -> Option<Text> {
        let texts = auction.response.texts();
        let key = category.key(bid.taxonomy(), texts);
        let id = texts.bytes(category.id);
        self.line(key, bid.taxonomy())
            .find_map(|key| needles.entry(key, id, list.taxonomy, texts))
    }

    fn judge_bid(
        self,
        auction: &Auction<'_>,
        bid: &JoinedBid<'_>,
        list: &CategoryList<'_>,
        sheet: &mut Sheet<'_>,
    ) {
        if bid.categories().is_empty() {
            let fails = self.unknown_category_fails;
            sheet.reject_if(fails, bid, Reason::UnknownCategory, Detail::None);
        } else if !bid.taxonomy().comparable(list.taxonomy) {
            let fails = self.taxonomy_mismatch_fails;
            let detail = Detail::Taxonomies(bid.taxonomy().0, list.taxonomy.0);
            sheet.reject_if(fails, bid, Reason::TaxonomyMismatch, detail);
        } else if let Some((reason, detail)) =
            self.offence(auction, bid, list, &sheet.memory.needles)
        {
            sheet.reject(bid, reason, detail);
        }
    }

    /// The first category that the list does not let pass.
    fn offence(
        self,
        auction: &Auction<'_>,
        bid: &JoinedBid<'_>,
        list: &CategoryList<'_>,
        needles: &Needles,
    ) -> Option<(Reason, Detail)> {
        if matches!(list.kind, ListKind::Blocked) && !needles.are_found() {
            return None;
        }
        bid.categories().iter().find_map(|&category| {
            let id = category.id;
            match (
                list.kind,
                self.entry_for(category, auction, bid, list, needles),
            ) {
                (ListKind::Blocked, Some(entry)) => {
                    Some((Reason::BlockedCategory, Detail::Against(id, entry)))
                }
                (ListKind::Allowed, None) => Some((Reason::CategoryNotAllowed, Detail::Bid(id))),
                (ListKind::Blocked, None) | (ListKind::Allowed, Some(_)) => None,
            }
        })
    }
}

impl Gate for BcatCompliance {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let Some(list) = CategoryList::of(auction.request) else {
            return Judged::Skipped(Reason::NoBlockList);
        };
        self.look_up(auction, &list, &mut sheet.memory.needles);
        for bid in auction.bids() {
            self.judge_bid(auction, &bid, &list, sheet);
        }
        Judged::Bids
    }
}

/// The request's block list, or its allow list when it blocks nothing.
struct CategoryList<'a> {
    kind: ListKind,
    entries: Categories<'a>,
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
