//! Request and response joined: all that a gate may see.

use crate::openrtb::{
    Bid, BidRequestView, BidResponseView, CategoryTaxonomy, DEFAULT_CURRENCY, Deal, Imp, Text,
};

/// A bid request and the bid response to it, each bid with its imp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Auction<'a> {
    /// What the exchange asked.
    pub(crate) request: BidRequestView<'a>,
    /// What the bidder is about to answer.
    pub(crate) response: BidResponseView<'a>,
    /// Position of each bid's imp.
    imp_of_bid: &'a [Option<u32>],
}

impl<'a> Auction<'a> {
    /// Finds each bid's imp. `imp_of_bid` is memory to keep them in.
    pub(crate) fn join(
        request: BidRequestView<'a>,
        response: BidResponseView<'a>,
        imp_of_bid: &'a mut Vec<Option<u32>>,
    ) -> Self {
        imp_of_bid.clear();
        imp_of_bid.extend(
            response
                .bids()
                .iter()
                .map(|bid| position_of_imp(&request, &response, bid)),
        );
        Self {
            request,
            response,
            imp_of_bid,
        }
    }

    /// Every bid with its imp, in document order.
    pub(crate) fn bids(&self) -> impl Iterator<Item = JoinedBid<'a>> {
        let auction = *self;
        auction
            .response
            .bids()
            .iter()
            .zip(auction.imp_of_bid)
            .zip(0..)
            .map(move |((bid, imp), position)| JoinedBid {
                auction,
                position,
                bid,
                imp: imp.and_then(|imp| auction.request.imps().get(imp as usize)),
            })
    }
}

/// The first imp whose id is the bid's impid, exactly; an empty impid is none (spec: gates, impidMatch).
fn position_of_imp(
    request: &BidRequestView<'_>,
    response: &BidResponseView<'_>,
    bid: &Bid,
) -> Option<u32> {
    let impid = bid.impid.filter(|impid| !impid.is_empty())?;
    let impid = response.texts().bytes(impid);
    let imp = request
        .imps()
        .iter()
        .position(|imp| imp.id.is_some_and(|id| request.texts().bytes(id) == impid))?;
    u32::try_from(imp).ok()
}

/// A bid and what the request says about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JoinedBid<'a> {
    auction: Auction<'a>,
    /// Position among all bids of the response, in document order.
    pub(crate) position: u32,
    /// The bid itself.
    pub(crate) bid: &'a Bid,
    /// The imp it is for; none when its impid matches none.
    pub(crate) imp: Option<&'a Imp>,
}

impl<'a> JoinedBid<'a> {
    /// The deal of the imp that the bid names in `dealid`.
    #[must_use]
    pub(crate) fn deal(&self) -> Option<&'a Deal> {
        let Auction {
            request, response, ..
        } = &self.auction;
        let dealid = response.texts().bytes(self.bid.deal_id?);
        request.deals(self.imp?).iter().find(|deal| {
            deal.id
                .is_some_and(|id| request.texts().bytes(id) == dealid)
        })
    }

    /// `adomain`.
    #[must_use]
    pub(crate) fn advertiser_domains(&self) -> &'a [Text] {
        self.auction.response.advertiser_domains(self.bid)
    }

    /// `cat`, without blanks.
    #[must_use]
    pub(crate) fn categories(&self) -> &'a [Text] {
        self.auction.response.categories(self.bid)
    }

    /// `cattax`.
    #[must_use]
    pub(crate) fn taxonomy(&self) -> CategoryTaxonomy {
        self.auction.response.taxonomy(self.bid)
    }
}

impl<'a> BidRequestView<'a> {
    /// A currency code of this request without white space around it; none or empty means USD.
    #[must_use]
    pub(crate) fn currency(&self, code: Option<Text>) -> &'a [u8] {
        code.map(|code| self.texts().bytes(code))
            .map_or(DEFAULT_CURRENCY, or_default)
    }
}

impl<'a> BidResponseView<'a> {
    /// The currency of every price, without white space around it; none or empty means USD.
    #[must_use]
    pub(crate) fn price_currency(&self) -> &'a [u8] {
        self.currency()
            .map(|code| self.texts().bytes(code))
            .map_or(DEFAULT_CURRENCY, or_default)
    }
}

fn or_default(code: &[u8]) -> &[u8] {
    match code.trim_ascii() {
        b"" => DEFAULT_CURRENCY,
        code => code,
    }
}
