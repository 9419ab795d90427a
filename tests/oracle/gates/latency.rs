//! Was the bidder fast enough? (docs/gates/latency.md)
use super::Finding;
use crate::oracle::auction::Auction;

/// "absent, negative or not a number -> SKIPPED `latency_unknown`"
pub(crate) fn skip_reason(auction: &Auction<'_>) -> Option<&'static str> {
    match auction.latency_ms {
        Some(latency_ms) if latency_ms >= 0.0 => None,
        _ => Some("latency_unknown"),
    }
}

/// "`latency_ms` > `max_ms` -> F `latency_exceeded` on every bid"
pub(crate) fn judge(max_ms: f64, auction: &Auction<'_>) -> Option<Finding> {
    let exceeded = auction.latency_ms.is_some_and(|latency| latency > max_ms);
    exceeded.then_some(Finding::Fails("latency_exceeded"))
}
