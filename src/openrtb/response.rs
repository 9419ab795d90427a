//! The bid response as the gates see it.

use super::category::{Category, CategoryTaxonomy};
use super::creative::Creative;
use super::fault::{Read, What};
use super::fields::{Fields, Wanted};
use super::json::{Memory, Reader, Stepping, read_payload, read_payload_again};
use super::keys::{Key as _, keys};
use super::list::{List, Lists};
use super::strings::{BidString, Strings};
use super::text::{Text, Texts};
use crate::limits::Limits;

/// An offer to buy one imp (OpenRTB 2.6 §4.2.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct Bid {
    /// Position of its seatbid in `seatbid`, whatever the entries before it are.
    pub seatbid_index: u32,
    /// Position in `seatbid.bid`, likewise.
    pub bid_index: u32,
    /// `id`.
    pub id: Option<Text>,
    /// `impid`.
    pub impid: Option<Text>,
    /// `price`.
    pub price: Price,
    /// `dealid`.
    pub deal_id: Option<Text>,
    /// `qagmediarating`, and how it is written.
    pub media_rating: Option<(i64, Text)>,
    adomain: List,
    cat: List,
    cattax: Option<i64>,
}

/// `bid.price`, CPM, in the currency of the response.
#[derive(Clone, Copy, Debug, Default)]
pub enum Price {
    /// The key is missing or null.
    #[default]
    Absent,
    /// A number, possibly infinite as a double, and how it is written.
    Number(f64, Text),
    /// Any other value.
    NotANumber,
}

impl Price {
    /// A finite price of at least 0, and how it is written.
    #[must_use]
    pub fn valid(self) -> Option<(f64, Text)> {
        match self {
            Self::Number(value, written) if value.is_finite() && value >= 0.0 => {
                Some((value, written))
            }
            Self::Number(..) | Self::Absent | Self::NotANumber => None,
        }
    }
}

/// What was read of a bid response, with the memory to read the next one.
#[derive(Debug, Default)]
pub(crate) struct BidResponse {
    id: Option<Text>,
    currency: Option<Text>,
    bids: Vec<Bid>,
    /// One a bid; empty when no gate needs them.
    creatives: Vec<Creative>,
    attributes: Vec<(i64, Text)>,
    lists: Lists,
    strings: Strings,
    memory: Memory,
}

keys!(ResponseKey { Currency = b"cur", Seatbid = b"seatbid", Id = b"id" if Fields::AUCTION_ID });
keys!(SeatbidKey { Bid = b"bid", Seat = b"seat" if Fields::SEATS });
keys!(BidKey {
    Id = b"id",
    Impid = b"impid",
    Price = b"price",
    Adomain = b"adomain",
    Cat = b"cat",
    Cattax = b"cattax",
    DealId = b"dealid",
    MediaRating = b"qagmediarating",
    Crid = b"crid" if Fields::CREATIVE_ID,
    Adid = b"adid" if Fields::CREATIVE_ID,
    Adm = b"adm" if Fields::CREATIVE_ID.or(Fields::MEDIA).or(Fields::SECURE),
    Nurl = b"nurl" if Fields::CREATIVE_ID,
    Bundle = b"bundle" if Fields::APPS,
    Mtype = b"mtype" if Fields::ATTRIBUTES.or(Fields::MEDIA).or(Fields::DURATION_FLOORS),
    Width = b"w" if Fields::MEDIA,
    Height = b"h" if Fields::MEDIA,
    Duration = b"dur" if Fields::DURATION_FLOORS,
    Attr = b"attr" if Fields::ATTRIBUTES,
});

/// The keys of a bid response that a policy needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResponseKeys {
    response: u64,
    seatbid: u64,
    bid: u64,
    /// Whether any of them is about creatives.
    creatives: bool,
}

impl ResponseKeys {
    pub(super) fn of(fields: Fields) -> Self {
        let [bid, base] = [fields, Fields::NONE].map(BidKey::wanted);
        Self {
            response: ResponseKey::wanted(fields),
            seatbid: SeatbidKey::wanted(fields),
            bid,
            creatives: bid != base || fields.meets(Fields::SEATS),
        }
    }
}

