#![doc = include_str!("../../docs/gates/responseId.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::Section;
use crate::openrtb::Text;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResponseId;

impl ResponseId {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for ResponseId {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let Some(asked) = auction.request.id().filter(|id| !id.is_empty()) else {
            return Judged::Skipped(Reason::NoRequestId);
        };
        if let Some((reason, detail)) = offence(auction, asked) {
            sheet.reject_all(auction, reason, detail);
        }
        Judged::Bids
    }
}

fn offence(auction: &Auction<'_>, asked: Text) -> Option<(Reason, Detail)> {
    let Some(answered) = auction.response.id().filter(|id| !id.is_empty()) else {
        return Some((Reason::ResponseIdMissing, Detail::None));
    };
    let same = auction.response.texts().bytes(answered) == auction.request.texts().bytes(asked);
    (!same).then_some((Reason::ResponseIdMismatch, Detail::Against(answered, asked)))
}
