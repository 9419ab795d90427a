//! The bid request as the gates see it.

use super::compact::Compact;
use super::fault::{Read, What};
use super::fields::{Fields, Wanted};
use super::json::{Memory, Reader, Stepping, read_payload};
use super::keys::{Key as _, keys};
use super::list::{List, Lists};
use super::offer::{MediaType, Offers};
use super::personal::Personal;
use super::text::{Text, Texts};
use crate::limits::Limits;

mod view;

pub use view::BidRequestView;

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
    /// `wadomain`.
    advertisers: List,
    /// `wseat`.
    seats: List,
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
    offers: Offers,
    lists: Lists,
    memory: Memory,
}

/// The fields that stand once in a bid request.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    tmax_ms: Option<f64>,
    bcat: CategoryIds,
    acat: CategoryIds,
    cattax: Option<i64>,
    coppa: bool,
    site: Content,
    app: Content,
    bundle: Option<Text>,
    name: Option<Text>,
    id: Option<Text>,
    currencies: List,
    badv: List,
    bapp: List,
    wseat: List,
    bseat: List,
    personal: Personal,
}

/// Category ids: one of the two is empty.
#[derive(Clone, Copy, Debug, Default)]
struct CategoryIds {
    read: List,
    compact: Compact,
}

keys!(RequestKey {
    Imp = b"imp",
    Tmax = b"tmax",
    Bcat = b"bcat",
    Acat = b"acat",
    Cattax = b"cattax",
    Regs = b"regs",
    Site = b"site",
    App = b"app",
    Id = b"id" if Fields::AUCTION_ID,
    Currencies = b"cur" if Fields::CURRENCIES,
    Badv = b"badv" if Fields::ADVERTISERS,
    Bapp = b"bapp" if Fields::APPS,
    Wseat = b"wseat" if Fields::SEATS,
    Bseat = b"bseat" if Fields::SEATS,
    Device = b"device" if Fields::PERSONAL,
    User = b"user" if Fields::PERSONAL,
});
keys!(ImpKey {
    Id = b"id",
    Floor = b"bidfloor",
    FloorCurrency = b"bidfloorcur",
    Pmp = b"pmp",
    Secure = b"secure" if Fields::SECURE,
    Interstitial = b"instl" if Fields::MEDIA,
    Banner = b"banner" if Fields::ATTRIBUTES.or(Fields::MEDIA),
    Video = b"video" if Fields::ATTRIBUTES.or(Fields::MEDIA).or(Fields::DURATION_FLOORS),
    Audio = b"audio" if Fields::ATTRIBUTES.or(Fields::MEDIA).or(Fields::DURATION_FLOORS),
    Native = b"native" if Fields::ATTRIBUTES.or(Fields::MEDIA),
});
keys!(PmpKey { Deals = b"deals", PrivateAuction = b"private_auction" if Fields::PRIVATE_AUCTION });
keys!(DealKey { Id = b"id", Floor = b"bidfloor", FloorCurrency = b"bidfloorcur", Wadomain = b"wadomain" if Fields::ADVERTISERS, Wseat = b"wseat" if Fields::SEATS });
keys!(RegsKey { Coppa = b"coppa", Ext = b"ext" });
keys!(RegsExtKey { Coppa = b"coppa" });
keys!(SiteKey { Content = b"content" });
keys!(AppKey { Content = b"content", Bundle = b"bundle", Name = b"name" });
keys!(ContentKey { Cat = b"cat", Cattax = b"cattax", Rating = b"contentrating" });

/// The keys of a bid request that a policy needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestKeys {
    fields: Fields,
    request: u64,
    imp: u64,
    pmp: u64,
    deal: u64,
    /// Whether imps have anything to offer.
    offers: bool,
}

impl RequestKeys {
    pub(super) fn of(fields: Fields) -> Self {
        let offers = Fields::ATTRIBUTES
            .or(Fields::MEDIA)
            .or(Fields::DURATION_FLOORS)
            .or(Fields::SECURE)
            .or(Fields::PRIVATE_AUCTION);
        Self {
            fields,
            request: RequestKey::wanted(fields),
            imp: ImpKey::wanted(fields),
            pmp: PmpKey::wanted(fields),
            deal: DealKey::wanted(fields),
            offers: fields.meets(offers),
        }
    }
}

impl BidRequest {
    /// Reads what is `wanted` of `payload`, in place of what was read before. What no gate reads is stepped over, not
    /// checked.
    pub(crate) fn read(&mut self, payload: &[u8], wanted: &Wanted, limits: &Limits) -> Read<()> {
        let Self {
            head,
            imps,
            deals,
            offers,
            lists,
            memory,
        } = self;
        *head = Head::default();
        imps.clear();
        deals.clear();
        offers.clear();
        lists.clear();
        let mut reading = Reading {
            head,
            imps,
            deals,
            offers,
            lists,
            entries: 0,
            keys: &wanted.request,
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
        BidRequestView::new(self, Texts::new(payload, &self.memory.decoded))
    }
}

/// A bid request while it is read.
struct Reading<'r> {
    head: &'r mut Head,
    imps: &'r mut Vec<Imp>,
    deals: &'r mut Vec<Deal>,
    offers: &'r mut Offers,
    lists: &'r mut Lists,
    /// Entries of all lists of strings that are limited together.
    entries: usize,
    keys: &'r RequestKeys,
    limits: &'r Limits,
}

