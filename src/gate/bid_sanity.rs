#![doc = include_str!("../../docs/gates/bidSanity.md")]

use super::{Gate, Judged, Sheet, rates};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::{Floor, Price, Rates, Text};
use crate::verdict::{Detail, Reason};

/// The rule, compiled. Money is CPM.
#[derive(Debug)]
pub(super) struct BidSanity {
    max_floor_multiple: f64,
    /// Floors below say nothing about what a bid may cost; in the floor's own currency.
    min_floor: f64,
    max_price: f64,
    max_price_currency: Box<[u8]>,
    rates: Rates,
}

/// A price may exceed the multiple of its floor by this share, for conversions round.
const TOLERANCE: f64 = 1e-9;

impl BidSanity {
    pub(super) fn compile(options: &mut Section) -> Self {
        Self {
            max_floor_multiple: options.positive("max_floor_multiple", 50.0),
            min_floor: options.non_negative("min_floor", 0.10),
            max_price: options.positive("max_price", 5000.0),
            max_price_currency: compile_currency(options),
            rates: rates::compile(options),
        }
    }

    fn verify(&self, auction: &Auction<'_>, bid: &JoinedBid<'_>) -> Result<(), Anomaly> {
        let (price, written) = verify_price(bid.bid.price)?;
        let currency = auction.response.price_currency();
        let cap_rate = self.rates.convert(currency, &self.max_price_currency);
        if cap_rate.is_some_and(|rate| price * rate > self.max_price) {
            return Err(Anomaly::Reject(Reason::PriceAboveCap, Detail::Bid(written)));
        }
        let Some((floor, floor_written, floor_currency)) = self.floor(auction, bid) else {
            return Ok(());
        };
        let detail = Detail::Against(written, floor_written);
        match self.rates.convert(currency, floor_currency) {
            None => Err(Anomaly::NotComparable(detail)),
            Some(rate) if price * rate > floor * self.max_floor_multiple * (1.0 + TOLERANCE) => {
                Err(Anomaly::Reject(Reason::PriceAboveFloorMultiple, detail))
            }
            Some(_) => Ok(()),
        }
    }

    /// The floor to compare with: the deal's own if it has one, else the imp's. None when it says nothing.
    fn floor<'a>(
        &self,
        auction: &Auction<'a>,
        bid: &JoinedBid<'_>,
    ) -> Option<(f64, Text, &'a [u8])> {
        let of_deal = bid.deal().map(|deal| deal.floor).filter(is_positive);
        let floor = of_deal.or_else(|| bid.imp.map(|imp| imp.floor))?;
        let (value, written) = floor.value.filter(|&(value, _)| value >= self.min_floor)?;
        Some((value, written, auction.request.currency(floor.currency)))
    }
}

/// What is wrong with a price.
enum Anomaly {
    Reject(Reason, Detail),
    NotComparable(Detail),
}

impl Gate for BidSanity {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        for bid in auction.bids() {
            match self.verify(auction, &bid) {
                Ok(()) => {}
                Err(Anomaly::Reject(reason, detail)) => sheet.reject(&bid, reason, detail),
                Err(Anomaly::NotComparable(detail)) => {
                    sheet.note(&bid, Reason::CurrencyNotComparable, detail);
                }
            }
        }
        Judged::Bids
    }
}

/// A finite price of at least 0, and how it is written.
const fn verify_price(price: Price) -> Result<(f64, Text), Anomaly> {
    match price {
        Price::Absent => Err(Anomaly::Reject(Reason::PriceMissing, Detail::None)),
        Price::NotANumber => Err(Anomaly::Reject(Reason::PriceNotANumber, Detail::None)),
        Price::Number(value, written) if !value.is_finite() => Err(Anomaly::Reject(
            Reason::PriceNotANumber,
            Detail::Bid(written),
        )),
        Price::Number(value, written) if value < 0.0 => {
            Err(Anomaly::Reject(Reason::PriceNegative, Detail::Bid(written)))
        }
        Price::Number(value, written) => Ok((value, written)),
    }
}

fn is_positive(floor: &Floor) -> bool {
    floor.value.is_some_and(|(value, _)| value > 0.0)
}

/// A code in which a cap may be told. One that is none would switch the cap off without a word.
fn compile_currency(options: &mut Section) -> Box<[u8]> {
    let code = options.string("max_price_cur", "USD");
    options.spelled("max_price_cur", rates::CODE_PATTERN);
    if !rates::is_currency_code(&code) {
        options.reject("max_price_cur", rates::NOT_A_CODE);
    }
    code.trim().as_bytes().into()
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn a_code_that_is_none_or_stands_twice_is_refused() {
        let text = "gates: [{name: bidSanity, max_price_cur: '', rates: {EUR: 1.1, eur: 1.2, euro: 1, usd: 2}}]";
        let problems = Policy::from_yaml(text, "t").unwrap_err().to_string();
        let expected = "\
t:1:42: gates[0].max_price_cur: must be a currency code of three letters, such as \"EUR\"
t:1:69: gates[0].rates.eur: has a rate already, in other letters; remove one
t:1:80: gates[0].rates.euro: must be a currency code of three letters, such as \"EUR\"
t:1:88: gates[0].rates.usd: rates are in US dollars, so USD is 1: leave it out
";
        assert_eq!(problems, expected);
    }
}
