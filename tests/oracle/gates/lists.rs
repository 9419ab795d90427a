//! Gates whose rule is a sentence or two: an id, a list, a flag (docs/gates, the page of each).
use super::bid_sanity;
use crate::oracle::auction::{
    Auction, Bid, deal_of, filled, integers, is_set, names, objects, text,
};
use crate::oracle::json::Node;

type Reason = Option<&'static str>;

/// responseId
pub(crate) fn no_request_id(auction: &Auction<'_>) -> Reason {
    let id = text(auction.request, "id").unwrap_or_default();
    id.is_empty().then_some("no_request_id")
}

pub(crate) fn response_id(auction: &Auction<'_>) -> Reason {
    match text(auction.response, "id").unwrap_or_default() {
        "" => Some("response_id_missing"),
        id if Some(id) != text(auction.request, "id") => Some("response_id_mismatch"),
        _ => None,
    }
}

/// currencyAllowed
pub(crate) fn no_currency_list(auction: &Auction<'_>) -> Reason {
    names(auction.request, "cur")
        .is_empty()
        .then_some("no_currency_list")
}

pub(crate) fn currency(auction: &Auction<'_>) -> Reason {
    let currency = bid_sanity::currency(auction.cur.and_then(Node::text));
    let mut accepted = names(auction.request, "cur").into_iter();
    let is_accepted = accepted.any(|code| code.to_ascii_uppercase() == currency);
    (!is_accepted).then_some("currency_not_allowed")
}

const MEDIA: [&str; 4] = ["banner", "video", "audio", "native"];

/// attributeBlock
pub(crate) fn no_attribute_list(auction: &Auction<'_>) -> Reason {
    let listed = auction
        .imps
        .iter()
        .any(|imp| !battr(imp, &MEDIA).is_empty());
    (!listed).then_some("no_attribute_list")
}

pub(crate) fn attribute(auction: &Auction<'_>, bid: &Bid<'_>) -> Reason {
    let imp = auction.imp_of(bid)?;
    let mtype = bid
        .node
        .get("mtype")
        .and_then(Node::integer)
        .unwrap_or_default();
    let named = MEDIA
        .iter()
        .zip(["1", "2", "3", "4"])
        .find(|(_, number)| mtype == *number);
    let blocked = match named {
        Some((medium, _)) if imp.get(medium).is_some_and(Node::is_object) => battr(imp, &[medium]),
        _ => battr(imp, &MEDIA),
    };
    let mut attributes = integers(bid.node, "attr").into_iter();
    attributes
        .any(|attribute| blocked.contains(&attribute))
        .then_some("attribute_blocked")
}

fn battr(imp: &Node, media: &[&str]) -> Vec<String> {
    let media = media.iter().filter_map(|medium| imp.get(medium));
    media.flat_map(|medium| integers(medium, "battr")).collect()
}

/// appBlock
pub(crate) fn no_app_list(auction: &Auction<'_>) -> Reason {
    names(auction.request, "bapp")
        .is_empty()
        .then_some("no_app_list")
}

pub(crate) fn app(auction: &Auction<'_>, bid: &Bid<'_>) -> Reason {
    let bundle = filled(bid.node, "bundle")?;
    is_on(&names(auction.request, "bapp"), bundle).then_some("app_blocked")
}

/// dealMatch
pub(crate) fn deal(auction: &Auction<'_>, bid: &Bid<'_>) -> Reason {
    let imp = auction.imp_of(bid)?;
    if bid.text("dealid").unwrap_or_default().is_empty() {
        let private = imp
            .get("pmp")
            .is_some_and(|pmp| is_set(pmp, "private_auction"));
        return private.then_some("deal_required");
    }
    deal_of(imp, bid).is_none().then_some("deal_unknown")
}

/// seatMatch
pub(crate) fn no_seat_list(auction: &Auction<'_>) -> Reason {
    let mut deals = auction
        .imps
        .iter()
        .filter_map(|imp| imp.get("pmp"))
        .flat_map(|pmp| objects(pmp, "deals"));
    let listed = !names(auction.request, "wseat").is_empty()
        || !names(auction.request, "bseat").is_empty()
        || deals.any(|(_, deal)| !names(deal, "wseat").is_empty());
    (!listed).then_some("no_seat_list")
}

pub(crate) fn seat(auction: &Auction<'_>, bid: &Bid<'_>) -> Reason {
    let seat = filled(bid.seatbid, "seat");
    let on = |list: &[&str]| seat.is_some_and(|seat| is_on(list, seat));
    if on(&names(auction.request, "bseat")) {
        return Some("seat_blocked");
    }
    let deal = auction.imp_of(bid).and_then(|imp| deal_of(imp, bid));
    let of_deal = deal.map(|deal| names(deal, "wseat")).unwrap_or_default();
    [names(auction.request, "wseat"), of_deal]
        .iter()
        .any(|allowed| !allowed.is_empty() && !on(allowed))
        .then_some("seat_not_allowed")
}

/// "One of more than 1024 bytes is on no list."
fn is_on(list: &[&str], name: &str) -> bool {
    name.len() <= 1024 && list.contains(&name)
}

/// creativeIdentity
pub(crate) fn creative_identity(bid: &Bid<'_>) -> Reason {
    let has = |key| filled(bid.node, key).is_some();
    if !has("crid") {
        return Some("creative_id_missing");
    }
    (!has("adm") && !has("nurl") && !has("adid")).then_some("markup_missing")
}

/// duplicateBid
pub(crate) fn duplicate(auction: &Auction<'_>, bid: &Bid<'_>) -> Reason {
    let id = bid.text("id").filter(|id| !id.is_empty())?;
    let place = |bid: &Bid<'_>| (bid.seatbid_index, bid.bid_index);
    let mut before = auction
        .bids
        .iter()
        .filter(|other| place(other) < place(bid));
    before
        .any(|other| other.text("id") == Some(id))
        .then_some("bid_id_duplicate")
}
