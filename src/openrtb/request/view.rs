//! The bid request: what was read of it.

use std::ops::Range;

use super::{BidRequest, CategoryIds, Content, Deal, Imp};
use crate::openrtb::category::{Category, CategoryTaxonomy};
use crate::openrtb::compact::Categories;
use crate::openrtb::offer::{DurationFloor, Medium, Offer};
use crate::openrtb::personal::Personal;
use crate::openrtb::text::{Text, Texts};

/// A bid request: what was read of it, no judgement.
#[derive(Clone, Copy, Debug)]
pub struct BidRequestView<'a> {
    request: &'a BidRequest,
    texts: Texts<'a>,
}

impl<'a> BidRequestView<'a> {
    pub(super) const fn new(request: &'a BidRequest, texts: Texts<'a>) -> Self {
        Self { request, texts }
    }

    /// The bytes behind this request's texts.
    #[must_use]
    pub const fn texts(&self) -> &Texts<'a> {
        &self.texts
    }

    /// `imp`: the objects of the array.
    #[must_use]
    pub fn imps(&self) -> &'a [Imp] {
        &self.request.imps
    }

    /// `pmp.deals` of every imp, one behind the other.
    #[must_use]
    pub fn all_deals(&self) -> &'a [Deal] {
        &self.request.deals
    }

    /// Which of all deals are those of an imp.
    #[must_use]
    pub fn positions_of_deals(&self, imp: &Imp) -> Range<u32> {
        imp.deals.positions()
    }

    /// `tmax`, milliseconds; none when absent or not a number.
    #[must_use]
    pub const fn tmax_ms(&self) -> Option<f64> {
        self.request.head.tmax_ms
    }

    /// `bcat`, blocked categories.
    #[must_use]
    pub fn blocked_categories(&self) -> Categories<'a> {
        self.categories(self.request.head.bcat)
    }

    /// `acat`, allowed categories.
    #[must_use]
    pub fn allowed_categories(&self) -> Categories<'a> {
        self.categories(self.request.head.acat)
    }

    fn categories(&self, list: CategoryIds) -> Categories<'a> {
        let read = self.request.lists.categories(list.read);
        Categories::new(read, list.compact, self.texts, self.request.memory.level())
    }

    /// `cattax`: the taxonomy of `bcat` and `acat`.
    #[must_use]
    pub fn taxonomy(&self) -> CategoryTaxonomy {
        self.request
            .head
            .cattax
            .map_or(CategoryTaxonomy::DEFAULT, CategoryTaxonomy)
    }

    /// `regs.coppa` or `regs.ext.coppa`.
    #[must_use]
    pub const fn coppa(&self) -> bool {
        self.request.head.coppa
    }

    /// `site.content` and `app.content`.
    #[must_use]
    pub const fn contents(&self) -> [Content; 2] {
        [self.request.head.site, self.request.head.app]
    }

    /// `cat` of a content.
    #[must_use]
    pub fn content_categories(&self, content: Content) -> &'a [Category] {
        self.request.lists.categories(content.cat)
    }

    /// `app.bundle` and `app.name`.
    #[must_use]
    pub const fn app_names(&self) -> [Option<Text>; 2] {
        [self.request.head.bundle, self.request.head.name]
    }

    /// `id`.
    #[must_use]
    pub const fn id(&self) -> Option<Text> {
        self.request.head.id
    }

    /// `cur`, the currencies that are accepted.
    #[must_use]
    pub fn currencies(&self) -> &'a [Text] {
        self.request.lists.texts(self.request.head.currencies)
    }

    /// `badv`, blocked advertiser domains.
    #[must_use]
    pub fn blocked_advertisers(&self) -> &'a [Text] {
        self.request.lists.texts(self.request.head.badv)
    }

    /// `wadomain` of a deal, allowed advertiser domains.
    #[must_use]
    pub fn allowed_advertisers(&self, deal: &Deal) -> &'a [Text] {
        self.request.lists.texts(deal.advertisers)
    }

    /// `bapp`, blocked apps.
    #[must_use]
    pub fn blocked_apps(&self) -> &'a [Text] {
        self.request.lists.texts(self.request.head.bapp)
    }

    /// `bseat`, blocked buyer seats.
    #[must_use]
    pub fn blocked_seats(&self) -> &'a [Text] {
        self.request.lists.texts(self.request.head.bseat)
    }

    /// `wseat`, allowed buyer seats.
    #[must_use]
    pub fn allowed_seats(&self) -> &'a [Text] {
        self.request.lists.texts(self.request.head.wseat)
    }

    /// `wseat` of a deal.
    #[must_use]
    pub fn seats_of_deal(&self, deal: &Deal) -> &'a [Text] {
        self.request.lists.texts(deal.seats)
    }

    /// What `device` and `user` say about the person.
    #[must_use]
    pub const fn personal(&self) -> Personal {
        self.request.head.personal
    }

    /// The offer of every imp, in the order of the imps; empty when no gate needs them.
    #[must_use]
    pub fn offers(&self) -> &'a [Offer] {
        self.request.offers.all()
    }

    /// `battr` of a medium, ascending.
    #[must_use]
    pub fn blocked_attributes(&self, medium: Medium) -> &'a [i64] {
        self.request.offers.blocked_attributes(medium)
    }

    /// `durfloors` of a medium.
    #[must_use]
    pub fn duration_floors(&self, medium: Medium) -> &'a [DurationFloor] {
        self.request.offers.floors_of(medium)
    }

    /// Width and height of every size of a banner, ascending; empty when it takes any.
    #[must_use]
    pub fn sizes(&self, banner: Medium) -> &'a [(i64, i64)] {
        if banner.other_sizes {
            &[]
        } else {
            self.request.offers.sizes_of(banner)
        }
    }
}
