//! Is the bid for an imp of the request? (spec: gates, impidMatch)
use super::Finding;
use crate::oracle::auction::{Auction, Bid};

/// "No `imp` in the request -> SKIPPED `no_imps`."
pub(crate) fn skip_reason(auction: &Auction<'_>) -> Option<&'static str> {
    auction.imps.is_empty().then_some("no_imps")
}

pub(crate) fn judge(auction: &Auction<'_>, bid: &Bid<'_>) -> Option<Finding> {
    // "`impid` absent, not a string, or empty -> F `impid_missing`"
    if bid.text("impid").is_none_or(str::is_empty) {
        return Some(Finding::Fails("impid_missing"));
    }
    // "not the `id` of any imp (exact, case-sensitive, no trimming) -> F `impid_unknown`"
    auction
        .imp_of(bid)
        .is_none()
        .then_some(Finding::Fails("impid_unknown"))
}
