#![doc = include_str!("../../docs/gates/mediaMatch.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::openrtb::{Creative, MediaType, Offer};
use crate::verdict::{Detail, Reason};

/// The rule; it has no options.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaMatch;

impl MediaMatch {
    pub(super) fn compile(_options: &mut Section) -> Self {
        Self
    }
}

impl Gate for MediaMatch {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        if auction.request.imps().is_empty() {
            return Judged::Skipped(Reason::NoImps);
        }
        for bid in auction.bids() {
            if let Some(reason) = offence(auction, &bid) {
                sheet.reject(&bid, reason, Detail::None);
            }
        }
        Judged::Bids
    }
}

fn offence(auction: &Auction<'_>, bid: &JoinedBid<'_>) -> Option<Reason> {
    let (offer, creative) = (bid.offer()?, bid.creative());
    offer.media().next()?;
    let named = creative.mtype.map(MediaType::of_mtype);
    let offered = |media_type| offer.medium(media_type).is_some();
    if named.is_some_and(|named| !named.is_some_and(offered)) {
        return Some(Reason::MediaTypeMismatch);
    }
    let markup = creative
        .markup
        .map(|text| auction.response.texts().bytes(text));
    let told = markup.map_or(&MediaType::ALL[..], kinds_of_markup);
    let fits =
        |kind: &MediaType| offered(*kind) && named.flatten().is_none_or(|named| named == *kind);
    if !told.iter().any(fits) {
        return Some(Reason::MarkupMismatch);
    }
    is_of_other_size(auction, offer, &creative).then_some(Reason::SizeMismatch)
}

/// The media that markup may be for; all when that cannot be told.
fn kinds_of_markup(markup: &[u8]) -> &'static [MediaType] {
    let markup = markup.trim_ascii_start();
    if markup.starts_with(b"{") {
        &[MediaType::Native]
    } else if begins_with(markup, VAST) || (begins_with(markup, b"<?xml") && declares_vast(markup))
    {
        &[MediaType::Video, MediaType::Audio]
    } else if markup.starts_with(b"<") {
        &[MediaType::Banner]
    } else {
        &MediaType::ALL
    }
}

const VAST: &[u8] = b"<VAST";
/// Bytes of an XML document within which its root element begins.
const PROLOGUE_BYTES: usize = 256;

fn declares_vast(markup: &[u8]) -> bool {
    let prologue = markup.get(..PROLOGUE_BYTES).unwrap_or(markup);
    prologue
        .windows(VAST.len())
        .any(|window| window.eq_ignore_ascii_case(VAST))
}

fn begins_with(markup: &[u8], start: &[u8]) -> bool {
    let head = markup.get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// True for a banner whose size is none of those that the imp takes.
fn is_of_other_size(auction: &Auction<'_>, offer: &Offer, creative: &Creative) -> bool {
    let is_banner = match creative.mtype {
        Some(mtype) => mtype == 1,
        None => offer.media().count() == 1,
    };
    let banner = offer.medium(MediaType::Banner).filter(|_| is_banner);
    let (Some(banner), Some(size)) = (banner, creative.size()) else {
        return false;
    };
    let sizes = auction.request.sizes(banner);
    !offer.interstitial && !sizes.is_empty() && sizes.binary_search(&size).is_err()
}