impl BidResponse {
    /// Reads what is `wanted` of `payload`, in place of what was read before, and checks it to the last byte.
    /// An empty payload is a response without bids (spec: contract §1).
    pub(crate) fn read(&mut self, payload: &[u8], wanted: &Wanted, limits: &Limits) -> Read<()> {
        self.clear();
        if payload.is_empty() {
            return Ok(());
        }
        let Self {
            id,
            currency,
            bids,
            creatives,
            attributes,
            lists,
            memory,
            ..
        } = self;
        let mut reading = Reading {
            id,
            currency,
            bids,
            creatives,
            creative: Creative::default(),
            attributes,
            lists,
            keys: &wanted.response,
            limits,
        };
        read_payload(payload, Stepping::Strict, limits.depth, memory, |reader| {
            reading.response(reader)
        })
    }

    /// Reads every string of `payload` too, which was just read: for policies with a gate that looks into all of them.
    pub(crate) fn read_strings(&mut self, payload: &[u8], limits: &Limits) -> Read<()> {
        let Self {
            strings, memory, ..
        } = self;
        if payload.is_empty() {
            return Ok(());
        }
        read_payload_again(payload, limits.depth, memory, |reader| strings.read(reader))
    }

    /// Forgets what was read, so that nobody takes it for the response of a call whose own is not read.
    pub(crate) fn clear(&mut self) {
        (self.id, self.currency) = (None, None);
        self.bids.clear();
        self.creatives.clear();
        self.attributes.clear();
        self.lists.clear();
        self.strings.clear();
    }

    /// What was read, with the payload it was read from.
    pub(crate) fn view<'a>(&'a self, payload: &'a [u8]) -> BidResponseView<'a> {
        BidResponseView {
            response: self,
            texts: Texts::new(payload, &self.memory.decoded),
        }
    }
}

/// A bid response while it is read.
struct Reading<'r> {
    id: &'r mut Option<Text>,
    currency: &'r mut Option<Text>,
    bids: &'r mut Vec<Bid>,
    creatives: &'r mut Vec<Creative>,
    /// Of the bid that is read.
    creative: Creative,
    attributes: &'r mut Vec<(i64, Text)>,
    lists: &'r mut Lists,
    keys: &'r ResponseKeys,
    limits: &'r Limits,
}

impl Reading<'_> {
    fn response(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object_of(self.keys.response, |reader, key| {
            match key {
                ResponseKey::Currency => *self.currency = reader.text()?,
                ResponseKey::Seatbid => self.seatbids(reader)?,
                ResponseKey::Id => *self.id = reader.text()?,
            }
            Ok(())
        })?;
        Ok(())
    }

    fn seatbids(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        let mut seatbid_index = 0;
        reader.array(|reader| {
            self.seatbid(reader, seatbid_index)?;
            seatbid_index += 1;
            Ok(())
        })?;
        Ok(())
    }

    fn seatbid(&mut self, reader: &mut Reader<'_>, seatbid_index: u32) -> Read<()> {
        let first = self.creatives.len();
        let mut seat = None;
        reader.object_of(self.keys.seatbid, |reader, key| {
            match key {
                SeatbidKey::Bid => self.bids(reader, seatbid_index)?,
                SeatbidKey::Seat => seat = reader.text()?,
            }
            Ok(())
        })?;
        if seat.is_some() {
            let of_seat = self.creatives.iter_mut().skip(first);
            of_seat.for_each(|creative| creative.seat = seat);
        }
        Ok(())
    }

    fn bids(&mut self, reader: &mut Reader<'_>, seatbid_index: u32) -> Read<()> {
        let mut bid_index = 0;
        reader.array(|reader| {
            let mut bid = Bid {
                seatbid_index,
                bid_index,
                ..Bid::default()
            };
            if self.keys.creatives {
                self.creative = Creative::default();
            }
            if reader.object_of(self.keys.bid, |reader, key| {
                self.bid_member(&mut bid, reader, key)
            })? {
                self.push(bid);
                if self.bids.len() > self.limits.bids as usize {
                    return Err(reader.fault(What::TooManyBids));
                }
            }
            bid_index += 1;
            Ok(())
        })?;
        Ok(())
    }

    fn push(&mut self, bid: Bid) {
        self.bids.push(bid);
        if self.keys.creatives {
            self.creatives.push(self.creative);
        }
    }

    fn bid_member(&mut self, bid: &mut Bid, reader: &mut Reader<'_>, key: BidKey) -> Read<()> {
        match key {
            BidKey::Id => bid.id = reader.text()?,
            BidKey::Impid => bid.impid = reader.text()?,
            BidKey::Price => bid.price = price(reader)?,
            BidKey::Adomain => bid.adomain = self.lists.read_domains(reader)?,
            BidKey::Cat => bid.cat = self.lists.read_categories(reader)?,
            BidKey::Cattax => bid.cattax = reader.integer()?,
            BidKey::DealId => bid.deal_id = reader.text()?,
            BidKey::MediaRating => bid.media_rating = reader.written_integer()?,
            BidKey::Crid => self.creative.id = reader.text()?,
            BidKey::Adid => self.creative.preloaded_id = reader.text()?,
            BidKey::Adm => self.creative.markup = reader.text()?,
            BidKey::Nurl => self.creative.win_notice = reader.text()?,
            BidKey::Bundle => self.creative.bundle = reader.text()?,
            BidKey::Mtype => self.creative.mtype = reader.integer()?,
            BidKey::Width => self.creative.width = reader.integer()?,
            BidKey::Height => self.creative.height = reader.integer()?,
            BidKey::Duration => self.creative.duration = reader.number()?.map(|(dur, _)| dur),
            BidKey::Attr => self.creative.attributes = attributes(self.attributes, reader)?,
        }
        Ok(())
    }
}

