#![doc = include_str!("../../docs/gates/appBlock.md")]

use super::names::{ListNumber, Names};
use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::Text;
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppBlock;

/// `bapp`, the only list.
const BLOCKED: ListNumber = 0;

impl AppBlock {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for AppBlock {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if auction.request.blocked_apps().is_empty() {
            return Judged::Skipped(Reason::NoAppList);
        }
        look_up(auction, &mut sheet.memory.names);
        for bid in auction.bids() {
            if let Some((bundle, entry)) = blocked(auction, &bid, &sheet.memory.names) {
                sheet.reject(&bid, Reason::AppBlocked, Detail::Against(bundle, entry));
            }
        }
        Judged::Bids
    }
}

/// Marks which of the advertised apps the list names.
fn look_up(auction: &Auction<'_>, names: &mut Names) {
    names.clear();
    for bundle in auction.bids().filter_map(|bid| bid.bundle()) {
        names.add(BLOCKED, auction.response.texts().bytes(bundle));
    }
    names.settle();
    for &entry in auction.request.blocked_apps() {
        names.find(BLOCKED, auction.request.texts().bytes(entry), entry);
    }
}

/// The bid's app and the entry that names it.
fn blocked(auction: &Auction<'_>, bid: &JoinedBid<'_>, names: &Names) -> Option<(Text, Text)> {
    let bundle = bid.bundle()?;
    let entry = names.entry(BLOCKED, auction.response.texts().bytes(bundle))?;
    Some((bundle, entry))
}
