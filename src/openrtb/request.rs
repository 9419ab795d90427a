//! The bid request as the gates see it.

use std::ops::Range;

use super::category::{Category, CategoryTaxonomy};
use super::fault::{Read, What};
use super::json::{Memory, Reader, Stepping, read_payload};
use super::keys::keys;
use super::list::{List, Lists};
use super::text::{Text, Texts};
use crate::limits::Limits;

/// One impression on offer (OpenRTB 2.6 §3.2.4).
#[derive(Clone, Copy, Debug, Default)]
pub struct Imp {
    /// `id`; none matches no bid.
    pub id: Option<Text>,
    /// `bidfloor` and `bidfloorcur`.
    pub floor: Floor,
    /// `pmp.deals`, positions among [`BidRequestView::all_deals`].
    deals: List,
}

/// A deal of an imp (OpenRTB 2.6 §3.2.12).
#[derive(Clone, Copy, Debug, Default)]
pub struct Deal {
    /// `id`.
    pub id: Option<Text>,
    /// `bidfloor` and `bidfloorcur`; the currency is not inherited from the imp.
    pub floor: Floor,
}

/// A minimum price, CPM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Floor {
    /// `bidfloor`, and how it is written; none when absent or not a number.
    pub value: Option<(f64, Text)>,
    /// `bidfloorcur`; none means USD.
    pub currency: Option<Text>,
}

/// What `site.content` or `app.content` says about its audience (OpenRTB 2.6 §3.2.16).
#[derive(Clone, Copy, Debug, Default)]
pub struct Content {
    /// `cat`, without blanks.
    pub cat: List,
    /// `cattax`; none means 1.
    pub cattax: Option<i64>,
    /// `contentrating`.
    pub rating: Option<Text>,
}

/// What was read of a bid request, with the memory to read the next one.
#[derive(Debug, Default)]
pub(crate) struct BidRequest {
    head: Head,
    imps: Vec<Imp>,
    deals: Vec<Deal>,
    lists: Lists,
    memory: Memory,
}

/// The fields that stand once in a bid request.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    tmax_ms: Option<f64>,
    bcat: List,
    acat: List,
    cattax: Option<i64>,
    coppa: bool,
    site: Content,
    app: Content,
    bundle: Option<Text>,
    name: Option<Text>,
}

keys!(RequestKey { Imp = b"imp", Tmax = b"tmax", Bcat = b"bcat", Acat = b"acat", Cattax = b"cattax", Regs = b"regs", Site = b"site", App = b"app" });
keys!(ImpKey { Id = b"id", Floor = b"bidfloor", FloorCurrency = b"bidfloorcur", Pmp = b"pmp" });
keys!(PmpKey { Deals = b"deals" });
keys!(DealKey { Id = b"id", Floor = b"bidfloor", FloorCurrency = b"bidfloorcur" });
keys!(RegsKey { Coppa = b"coppa", Ext = b"ext" });
keys!(RegsExtKey { Coppa = b"coppa" });
keys!(SiteKey { Content = b"content" });
keys!(AppKey { Content = b"content", Bundle = b"bundle", Name = b"name" });
keys!(ContentKey { Cat = b"cat", Cattax = b"cattax", Rating = b"contentrating" });

impl BidRequest {
    /// Reads `payload`, in place of what was read before. What no gate reads is stepped over, not checked.
    pub(crate) fn read(&mut self, payload: &[u8], limits: &Limits) -> Read<()> {
        let Self {
            head,
            imps,
            deals,
            lists,
            memory,
        } = self;
        *head = Head::default();
        imps.clear();
        deals.clear();
        lists.clear();
        let mut reading = Reading {
            head,
            imps,
            deals,
            lists,
            limits,
        };
        read_payload(
            payload,
            Stepping::Balanced,
            limits.depth,
            memory,
            |reader| reading.request(reader),
        )
    }

    /// What was read, with the payload it was read from.
    pub(crate) fn view<'a>(&'a self, payload: &'a [u8]) -> BidRequestView<'a> {
        BidRequestView {
            request: self,
            texts: Texts::new(payload, &self.memory.decoded),
        }
    }
}

