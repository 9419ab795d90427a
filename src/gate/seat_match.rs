#![doc = include_str!("../../docs/gates/seatMatch.md")]

use super::names::{ListNumber, Names};
use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::Text;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeatMatch;

/// `bseat` and `wseat` of the request among the lists of an auction. The others are the deals'.
const BLOCKED: ListNumber = 0;
const ALLOWED: ListNumber = 1;

impl SeatMatch {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for SeatMatch {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if lists(auction).all(|(_, entries)| entries.is_empty()) {
            return Judged::Skipped(Reason::NoSeatList);
        }
        look_up(auction, &mut sheet.memory.names);
        for bid in auction.bids() {
            if let Some(reason) = offence(auction, &bid, &sheet.memory.names) {
                sheet.reject(&bid, reason, bid.seat().map_or(Detail::None, Detail::Bid));
            }
        }
        Judged::Bids
    }
}

/// Every list of the request.
fn lists<'a>(auction: &Auction<'a>) -> impl Iterator<Item = (ListNumber, &'a [Text])> {
    let request = auction.request;
    let deals = (0..).map(of_deal).zip(request.all_deals());
    [
        (BLOCKED, request.blocked_seats()),
        (ALLOWED, request.allowed_seats()),
    ]
    .into_iter()
    .chain(deals.map(move |(list, deal)| (list, request.seats_of_deal(deal))))
}

const fn of_deal(position: u32) -> ListNumber {
    position + 2
}

/// The lists on each of which the bid's seat has to stand: the request's and its deal's, where they have entries.
fn allowed_by(auction: &Auction<'_>, bid: &JoinedBid<'_>) -> impl Iterator<Item = ListNumber> {
    let request = auction.request;
    let of_request = Some(ALLOWED).filter(|_| !request.allowed_seats().is_empty());
    let deal = bid.deal().map(|deal| request.seats_of_deal(deal));
    let deal = bid
        .deal_position()
        .filter(|_| deal.is_some_and(|seats| !seats.is_empty()));
    of_request.into_iter().chain(deal.map(of_deal))
}

/// Marks which of the bids' seats the lists name.
fn look_up(auction: &Auction<'_>, names: &mut Names) {
    names.clear();
    for bid in auction.bids() {
        let Some(seat) = bid.seat() else { continue };
        for list in std::iter::once(BLOCKED).chain(allowed_by(auction, &bid)) {
            names.add(list, auction.response.texts().bytes(seat));
        }
    }
    names.settle();
    for (list, entries) in lists(auction) {
        for &entry in entries {
            names.find(list, auction.request.texts().bytes(entry), entry);
        }
    }
}

fn offence(auction: &Auction<'_>, bid: &JoinedBid<'_>, names: &Names) -> Option<Reason> {
    let seat = bid.seat().map(|seat| auction.response.texts().bytes(seat));
    let stands_on = |list| seat.is_some_and(|seat| names.entry(list, seat).is_some());
    if stands_on(BLOCKED) {
        return Some(Reason::SeatBlocked);
    }
    let mut allowed_by = allowed_by(auction, bid);
    allowed_by
        .any(|list| !stands_on(list))
        .then_some(Reason::SeatNotAllowed)
}
