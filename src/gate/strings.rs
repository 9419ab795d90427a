//! How gates that look into strings judge: what stands in a bid is that bid's, and what stands outside of bids is
//! every bid's.

use super::{Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::openrtb::{Text, Texts};
use crate::verdict::{Detail, Reason};

/// What was found, and where.
pub(super) type Found = (Reason, Detail);

/// Judges every string of the response: outside of bids first, then bid by bid.
pub(super) fn judge_strings(
    auction: &Auction<'_>,
    sheet: &mut Sheet<'_>,
    find: impl Fn(Text) -> Option<Found>,
) -> Judged {
    let outside = auction.response.strings_outside_of_bids();
    let of_response = outside.iter().copied().find_map(&find);
    judge_bids(auction, sheet, of_response, |bid| {
        bid.strings().iter().find_map(|string| find(string.text))
    })
}

/// Rejects every bid for what was found in the response as a whole, else each for what `find` finds in it.
pub(super) fn judge_bids(
    auction: &Auction<'_>,
    sheet: &mut Sheet<'_>,
    of_response: Option<Found>,
    find: impl Fn(&JoinedBid<'_>) -> Option<Found>,
) -> Judged {
    for bid in auction.bids() {
        if let Some((reason, detail)) = of_response.or_else(|| find(&bid)) {
            sheet.reject(&bid, reason, detail);
        } else if !auction.response.has_all_strings() {
            sheet.note(&bid, Reason::NodesExceeded, Detail::None);
        }
    }
    Judged::Bids
}

/// The bytes of `text` up to `end`, of many only the last.
pub(super) fn excerpt(texts: &Texts<'_>, text: Text, end: usize) -> Detail {
    let string = texts.str(text);
    let end = string.floor_char_boundary(end);
    let start = string.ceil_char_boundary(end.saturating_sub(EXCERPT_BYTES));
    Detail::Bid(text.shortened(start, string.len() - end))
}

/// Enough to find the place by, and short enough to be read in a log.
const EXCERPT_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::excerpt;
    use crate::openrtb::{Text, Texts};
    use crate::verdict::Detail;

    #[test]
    fn an_excerpt_ends_where_something_was_found_and_cuts_no_character() {
        let quoted = |string: &str, end| {
            let texts = Texts::new(string.as_bytes(), b"");
            let text = Text::of_payload(0, string.len());
            let Detail::Bid(excerpt) = excerpt(&texts, text, end) else {
                panic!("an excerpt is of the bid")
            };
            texts.str(excerpt).to_owned()
        };
        assert_eq!(quoted("; rm -rf /", 8), "; rm -rf");
        let (before, command) = ("\u{e9}".repeat(20), "rm -rf");
        let within = before.len() + command.len() + 1;
        let expected = format!("{}{command}", "\u{e9}".repeat(13));
        assert_eq!(
            quoted(&format!("{before}{command}\u{e9}"), within),
            expected
        );
        assert_eq!(
            quoted(&format!("x{before}{command}\u{e9}"), within + 1),
            expected
        );
    }
}
