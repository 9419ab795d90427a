//! Is the price one that somebody meant? (spec: gates, bidSanity)
use super::Finding;
use crate::oracle::auction::{Auction, Bid, deal_of, text};
use crate::oracle::json::Node;
use crate::oracle::policy::{BidSanity, Rates};

pub(crate) fn judge(options: &BidSanity, auction: &Auction<'_>, bid: &Bid<'_>) -> Option<Finding> {
    // 1 "`price` absent -> F `price_missing`; not a JSON number, or not finite as a double (`1e400`) -> F
    // `price_not_a_number`; < 0 -> F `price_negative`."
    let Some(price) = bid.node.get("price") else {
        return Some(Finding::Fails("price_missing"));
    };
    let Some(price) = price.number().filter(|price| price.is_finite()) else {
        return Some(Finding::Fails("price_not_a_number"));
    };
    if price < 0.0 {
        return Some(Finding::Fails("price_negative"));
    }
    // 2 "Cap: bid currency = `response.cur`, absent or empty -> USD (trim, upper-case). If it equals `max_price_cur`, or
    // `rates` converts it, and price > cap -> F `price_above_cap`. Not convertible -> the cap is not applied."
    let currency = currency(auction.cur.and_then(Node::text));
    if let Some(price) = convert(&options.rates, price, &currency, &options.max_price_cur)
        && price > options.max_price
    {
        return Some(Finding::Fails("price_above_cap"));
    }
    // 3 "[..] < `min_floor` (in the floor's own currency) -> no ratio check."
    let floor = floor(auction, bid).filter(|floor| floor.amount >= options.min_floor)?;
    // "Currencies equal or convertible -> price > floor x `max_floor_multiple` (with a relative tolerance of 1e-9) -> F
    // `price_above_floor_multiple`. Not convertible -> N `currency_not_comparable`."
    let Some(floor) = convert(&options.rates, floor.amount, &floor.currency, &currency) else {
        return Some(Finding::Note("currency_not_comparable"));
    };
    let limit = floor * options.max_floor_multiple * (1.0 + 1e-9);
    (price > limit).then_some(Finding::Fails("price_above_floor_multiple"))
}

struct Floor {
    amount: f64,
    currency: String,
}

/// "The floor is, for a bid whose `dealid` is the `id` of a deal in its imp's `pmp.deals` with `bidfloor` > 0, that deal's
/// `bidfloor` in its `bidfloorcur` (absent -> USD: it does **not** inherit the imp's); else the imp's `bidfloor` in
/// `bidfloorcur` (absent -> USD)."
fn floor(auction: &Auction<'_>, bid: &Bid<'_>) -> Option<Floor> {
    let imp = auction.imp_of(bid)?;
    let deal = deal_of(imp, bid)
        .and_then(floor_of)
        .filter(|floor| floor.amount > 0.0);
    deal.or_else(|| floor_of(imp))
}

fn floor_of(node: &Node) -> Option<Floor> {
    let amount = node.get("bidfloor").and_then(Node::number)?;
    Some(Floor {
        amount,
        currency: currency(text(node, "bidfloorcur")),
    })
}

pub(super) fn currency(text: Option<&str>) -> String {
    let normal = text.unwrap_or_default().trim_ascii().to_ascii_uppercase();
    if normal.is_empty() {
        "USD".to_owned()
    } else {
        normal
    }
}

pub(super) fn convert(rates: &Rates, amount: f64, from: &str, to: &str) -> Option<f64> {
    if from == to {
        return Some(amount);
    }
    Some(amount * rate(rates, from)? / rate(rates, to)?)
}

/// "value of one unit in US dollars, `EUR: 1.08`; USD is 1"
fn rate(rates: &Rates, currency: &str) -> Option<f64> {
    if currency == "USD" {
        Some(1.0)
    } else {
        rates.get(currency).copied()
    }
}