/// The integers of an array, and how they are written.
fn attributes(attributes: &mut Vec<(i64, Text)>, reader: &mut Reader<'_>) -> Read<List> {
    let first = attributes.len();
    reader.array(|reader| {
        attributes.extend(reader.written_integer()?);
        Ok(())
    })?;
    Ok(List::new(first, attributes.len()))
}

fn price(reader: &mut Reader<'_>) -> Read<Price> {
    let null = reader.peek() == Some(b'n');
    Ok(match reader.number()? {
        Some((value, text)) => Price::Number(value, text),
        None if null => Price::Absent,
        None => Price::NotANumber,
    })
}

/// A bid response: what was read of it, no judgement.
#[derive(Clone, Copy, Debug)]
pub struct BidResponseView<'a> {
    response: &'a BidResponse,
    texts: Texts<'a>,
}

impl<'a> BidResponseView<'a> {
    /// The bytes behind this response's texts.
    #[must_use]
    pub const fn texts(&self) -> &Texts<'a> {
        &self.texts
    }

    /// The response as it was received; checked to the last byte.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.texts.payload()
    }

    /// Every bid of every seatbid, in document order.
    #[must_use]
    pub fn bids(&self) -> &'a [Bid] {
        &self.response.bids
    }

    /// `cur`, the currency of every price; none means USD.
    #[must_use]
    pub const fn currency(&self) -> Option<Text> {
        self.response.currency
    }

    /// `adomain` of a bid, without white space around the entries. An entry that is not a string is empty.
    #[must_use]
    pub fn advertiser_domains(&self, bid: &Bid) -> &'a [Text] {
        self.response.lists.texts(bid.adomain)
    }

    /// `cat` of a bid, without white space around the ids and without blanks.
    #[must_use]
    pub fn categories(&self, bid: &Bid) -> &'a [Category] {
        self.response.lists.categories(bid.cat)
    }

    /// `cattax` of a bid.
    #[must_use]
    pub fn taxonomy(&self, bid: &Bid) -> CategoryTaxonomy {
        bid.cattax
            .map_or(CategoryTaxonomy::DEFAULT, CategoryTaxonomy)
    }

    /// `id`, of the bid request that is answered.
    #[must_use]
    pub const fn id(&self) -> Option<Text> {
        self.response.id
    }

    /// The creative of the bid at `position`; nothing is known of it when no gate needs it.
    #[must_use]
    pub fn creative(&self, position: u32) -> Creative {
        let creative = self.response.creatives.get(position as usize);
        creative.copied().unwrap_or_default()
    }

    /// `attr` of a creative, each with how it is written.
    #[must_use]
    pub fn attributes(&self, creative: &Creative) -> &'a [(i64, Text)] {
        creative.attributes.of(&self.response.attributes)
    }

    /// The strings that stand in no bid, in document order. Keys are not among them; so it is with those of bids.
    pub(crate) fn strings_outside_of_bids(&self) -> &'a [Text] {
        self.response.strings.outside_of_bids()
    }

    /// The strings of the bid at `position`, in document order.
    pub(crate) fn strings_of_bid(&self, position: u32) -> &'a [BidString] {
        self.response.strings.of_bid(position)
    }

    /// False when there are more values than [`NODES`](crate::limits::NODES), and strings behind them were not read.
    pub(crate) fn has_all_strings(&self) -> bool {
        self.response.strings.are_complete()
    }
}
