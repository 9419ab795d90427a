#![doc = include_str!("../../docs/gates/attributeBlock.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::{MediaType, Medium, Text};
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttributeBlock;

impl AttributeBlock {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for AttributeBlock {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let mut media = auction.request.offers().iter().flat_map(|it| it.media());
        if media.all(|medium| auction.request.blocked_attributes(medium).is_empty()) {
            return Judged::Skipped(Reason::NoAttributeList);
        }
        for bid in auction.bids() {
            if let Some(attribute) = first_blocked(auction, &bid) {
                sheet.reject(&bid, Reason::AttributeBlocked, Detail::Bid(attribute));
            }
        }
        Judged::Bids
    }
}

fn first_blocked(auction: &Auction<'_>, bid: &JoinedBid<'_>) -> Option<Text> {
    let (offer, creative) = (bid.offer()?, bid.creative());
    let of_mtype = creative.mtype.and_then(MediaType::of_mtype);
    let named = of_mtype.and_then(|media_type| offer.medium(media_type));
    let blocks = |medium: Medium, attribute: i64| {
        let blocked = auction.request.blocked_attributes(medium);
        blocked.binary_search(&attribute).is_ok()
    };
    let is_blocked = |attribute| match named {
        Some(medium) => blocks(medium, attribute),
        None => offer.media().any(|medium| blocks(medium, attribute)),
    };
    let mut attributes = auction.response.attributes(&creative).iter();
    attributes
        .find(|&&(attribute, _)| is_blocked(attribute))
        .map(|&(_, written)| written)
}
