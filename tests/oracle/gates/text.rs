//! Looking for things in strings, byte by byte.
use super::Finding;
use crate::oracle::auction::{Auction, Bid};

/// "What stands outside of bids comes first and rejects every bid; otherwise a bid is rejected for its own strings."
/// Behind it all, `nodes_exceeded` is noted.
pub(super) fn judge(
    auction: &Auction<'_>,
    bid: &Bid<'_>,
    find: impl Fn(&str) -> Option<&'static str>,
) -> Option<Finding> {
    let own = auction
        .strings
        .of_bid((bid.seatbid_index, bid.bid_index))
        .map(|(_, text)| text);
    let reason = auction.strings.outside().chain(own).find_map(find);
    reason.map(Finding::Fails).or_else(|| cut(auction))
}

/// "Every bid on which nothing was found then gets a note, `nodes_exceeded`."
pub(super) fn cut(auction: &Auction<'_>) -> Option<Finding> {
    auction
        .strings
        .cut
        .then_some(Finding::Note("nodes_exceeded"))
}

/// "A letter, digit or `_` of ASCII."
pub(super) fn is_of_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Whether `at` lies between a byte of a word and one of none.
pub(super) fn is_boundary(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    is_of_word(before) != is_of_word(text.get(at))
}

/// Where `part` stands.
pub(super) fn places(text: &[u8], part: &[u8]) -> Vec<usize> {
    (0..text.len())
        .filter(|&at| text[at..].starts_with(part))
        .collect()
}
