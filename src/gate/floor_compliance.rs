#![doc = include_str!("../../docs/gates/floorCompliance.md")]

use super::{Gate, Judged, Sheet, rates};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::{DurationFloor, MediaType, Medium, Offer, Rates, Text};
use crate::verdict::{Detail, Reason};

/// The rule, compiled. Money is CPM.
#[derive(Debug)]
pub(super) struct FloorCompliance {
    /// By how much of the floor's currency a price may stay below it.
    tolerance: f64,
    rates: Rates,
}

/// A price may stay below its floor by this share, for conversions round.
const ROUNDING: f64 = 1e-9;

const MICROS_PER_UNIT: f64 = 1e6;

/// The floor that applies to a bid, above 0.
struct Applicable<'a> {
    value: f64,
    written: Text,
    currency: &'a [u8],
    /// What a bid below it is rejected for.
    reason: Reason,
}

impl FloorCompliance {
    pub(super) fn compile(options: &mut Section) -> Self {
        Self {
            tolerance: options.non_negative("tolerance_micros", 1.0) / MICROS_PER_UNIT,
            rates: rates::compile(options),
        }
    }

    fn judge_bid(&self, auction: &Auction<'_>, bid: &JoinedBid<'_>, sheet: &mut Sheet<'_>) {
        let price = bid.bid.price.valid();
        let Some(((price, written), floor)) = price.zip(applicable(auction, bid)) else {
            return;
        };
        let detail = Detail::Against(written, floor.written);
        let currency = auction.response.price_currency();
        match self.rates.convert(currency, floor.currency) {
            None => sheet.note(bid, Reason::CurrencyNotComparable, detail),
            Some(rate) if price * rate < floor.value * (1.0 - ROUNDING) - self.tolerance => {
                sheet.reject(bid, floor.reason, detail);
            }
            Some(_) => {}
        }
    }
}

impl Gate for FloorCompliance {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if auction.request.imps().is_empty() {
            return Judged::Skipped(Reason::NoImps);
        }
        for bid in auction.bids() {
            self.judge_bid(auction, &bid, sheet);
        }
        Judged::Bids
    }
}

/// The deal's floor, else the duration's, else the imp's: the first that is above 0.
fn applicable<'a>(auction: &Auction<'a>, bid: &JoinedBid<'a>) -> Option<Applicable<'a>> {
    let imp = bid.imp?;
    let deal = || {
        let floor = bid.deal()?.floor;
        Some((floor.value?, floor.currency, Reason::BelowDealFloor))
    };
    let duration = || {
        let value = duration_floor(auction, bid)?;
        Some((value, imp.floor.currency, Reason::BelowDurationFloor))
    };
    let of_imp = || Some((imp.floor.value?, imp.floor.currency, Reason::BelowFloor));
    let above_zero = |&((value, _), _, _): &((f64, Text), _, _)| value > 0.0;
    let ((value, written), currency, reason) = deal()
        .filter(above_zero)
        .or_else(|| duration().filter(above_zero))
        .or_else(|| of_imp().filter(above_zero))?;
    Some(Applicable {
        value,
        written,
        currency: auction.request.currency(currency),
        reason,
    })
}

/// `bidfloor` of the first of the medium's `durfloors` that holds the bid's duration.
fn duration_floor(auction: &Auction<'_>, bid: &JoinedBid<'_>) -> Option<(f64, Text)> {
    let creative = bid.creative();
    let duration = creative.duration.filter(|&duration| duration > 0.0)?;
    let medium = stream(auction, bid.offer()?, creative.mtype)?;
    let holds = |floor: &&DurationFloor| {
        floor.shortest.is_none_or(|shortest| shortest <= duration)
            && floor.longest.is_none_or(|longest| longest >= duration)
    };
    let mut floors = auction.request.duration_floors(medium).iter();
    floors.find(holds)?.value
}

/// The medium whose duration floors apply.
fn stream(auction: &Auction<'_>, offer: &Offer, mtype: Option<i64>) -> Option<Medium> {
    let streams = [MediaType::Video, MediaType::Audio];
    match mtype {
        Some(mtype) => {
            let named = MediaType::of_mtype(mtype).filter(|named| streams.contains(named));
            offer.medium(named?)
        }
        None => streams
            .into_iter()
            .filter_map(|media_type| offer.medium(media_type))
            .find(|&medium| !auction.request.duration_floors(medium).is_empty()),
    }
}
