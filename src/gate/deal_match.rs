#![doc = include_str!("../../docs/gates/dealMatch.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::Offer;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct DealMatch;

impl DealMatch {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for DealMatch {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if auction.request.imps().is_empty() {
            return Judged::Skipped(Reason::NoImps);
        }
        for bid in auction.bids() {
            if let Some((reason, detail)) = bid.offer().and_then(|offer| offence(&bid, offer)) {
                sheet.reject(&bid, reason, detail);
            }
        }
        Judged::Bids
    }
}

fn offence(bid: &JoinedBid<'_>, offer: &Offer) -> Option<(Reason, Detail)> {
    match bid.bid.deal_id.filter(|deal_id| !deal_id.is_empty()) {
        Some(deal_id) if bid.deal().is_none() => Some((Reason::DealUnknown, Detail::Bid(deal_id))),
        None if offer.private_auction => Some((Reason::DealRequired, Detail::None)),
        Some(_) | None => None,
    }
}
