#![doc = include_str!("../../docs/gates/coppaLeak.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::Section;
use crate::openrtb::PersonalData;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct CoppaLeak;

impl CoppaLeak {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for CoppaLeak {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if !auction.request.coppa() {
            return Judged::Skipped(Reason::NotCoppa);
        }
        if let Some((data, field)) = auction.request.personal().first() {
            sheet.reject_all(auction, reason(data), Detail::Field(field));
        }
        Judged::Bids
    }
}

const fn reason(data: PersonalData) -> Reason {
    match data {
        PersonalData::Identifier => Reason::CoppaIdentifier,
        PersonalData::Demographics => Reason::CoppaDemographics,
        PersonalData::PreciseGeo => Reason::CoppaPreciseGeo,
        PersonalData::IpAddress => Reason::CoppaIpAddress,
    }
}
