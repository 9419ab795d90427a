#![doc = include_str!("../../../docs/gates/secureMarkup.md")]

mod assets;

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::Text;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecureMarkup;

impl SecureMarkup {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for SecureMarkup {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if !auction.request.offers().iter().any(|offer| offer.secure) {
            return Judged::Skipped(Reason::NotSecure);
        }
        for bid in auction.bids() {
            if let Some(asset) = first_insecure(auction, &bid) {
                sheet.reject(&bid, Reason::InsecureMarkup, Detail::Bid(asset));
            }
        }
        Judged::Bids
    }
}

/// The markup from the first asset that is loaded over plain HTTP.
fn first_insecure(auction: &Auction<'_>, bid: &JoinedBid<'_>) -> Option<Text> {
    let markup = bid
        .creative()
        .markup
        .filter(|_| bid.offer().is_some_and(|offer| offer.secure))?;
    let at = assets::first_insecure(auction.response.texts().bytes(markup))?;
    Some(markup.shortened(at, 0))
}