/// A bid request while it is read.
struct Reading<'r> {
    head: &'r mut Head,
    imps: &'r mut Vec<Imp>,
    deals: &'r mut Vec<Deal>,
    lists: &'r mut Lists,
    limits: &'r Limits,
}

impl Reading<'_> {
    fn request(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object(|reader, key| {
            match key {
                RequestKey::Imp => self.imps(reader)?,
                RequestKey::Tmax => self.head.tmax_ms = reader.number()?.map(|(tmax, _)| tmax),
                RequestKey::Bcat => self.head.bcat = self.block_list(reader)?,
                RequestKey::Acat => self.head.acat = self.block_list(reader)?,
                RequestKey::Cattax => self.head.cattax = reader.integer()?,
                RequestKey::Regs => self.regs(reader)?,
                RequestKey::Site => self.site(reader)?,
                RequestKey::App => self.app(reader)?,
            }
            Ok(())
        })?;
        Ok(())
    }

    fn imps(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.array(|reader| {
            let mut imp = Imp::default();
            if reader.object(|reader, key| self.imp_member(&mut imp, reader, key))? {
                self.imps.push(imp);
                if self.imps.len() > self.limits.imps as usize {
                    return Err(reader.fault(What::TooManyImps));
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn imp_member(&mut self, imp: &mut Imp, reader: &mut Reader<'_>, key: ImpKey) -> Read<()> {
        match key {
            ImpKey::Id => imp.id = reader.text()?,
            ImpKey::Floor => imp.floor.value = reader.number()?,
            ImpKey::FloorCurrency => imp.floor.currency = reader.text()?,
            ImpKey::Pmp => {
                reader.object(|reader, PmpKey::Deals| {
                    imp.deals = self.deals(reader)?;
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn deals(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let first = self.deals.len();
        reader.array(|reader| {
            let mut deal = Deal::default();
            let is_deal = reader.object(|reader, key| {
                match key {
                    DealKey::Id => deal.id = reader.text()?,
                    DealKey::Floor => deal.floor.value = reader.number()?,
                    DealKey::FloorCurrency => deal.floor.currency = reader.text()?,
                }
                Ok(())
            })?;
            if is_deal {
                self.deals.push(deal);
            }
            Ok(())
        })?;
        Ok(List::new(first, self.deals.len()))
    }

    fn block_list(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let list = self.lists.read_categories(reader)?;
        let entries = self.head.bcat.len() + self.head.acat.len() + list.len();
        if entries > self.limits.block_list as usize {
            return Err(reader.fault(What::TooManyListEntries));
        }
        Ok(list)
    }

    fn regs(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object(|reader, key| {
            match key {
                RegsKey::Coppa => self.head.coppa |= reader.flag()?,
                RegsKey::Ext => {
                    reader.object(|reader, RegsExtKey::Coppa| {
                        self.head.coppa |= reader.flag()?;
                        Ok(())
                    })?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn site(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object(|reader, SiteKey::Content| {
            self.head.site = self.content(reader)?;
            Ok(())
        })?;
        Ok(())
    }

    fn app(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object(|reader, key| {
            match key {
                AppKey::Content => self.head.app = self.content(reader)?,
                AppKey::Bundle => self.head.bundle = reader.text()?,
                AppKey::Name => self.head.name = reader.text()?,
            }
            Ok(())
        })?;
        Ok(())
    }

    fn content(&mut self, reader: &mut Reader<'_>) -> Read<Content> {
        let mut content = Content::default();
        reader.object(|reader, key| {
            match key {
                ContentKey::Cat => content.cat = self.lists.read_categories(reader)?,
                ContentKey::Cattax => content.cattax = reader.integer()?,
                ContentKey::Rating => content.rating = reader.text()?,
            }
            Ok(())
        })?;
        Ok(content)
    }
}

/// A bid request: what was read of it, no judgement.
#[derive(Clone, Copy, Debug)]
pub struct BidRequestView<'a> {
    request: &'a BidRequest,
    texts: Texts<'a>,
}

impl<'a> BidRequestView<'a> {
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
    pub fn blocked_categories(&self) -> &'a [Category] {
        self.request.lists.categories(self.request.head.bcat)
    }

    /// `acat`, allowed categories.
    #[must_use]
    pub fn allowed_categories(&self) -> &'a [Category] {
        self.request.lists.categories(self.request.head.acat)
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
}
