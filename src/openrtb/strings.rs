//! Every string of a bid response, for gates that look into all of them.

use super::fault::Read;
use super::fields::Fields;
use super::json::Reader;
use super::keys::Key;
use super::text::Text;
use crate::limits::NODES;

/// The strings of a response, without keys, and where they stand.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    outside_of_bids: Vec<Text>,
    /// In document order, so sorted by bid.
    of_bids: Vec<BidString>,
    /// Values seen, [`NODES`] at most.
    nodes: u32,
    /// Bids seen.
    bids: u32,
    is_cut: bool,
}

/// A string at any depth of a bid.
#[derive(Clone, Copy, Debug)]
pub struct BidString {
    /// Position of the bid among all bids of the response.
    bid: u32,
    /// The member of the bid that it is, or in which it stands.
    pub member: BidMember,
    /// The string.
    pub text: Text,
}

/// A member of a bid, as far as strings are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BidMember {
    /// `adm`.
    Markup,
    /// `nurl`.
    NoticeUrl,
    /// Any other.
    Other,
}

impl Strings {
    pub(super) fn clear(&mut self) {
        self.outside_of_bids.clear();
        self.of_bids.clear();
        self.nodes = 0;
        self.bids = 0;
        self.is_cut = false;
    }

    /// Reads the response at whose opening brace the reader stands.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        self.value(reader, Place::Response)
    }

    /// Those that stand in no bid, in document order.
    pub(super) fn outside_of_bids(&self) -> &[Text] {
        &self.outside_of_bids
    }

    /// Those of the bid at `position`, in document order.
    pub(super) fn of_bid(&self, position: u32) -> &[BidString] {
        let first = self.of_bids.partition_point(|string| string.bid < position);
        let behind = self.of_bids.get(first..).unwrap_or_default();
        let count = behind.partition_point(|string| string.bid == position);
        behind.get(..count).unwrap_or_default()
    }

    /// False when there are more values than [`NODES`].
    pub(super) const fn are_complete(&self) -> bool {
        !self.is_cut
    }

    fn value(&mut self, reader: &mut Reader<'_>, place: Place) -> Read<()> {
        if self.nodes == NODES {
            self.is_cut = true;
            return reader.step();
        }
        self.nodes += 1;
        match reader.peek() {
            Some(b'{') => {
                let object = self.enter(place);
                reader.object(|reader, key| self.value(reader, object.member(key)))?;
            }
            Some(b'[') => {
                reader.array(|reader| self.value(reader, place.element()))?;
            }
            Some(b'"') => {
                if let Some(text) = reader.text()? {
                    self.push(place, text);
                }
            }
            _ => reader.step()?,
        }
        Ok(())
    }

    /// The place of an object: a bid gets the position that it has among all bids.
    const fn enter(&mut self, place: Place) -> Place {
        if !matches!(place, Place::EntryOfBids) {
            return place;
        }
        let position = self.bids;
        self.bids += 1;
        Place::Bid(position)
    }

    fn push(&mut self, place: Place, text: Text) {
        if let Place::InBid(bid, member) = place {
            self.of_bids.push(BidString { bid, member, text });
        } else {
            self.outside_of_bids.push(text);
        }
    }
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The root.
    Response,
    /// `seatbid`.
    Seatbids,
    /// An entry of `seatbid`.
    Seatbid,
    /// `seatbid.bid`.
    Bids,
    /// An entry of `seatbid.bid`, which is a bid if it is an object.
    EntryOfBids,
    /// A bid, by position.
    Bid(u32),
    /// A member of a bid, or below.
    InBid(u32, BidMember),
    /// Anywhere else.
    Outside,
}

impl Place {
    /// The place of a member of the object that stands here.
    const fn member(self, key: StringsKey) -> Self {
        match (self, key) {
            (Self::Response, StringsKey::Seatbid) => Self::Seatbids,
            (Self::Seatbid, StringsKey::Bid) => Self::Bids,
            (Self::Bid(bid), StringsKey::Markup) => Self::InBid(bid, BidMember::Markup),
            (Self::Bid(bid), StringsKey::NoticeUrl) => Self::InBid(bid, BidMember::NoticeUrl),
            (Self::Bid(bid), _) => Self::InBid(bid, BidMember::Other),
            (Self::InBid(..), _) => self,
            _ => Self::Outside,
        }
    }

    /// The place of an element of the array that stands here.
    const fn element(self) -> Self {
        match self {
            Self::Seatbids => Self::Seatbid,
            Self::Bids => Self::EntryOfBids,
            Self::InBid(..) => self,
            Self::Response | Self::Seatbid | Self::EntryOfBids | Self::Bid(_) | Self::Outside => {
                Self::Outside
            }
        }
    }
}

/// The keys that say where a string stands. Every other key is one too: nothing is stepped over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StringsKey {
    Seatbid,
    Bid,
    Markup,
    NoticeUrl,
    Other,
}

impl Key for StringsKey {
    fn find(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"seatbid" => Self::Seatbid,
            b"bid" => Self::Bid,
            b"adm" => Self::Markup,
            b"nurl" => Self::NoticeUrl,
            _ => Self::Other,
        })
    }

    /// None: what stands twice is looked at twice.
    fn bit(self) -> u64 {
        0
    }

    fn wanted(_: Fields) -> u64 {
        0
    }
}
