#![doc = include_str!("../../../docs/gates/content.md")]

mod phrases;

use super::strings::{Found, excerpt, judge_bids};
use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::{BidMember, Text, Texts};
use crate::verdict::{Detail, Reason};
use phrases::Phrases;

/// The rule, compiled.
#[derive(Debug)]
pub(super) struct Content {
    empty_output: bool,
    phrases: Phrases,
}

impl Content {
    pub(super) fn compile(options: &mut Section) -> Self {
        Self {
            empty_output: options.flag("empty_output", true),
            phrases: Phrases::compile(options),
        }
    }

    fn find(&self, texts: &Texts<'_>, bid: &JoinedBid<'_>) -> Option<Found> {
        if self.empty_output && is_empty(texts, bid) {
            return Some((Reason::EmptyOutput, Detail::None));
        }
        of_member(bid, BidMember::Markup).find_map(|text| {
            let end = self.phrases.find(texts.bytes(text))?;
            Some((Reason::RefusalPhrase, excerpt(texts, text, end)))
        })
    }
}

impl Gate for Content {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let texts = auction.response.texts();
        judge_bids(auction, sheet, None, |bid| self.find(texts, bid))
    }
}

/// True when there is markup, all of it is blank, and no notice URL will bring other.
fn is_empty(texts: &Texts<'_>, bid: &JoinedBid<'_>) -> bool {
    let is_blank = |text| texts.bytes(text).trim_ascii().is_empty();
    of_member(bid, BidMember::Markup).next().is_some()
        && of_member(bid, BidMember::Markup).all(is_blank)
        && of_member(bid, BidMember::NoticeUrl).all(is_blank)
}

fn of_member(bid: &JoinedBid<'_>, member: BidMember) -> impl Iterator<Item = Text> {
    let strings = bid.strings().iter();
    strings
        .filter(move |string| string.member == member)
        .map(|string| string.text)
}
