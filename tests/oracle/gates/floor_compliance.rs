//! Does the price reach the floor that applies? (docs/gates/floorCompliance.md)
use super::Finding;
use super::bid_sanity::{convert, currency};
use crate::oracle::auction::{Auction, Bid, deal_of, objects, text};
use crate::oracle::json::Node;
use crate::oracle::policy::Rates;

pub(crate) fn judge(
    tolerance_micros: f64,
    rates: &Rates,
    auction: &Auction<'_>,
    bid: &Bid<'_>,
) -> Option<Finding> {
    // "A bid whose `price` is no finite number of at least 0, or that has no imp, is not judged"
    let price = bid.node.get("price")?.number()?;
    if !price.is_finite() || price < 0.0 {
        return None;
    }
    let imp = auction.imp_of(bid)?;
    // "One floor applies, the first of these that is a number above 0"
    let floors = [
        deal_of(imp, bid).map(|deal| (deal, deal.get("bidfloor"), "below_deal_floor")),
        duration_floor(imp, bid).map(|floor| (imp, floor.get("bidfloor"), "below_duration_floor")),
        Some((imp, imp.get("bidfloor"), "below_floor")),
    ];
    let (floor, owner, reason) =
        floors
            .into_iter()
            .flatten()
            .find_map(|(owner, floor, reason)| {
                let amount = floor?.number().filter(|amount| *amount > 0.0)?;
                Some((amount, owner, reason))
            })?;
    let floor_currency = currency(text(owner, "bidfloorcur"));
    let price_currency = currency(auction.cur.and_then(Node::text));
    match convert(rates, price, &price_currency, &floor_currency) {
        None => Some(Finding::Note("currency_not_comparable")),
        Some(price) => (price < floor * (1.0 - 1e-9) - tolerance_micros / 1e6)
            .then_some(Finding::Fails(reason)),
    }
}

/// "Of the `durfloors` of the bid's medium, the first whose `mindur` is at most, and whose `maxdur` at least, `dur`"
fn duration_floor<'a>(imp: &'a Node, bid: &Bid<'_>) -> Option<&'a Node> {
    let dur = bid.node.get("dur")?.number().filter(|dur| *dur > 0.0)?;
    let floors = |medium| imp.get(medium).filter(|it| it.is_object()).map(durfloors);
    let floors = match bid.node.get("mtype").and_then(Node::integer).as_deref() {
        Some("2") => floors("video")?,
        Some("3") => floors("audio")?,
        Some(_) => return None,
        None => floors("video")
            .filter(|floors| !floors.is_empty())
            .or_else(|| floors("audio"))?,
    };
    floors.into_iter().find(|floor| {
        let bound = |key| floor.get(key).and_then(Node::number);
        bound("mindur").is_none_or(|least| least <= dur)
            && bound("maxdur").is_none_or(|most| most >= dur)
    })
}

fn durfloors(stream: &Node) -> Vec<&Node> {
    objects(stream, "durfloors")
        .map(|(_, floor)| floor)
        .collect()
}
