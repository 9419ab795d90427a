#![doc = include_str!("../../docs/gates/impidMatch.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::Section;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImpidMatch;

impl ImpidMatch {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for ImpidMatch {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if auction.request.imps().is_empty() {
            return Judged::Skipped(Reason::NoImps);
        }
        for bid in auction.bids() {
            match bid.bid.impid.filter(|impid| !impid.is_empty()) {
                None => sheet.reject(&bid, Reason::ImpidMissing, Detail::None),
                Some(impid) if bid.imp.is_none() => {
                    sheet.reject(&bid, Reason::ImpidUnknown, Detail::Bid(impid));
                }
                Some(_) => {}
            }
        }
        Judged::Bids
    }
}
