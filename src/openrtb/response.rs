//! The bid response as the gates see it.

use super::category::CategoryTaxonomy;
use super::fault::{Read, What};
use super::json::{Memory, Reader, Stepping, read_payload};
use super::keys::keys;
use super::list::{List, Lists};
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

/// What was read of a bid response, with the memory to read the next one.
#[derive(Debug, Default)]
pub(crate) struct BidResponse {
    currency: Option<Text>,
    bids: Vec<Bid>,
    lists: Lists,
    memory: Memory,
}

keys!(ResponseKey { Currency = b"cur", Seatbid = b"seatbid" });
keys!(SeatbidKey { Bid = b"bid" });
keys!(BidKey {
    Id = b"id",
    Impid = b"impid",
    Price = b"price",
    Adomain = b"adomain",
    Cat = b"cat",
    Cattax = b"cattax",
    DealId = b"dealid",
    MediaRating = b"qagmediarating",
});

impl BidResponse {
    /// Reads `payload`, in place of what was read before, and checks it to the last byte.
    /// An empty payload is a response without bids (spec: contract §1).
    pub(crate) fn read(&mut self, payload: &[u8], limits: &Limits) -> Read<()> {
        let Self {
            currency,
            bids,
            lists,
            memory,
        } = self;
        *currency = None;
        bids.clear();
        lists.clear();
        if payload.is_empty() {
            return Ok(());
        }
        let mut reading = Reading {
            currency,
            bids,
            lists,
            limits,
        };
        read_payload(payload, Stepping::Strict, limits.depth, memory, |reader| {
            reading.response(reader)
        })
    }

    /// What was read, with the payload it was read from.
    pub(crate) fn view<'a>(&'a self, payload: &'a [u8]) -> BidResponseView<'a> {
        BidResponseView {
            response: self,
            payload,
            texts: Texts::new(payload, &self.memory.decoded),
        }
    }
}

/// A bid response while it is read.
struct Reading<'r> {
    currency: &'r mut Option<Text>,
    bids: &'r mut Vec<Bid>,
    lists: &'r mut Lists,
    limits: &'r Limits,
}

impl Reading<'_> {
    fn response(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object(|reader, key| {
            match key {
                ResponseKey::Currency => *self.currency = reader.text()?,
                ResponseKey::Seatbid => self.seatbids(reader)?,
            }
            Ok(())
        })?;
        Ok(())
    }

    fn seatbids(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        let mut seatbid_index = 0;
        reader.array(|reader| {
            reader.object(|reader, SeatbidKey::Bid| self.bids(reader, seatbid_index))?;
            seatbid_index += 1;
            Ok(())
        })?;
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
            if reader.object(|reader, key| self.bid_member(&mut bid, reader, key))? {
                self.bids.push(bid);
                if self.bids.len() > self.limits.bids as usize {
                    return Err(reader.fault(What::TooManyBids));
                }
            }
            bid_index += 1;
            Ok(())
        })?;
        Ok(())
    }

    fn bid_member(&mut self, bid: &mut Bid, reader: &mut Reader<'_>, key: BidKey) -> Read<()> {
        match key {
            BidKey::Id => bid.id = reader.text()?,
            BidKey::Impid => bid.impid = reader.text()?,
            BidKey::Price => bid.price = price(reader)?,
            BidKey::Adomain => bid.adomain = self.lists.domains(reader)?,
            BidKey::Cat => bid.cat = self.lists.categories(reader)?,
            BidKey::Cattax => bid.cattax = reader.integer()?,
            BidKey::DealId => bid.deal_id = reader.text()?,
            BidKey::MediaRating => bid.media_rating = reader.written_integer()?,
        }
        Ok(())
    }
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
    payload: &'a [u8],
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
        self.payload
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
        self.response.lists.of(bid.adomain)
    }

    /// `cat` of a bid, without white space around the ids and without blanks.
    #[must_use]
    pub fn categories(&self, bid: &Bid) -> &'a [Text] {
        self.response.lists.of(bid.cat)
    }

    /// `cattax` of a bid.
    #[must_use]
    pub fn taxonomy(&self, bid: &Bid) -> CategoryTaxonomy {
        bid.cattax
            .map_or(CategoryTaxonomy::DEFAULT, CategoryTaxonomy)
    }
}
