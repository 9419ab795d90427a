#![doc = include_str!("../../docs/gates/duplicateBid.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::Section;
use crate::openrtb::Text;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct DuplicateBid;

impl DuplicateBid {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for DuplicateBid {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        find_duplicates(auction, &mut sheet.memory.positions);
        for bid in auction.bids() {
            if sheet.memory.positions.binary_search(&bid.position).is_ok() {
                let detail = bid.bid.id.map_or(Detail::None, Detail::Bid);
                sheet.reject(&bid, Reason::BidIdDuplicate, detail);
            }
        }
        Judged::Bids
    }
}

/// Leaves in `positions` those of the bids before which another one has their id, ascending.
fn find_duplicates(auction: &Auction<'_>, positions: &mut Vec<u32>) {
    let id = |position: u32| Some(auction.response.texts().bytes(id_of(auction, position)?));
    positions.clear();
    let bids = auction.bids().map(|bid| bid.position);
    positions.extend(bids.filter(|&position| id_of(auction, position).is_some()));
    positions.sort_unstable_by_key(|&position| (id(position), position));
    let mut before = None;
    positions.retain(|&position| std::mem::replace(&mut before, id(position)) == id(position));
    positions.sort_unstable();
}

fn id_of(auction: &Auction<'_>, position: u32) -> Option<Text> {
    let id = auction.response.bids().get(position as usize)?.id;
    id.filter(|id| !id.is_empty())
}
