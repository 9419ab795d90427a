//! Is the advertiser one that the publisher lets in? (docs/gates/advertiserBlock.md)
use super::Finding;
use super::adomain_verify::{a_labels, is_label};
use crate::oracle::auction::{Auction, Bid, deal_of, names, objects};
use crate::oracle::json::Node;

/// "when neither `badv` nor any deal's `wadomain` has entries"
pub(crate) fn skip_reason(auction: &Auction<'_>) -> Option<&'static str> {
    let pmps = auction.imps.iter().filter_map(|imp| imp.get("pmp"));
    let mut deals = pmps.flat_map(|pmp| objects(pmp, "deals"));
    let listed = !names(auction.request, "badv").is_empty()
        || deals.any(|(_, deal)| !names(deal, "wadomain").is_empty());
    (!listed).then_some("no_advertiser_list")
}

pub(crate) fn judge(
    fail_on_unknown: bool,
    auction: &Auction<'_>,
    bid: &Bid<'_>,
) -> Option<Finding> {
    let blocked = names(auction.request, "badv");
    let deal = auction.imp_of(bid).and_then(|imp| deal_of(imp, bid));
    let allowed = deal.map(|deal| names(deal, "wadomain")).unwrap_or_default();
    if blocked.is_empty() && allowed.is_empty() {
        return None;
    }
    // 1 "`adomain` has no entries, and there is a list that it would have to be compared with"
    let entries = bid.node.list("adomain").unwrap_or_default();
    if entries.is_empty() {
        return Some(Finding::fails_if(fail_on_unknown, "unknown_advertiser"));
    }
    // 2 "An entry of `adomain` is on `badv`"
    if entries.iter().any(|entry| is_on(&blocked, entry)) {
        return Some(Finding::Fails("advertiser_blocked"));
    }
    // 3 "An entry of `adomain` is not on the deal's `wadomain`"
    let outside = !allowed.is_empty() && !entries.iter().all(|entry| is_on(&allowed, entry));
    outside.then_some(Finding::Fails("advertiser_not_allowed"))
}

/// "A name *is on* a list when it equals an entry or is below one."
fn is_on(list: &[&str], entry: &Node) -> bool {
    let Some(name) = entry.text().and_then(normal) else {
        return false;
    };
    let above = |listed: &String| name == *listed || name.ends_with(&format!(".{listed}"));
    list.iter()
        .filter_map(|listed| normal(listed))
        .any(|listed| above(&listed))
}

/// "Without white space around them and one trailing dot, lower case, international names as A-labels."
fn normal(name: &str) -> Option<String> {
    let lower = name.trim_ascii().to_ascii_lowercase();
    let name = a_labels(lower.strip_suffix('.').unwrap_or(&lower))?;
    (name.len() <= 253 && name.split('.').all(is_label)).then_some(name)
}