impl Reading<'_> {
    fn request(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object_of(self.keys.request, |reader, key| {
            match key {
                RequestKey::Imp => self.imps(reader)?,
                RequestKey::Tmax => self.head.tmax_ms = reader.number()?.map(|(tmax, _)| tmax),
                RequestKey::Bcat => self.head.bcat = self.category_list(reader)?,
                RequestKey::Acat => self.head.acat = self.category_list(reader)?,
                RequestKey::Cattax => self.head.cattax = reader.integer()?,
                RequestKey::Regs => self.regs(reader)?,
                RequestKey::Site => self.site(reader)?,
                RequestKey::App => self.app(reader)?,
                RequestKey::Id => self.head.id = reader.text()?,
                RequestKey::Currencies => self.head.currencies = self.block_list(reader)?,
                RequestKey::Badv => self.head.badv = self.block_list(reader)?,
                RequestKey::Bapp => self.head.bapp = self.block_list(reader)?,
                RequestKey::Wseat => self.head.wseat = self.block_list(reader)?,
                RequestKey::Bseat => self.head.bseat = self.block_list(reader)?,
                RequestKey::Device => self.head.personal.device(reader)?,
                RequestKey::User => self.head.personal.user(reader)?,
            }
            Ok(())
        })?;
        Ok(())
    }

    fn imps(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.array(|reader| {
            let mut imp = Imp::default();
            if self.keys.offers {
                self.offers.begin();
            }
            if reader.object_of(self.keys.imp, |reader, key| {
                self.imp_member(&mut imp, reader, key)
            })? {
                self.imps.push(imp);
                if self.imps.len() > self.limits.imps as usize {
                    return Err(reader.fault(What::TooManyImps));
                }
            } else {
                self.offers.take_back();
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
            ImpKey::Pmp => self.pmp(imp, reader)?,
            ImpKey::Secure => {
                let secure = reader.flag()?;
                self.offers.change(|offer| offer.secure = secure);
            }
            ImpKey::Interstitial => {
                let interstitial = reader.flag()?;
                self.offers
                    .change(|offer| offer.interstitial = interstitial);
            }
            ImpKey::Banner => self.medium(MediaType::Banner, reader)?,
            ImpKey::Video => self.medium(MediaType::Video, reader)?,
            ImpKey::Audio => self.medium(MediaType::Audio, reader)?,
            ImpKey::Native => self.medium(MediaType::Native, reader)?,
        }
        Ok(())
    }

    fn pmp(&mut self, imp: &mut Imp, reader: &mut Reader<'_>) -> Read<()> {
        reader.object_of(self.keys.pmp, |reader, key| {
            match key {
                PmpKey::Deals => imp.deals = self.deals(reader)?,
                PmpKey::PrivateAuction => {
                    let private = reader.flag()?;
                    self.offers.change(|offer| offer.private_auction = private);
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn medium(&mut self, media_type: MediaType, reader: &mut Reader<'_>) -> Read<()> {
        self.offers.medium(media_type, reader, self.keys.fields)?;
        self.limit_entries(reader)
    }

    fn deals(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let first = self.deals.len();
        reader.array(|reader| {
            let mut deal = Deal::default();
            let is_deal = reader.object_of(self.keys.deal, |reader, key| {
                match key {
                    DealKey::Id => deal.id = reader.text()?,
                    DealKey::Floor => deal.floor.value = reader.number()?,
                    DealKey::FloorCurrency => deal.floor.currency = reader.text()?,
                    DealKey::Wadomain => deal.advertisers = self.block_list(reader)?,
                    DealKey::Wseat => deal.seats = self.block_list(reader)?,
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

    /// A list of strings, without blanks.
    fn block_list(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let list = self.lists.read_texts(reader)?;
        self.limit(list, reader)
    }

    /// A list of category ids.
    fn category_list(&mut self, reader: &mut Reader<'_>) -> Read<CategoryIds> {
        let mut list = CategoryIds::default();
        match reader.compact() {
            Some(compact) => list.compact = compact,
            None => list.read = self.lists.read_categories(reader)?,
        }
        self.entries += list.compact.len() + list.read.len();
        self.limit_entries(reader)?;
        Ok(list)
    }

    fn limit(&mut self, list: List, reader: &Reader<'_>) -> Read<List> {
        self.entries += list.len();
        self.limit_entries(reader)?;
        Ok(list)
    }

    fn limit_entries(&self, reader: &Reader<'_>) -> Read<()> {
        let entries = self.entries + self.offers.attribute_count();
        if entries > self.limits.block_list as usize {
            return Err(reader.fault(What::TooManyListEntries));
        }
        Ok(())
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
