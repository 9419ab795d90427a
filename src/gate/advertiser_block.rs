#![doc = include_str!("../../docs/gates/advertiserBlock.md")]

use super::names::{ListNumber, Names, labels_at_most};
use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::verdict::{Detail, Reason};

/// The rule, compiled.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdvertiserBlock {
    unknown_advertiser_fails: bool,
}

/// `badv` among the lists of an auction. The others are the deals'.
const BLOCKED: ListNumber = 0;

impl AdvertiserBlock {
    pub(super) fn compile(options: &mut Section) -> Self {
        let allow_or_fail = [("allow", false), ("fail", true)];
        Self {
            unknown_advertiser_fails: options.choice("unknown_advertiser", &allow_or_fail, false),
        }
    }

    fn judge_bid(self, auction: &Auction<'_>, bid: &JoinedBid<'_>, sheet: &mut Sheet<'_>) {
        let deal = list_of_deal(auction, bid);
        let blocks = !auction.request.blocked_advertisers().is_empty();
        if bid.advertiser_domains().is_empty() {
            if blocks || deal.is_some() {
                let fails = self.unknown_advertiser_fails;
                sheet.reject_if(fails, bid, Reason::UnknownAdvertiser, Detail::None);
            }
        } else if let Some((reason, detail)) = offence(auction, bid, deal, &sheet.memory.names) {
            sheet.reject(bid, reason, detail);
        }
    }
}

impl Gate for AdvertiserBlock {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if !has_lists(auction) {
            return Judged::Skipped(Reason::NoAdvertiserList);
        }
        look_up(auction, &mut sheet.memory.names);
        for bid in auction.bids() {
            self.judge_bid(auction, &bid, sheet);
        }
        Judged::Bids
    }
}

fn has_lists(auction: &Auction<'_>) -> bool {
    let request = auction.request;
    let mut deals = request.all_deals().iter();
    !request.blocked_advertisers().is_empty()
        || deals.any(|deal| !request.allowed_advertisers(deal).is_empty())
}

/// The `wadomain` of the bid's deal, if it has entries.
fn list_of_deal(auction: &Auction<'_>, bid: &JoinedBid<'_>) -> Option<ListNumber> {
    let allowed = auction.request.allowed_advertisers(bid.deal()?);
    bid.deal_position()
        .filter(|_| !allowed.is_empty())
        .map(of_deal)
}

const fn of_deal(position: u32) -> ListNumber {
    position + 1
}

/// Marks which of the bids' advertisers, and of those above them, the lists name.
fn look_up(auction: &Auction<'_>, names: &mut Names) {
    names.clear();
    let (bids, request) = (auction.response.texts(), auction.request);
    let labels = labels_listed(auction);
    for bid in auction.bids() {
        for list in std::iter::once(BLOCKED).chain(list_of_deal(auction, &bid)) {
            for &domain in bid.advertiser_domains() {
                names.add_domain(list, bids.bytes(domain), labels);
            }
        }
    }
    names.settle();
    let deals = (0..).map(of_deal).zip(request.all_deals());
    let allowed = deals.map(|(list, deal)| (list, request.allowed_advertisers(deal)));
    let blocked = std::iter::once((BLOCKED, request.blocked_advertisers()));
    for (list, entries) in blocked.chain(allowed) {
        for &entry in entries {
            names.find_domain(list, request.texts().bytes(entry), entry);
        }
    }
}

/// Labels of the longest entry: what has more is on no list. A hundred one-letter labels are a name, too, and there may
/// be thousands of them.
fn labels_listed(auction: &Auction<'_>) -> usize {
    let request = auction.request;
    let allowed = request.all_deals().iter();
    let allowed = allowed.flat_map(|deal| request.allowed_advertisers(deal));
    let entries = request.blocked_advertisers().iter().chain(allowed);
    let labels = entries.map(|&entry| labels_at_most(request.texts().bytes(entry)));
    labels.max().unwrap_or(0)
}

fn offence(
    auction: &Auction<'_>,
    bid: &JoinedBid<'_>,
    deal: Option<ListNumber>,
    names: &Names,
) -> Option<(Reason, Detail)> {
    let texts = auction.response.texts();
    let entry = |list, domain| names.entry_for_domain(list, texts.bytes(domain));
    let mut domains = bid.advertiser_domains().iter().copied();
    let blocked = domains.clone().find_map(|domain| {
        let detail = Detail::Against(domain, entry(BLOCKED, domain)?);
        Some((Reason::AdvertiserBlocked, detail))
    });
    blocked.or_else(|| {
        let allowed = deal?;
        let other = domains.find(|&domain| entry(allowed, domain).is_none())?;
        Some((Reason::AdvertiserNotAllowed, Detail::Bid(other)))
    })
}
