#![doc = include_str!("../../../docs/gates/audienceSafety.md")]

mod keywords;
mod unsafe_categories;

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::{BidRequestView, CategoryTaxonomy, Content, TaxonomyTable, Text};
use crate::verdict::{Detail, Reason};
use keywords::Keywords;
use unsafe_categories::UnsafeCategories;

/// The rule, compiled.
#[derive(Debug)]
pub(super) struct AudienceSafety {
    unsafe_categories: UnsafeCategories,
    strict: bool,
    bundle_keywords: Keywords,
}

impl AudienceSafety {
    pub(super) fn compile(options: &mut Section) -> Self {
        let strict = options.flag("strict", false);
        Self {
            unsafe_categories: UnsafeCategories::compile(options, strict),
            strict,
            bundle_keywords: Keywords::compile(options),
        }
    }

    fn is_child_directed(&self, request: &BidRequestView<'_>) -> bool {
        request.coppa()
            || request
                .contents()
                .into_iter()
                .any(|content| is_for_children(request, content))
            || request
                .app_names()
                .into_iter()
                .flatten()
                .any(|name| self.bundle_keywords.occur_in(request.texts().str(name)))
    }

    fn judge_bid(&self, auction: &Auction<'_>, bid: &JoinedBid<'_>, sheet: &mut Sheet<'_>) {
        if let Some((_, written)) = bid
            .bid
            .media_rating
            .filter(|&(rating, _)| is_for_older(rating))
        {
            return sheet.reject(bid, Reason::ChildUnsafeRating, Detail::Bid(written));
        }
        if bid.categories().is_empty() {
            return sheet.reject_if(self.strict, bid, Reason::UnknownCategory, Detail::None);
        }
        match bid.taxonomy().table() {
            None => sheet.note(bid, Reason::TaxonomyUnknown, Detail::None),
            Some(table) => {
                if let Some(category) = self.first_unsafe(auction, bid, table) {
                    sheet.reject(bid, Reason::ChildUnsafeCategory, Detail::Bid(category));
                }
            }
        }
    }

    fn first_unsafe(
        &self,
        auction: &Auction<'_>,
        bid: &JoinedBid<'_>,
        table: TaxonomyTable,
    ) -> Option<Text> {
        let texts = auction.response.texts();
        bid.categories()
            .iter()
            .map(|category| category.id)
            .find(|&id| self.unsafe_categories.contain(table, texts.bytes(id)))
    }
}

impl Gate for AudienceSafety {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if !self.is_child_directed(&auction.request) {
            return Judged::Skipped(Reason::NotChildDirected);
        }
        for bid in auction.bids() {
            self.judge_bid(auction, &bid, sheet);
        }
        Judged::Bids
    }
}

/// Children's television, music, films and literature. Content 1.0 and Ad Product have no such category.
const CHILDREN_CONTENT_2: &[&[u8]] = &[b"645", b"344", b"334", b"45"];
const CHILDREN_CONTENT_3: &[&[u8]] = &[b"645", b"344"];

fn is_for_children(request: &BidRequestView<'_>, content: Content) -> bool {
    let texts = request.texts();
    let children = children_categories(
        content
            .cattax
            .map_or(CategoryTaxonomy::DEFAULT, CategoryTaxonomy),
    );
    request
        .content_categories(content)
        .iter()
        .any(|category| children.contains(&texts.bytes(category.id)))
        || content
            .rating
            .is_some_and(|rating| is_rated_for_children(texts.bytes(rating)))
}

const fn children_categories(taxonomy: CategoryTaxonomy) -> &'static [&'static [u8]] {
    match taxonomy.table() {
        Some(TaxonomyTable::Content2) => CHILDREN_CONTENT_2,
        Some(TaxonomyTable::Content3) => CHILDREN_CONTENT_3,
        Some(TaxonomyTable::Content1 | TaxonomyTable::AdProduct2) | None => &[],
    }
}

/// `TV-Y`, or anything that begins with `TV-Y7`, in any case.
fn is_rated_for_children(rating: &[u8]) -> bool {
    let rating = rating.trim_ascii();
    rating.eq_ignore_ascii_case(b"TV-Y")
        || rating
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"TV-Y7"))
}

/// AdCOM, "List: Media Ratings": 2 is over 12, 3 is mature.
const fn is_for_older(rating: i64) -> bool {
    matches!(rating, 2 | 3)
}
