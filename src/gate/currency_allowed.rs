#![doc = include_str!("../../docs/gates/currencyAllowed.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::Section;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct CurrencyAllowed;

impl CurrencyAllowed {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for CurrencyAllowed {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let accepted = auction.request.currencies();
        if accepted.is_empty() {
            return Judged::Skipped(Reason::NoCurrencyList);
        }
        let (currency, texts) = (auction.response.price_currency(), auction.request.texts());
        if !accepted
            .iter()
            .any(|&code| texts.bytes(code).eq_ignore_ascii_case(currency))
        {
            let detail = auction
                .response
                .currency()
                .map_or(Detail::None, Detail::Bid);
            sheet.reject_all(auction, Reason::CurrencyNotAllowed, detail);
        }
        Judged::Bids
    }
}
