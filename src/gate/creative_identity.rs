#![doc = include_str!("../../docs/gates/creativeIdentity.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct CreativeIdentity;

impl CreativeIdentity {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for CreativeIdentity {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        for bid in auction.bids() {
            if let Some(reason) = offence(auction, &bid) {
                sheet.reject(&bid, reason, Detail::None);
            }
        }
        Judged::Bids
    }
}

fn offence(auction: &Auction<'_>, bid: &JoinedBid<'_>) -> Option<Reason> {
    let creative = bid.creative();
    let blank = |text| auction.response.filled(text).is_none();
    if blank(creative.id) {
        return Some(Reason::CreativeIdMissing);
    }
    [creative.markup, creative.win_notice, creative.preloaded_id]
        .into_iter()
        .all(blank)
        .then_some(Reason::MarkupMissing)
}
