//! Request and response joined: all that a gate may see.

use crate::call::Call;
use crate::openrtb::{
    Bid, BidRequestView, BidResponseView, BidString, Category, CategoryTaxonomy, Creative,
    DEFAULT_CURRENCY, Deal, Imp, Offer, Text,
};

/// A bid request and the bid response to it, each bid with its imp.
#[derive(Clone, Copy, Debug)]
pub struct Auction<'a> {
    /// Who asks, and what is said beside the payloads.
    pub call: &'a Call<'a>,
    /// What the exchange asked.
    pub request: BidRequestView<'a>,
    /// What the bidder is about to answer.
    pub response: BidResponseView<'a>,
    joins: &'a Joins,
}

/// What was found once for all gates, with the memory for the next auction.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    /// Position of each bid's imp.
    imp_of_bid: Vec<Option<u32>>,
    /// Positions of the imps that have an id, by id, then position. Filled where there are many for many bids.
    imps_by_id: Vec<u32>,
    /// Positions of the deals that have an id, by id, then position. Filled where there are many.
    deals_by_id: Vec<u32>,
    many_deals: bool,
}

/// Pairs of imp and bid whose ids are compared one with another. Half a million, with ids of a kilobyte that only their
/// ends tell apart, would take longer than a policy gives all its gates.
const FEW_PAIRS: usize = 4096;
/// Deals of one request that are looked through for each bid. With more, 1,000 bids on 50,000 deals would cost 50
/// million comparisons.
const FEW_DEALS: usize = 16;

impl<'a> Auction<'a> {
    /// Finds each bid's imp, and puts deals in an order in which they are found.
    pub(crate) fn join(
        call: &'a Call<'a>,
        request: BidRequestView<'a>,
        response: BidResponseView<'a>,
        joins: &'a mut Joins,
    ) -> Self {
        let Joins {
            imp_of_bid,
            imps_by_id,
            deals_by_id,
            many_deals,
        } = joins;
        let bids = response.bids();
        let many_imps = request.imps().len() * bids.len() > FEW_PAIRS;
        if many_imps {
            put_in_order(imps_by_id, request.imps().len(), |imp| {
                id_of_imp(&request, imp)
            });
        }
        let ordered = many_imps.then_some(imps_by_id.as_slice());
        imp_of_bid.clear();
        imp_of_bid.extend(
            bids.iter()
                .map(|bid| position_of_imp(&request, ordered, &response, bid)),
        );
        *many_deals = request.all_deals().len() > FEW_DEALS;
        if *many_deals && bids.iter().any(|bid| bid.deal_id.is_some()) {
            put_in_order(deals_by_id, request.all_deals().len(), |deal| {
                id_of_deal(&request, deal)
            });
        }
        Self {
            call,
            request,
            response,
            joins,
        }
    }

    /// Every bid with its imp, in document order.
    pub fn bids(&self) -> impl Iterator<Item = JoinedBid<'a>> {
        let auction = *self;
        auction
            .response
            .bids()
            .iter()
            .zip(&auction.joins.imp_of_bid)
            .zip(0..)
            .map(move |((bid, imp), position)| JoinedBid {
                auction,
                position,
                bid,
                imp: imp.and_then(|imp| auction.request.imps().get(imp as usize)),
            })
    }
}

/// The first imp whose id is the bid's impid, exactly; an empty impid is none (spec: gates, impidMatch). It is looked
/// for among the imps that are `ordered` by id, where they are.
fn position_of_imp(
    request: &BidRequestView<'_>,
    ordered: Option<&[u32]>,
    response: &BidResponseView<'_>,
    bid: &Bid,
) -> Option<u32> {
    let impid = bid.impid.filter(|impid| !impid.is_empty())?;
    let impid = response.texts().bytes(impid);
    if let Some(ordered) = ordered {
        return first_of_id(ordered, 0, impid, |imp| id_of_imp(request, imp));
    }
    let imp = request
        .imps()
        .iter()
        .position(|imp| imp.id.is_some_and(|id| request.texts().bytes(id) == impid))?;
    u32::try_from(imp).ok()
}

/// Leaves in `positions` those of the first `count` that have an id, by id, then position.
fn put_in_order<'a>(positions: &mut Vec<u32>, count: usize, id: impl Fn(u32) -> Option<&'a [u8]>) {
    positions.clear();
    positions.extend((0..).take(count).filter(|&position| id(position).is_some()));
    positions.sort_unstable_by_key(|&position| (id(position), position));
}

/// The first position from `start` on whose id is the `wanted` one. Positions are in the order of [`put_in_order`].
fn first_of_id<'a>(
    positions: &[u32],
    start: u32,
    wanted: &[u8],
    id: impl Fn(u32) -> Option<&'a [u8]>,
) -> Option<u32> {
    let before = |&position: &u32| (id(position), position) < (Some(wanted), start);
    let first = positions.get(positions.partition_point(before)).copied();
    first.filter(|&position| id(position) == Some(wanted))
}

fn id_of_imp<'a>(request: &BidRequestView<'a>, imp: u32) -> Option<&'a [u8]> {
    let id = request.imps().get(imp as usize)?.id?;
    Some(request.texts().bytes(id))
}

fn id_of_deal<'a>(request: &BidRequestView<'a>, deal: u32) -> Option<&'a [u8]> {
    let id = request.all_deals().get(deal as usize)?.id?;
    Some(request.texts().bytes(id))
}

/// A bid and what the request says about it.
#[derive(Clone, Copy, Debug)]
pub struct JoinedBid<'a> {
    /// The auction that it is of.
    pub auction: Auction<'a>,
    /// Position among all bids of the response, in document order.
    pub position: u32,
    /// The bid itself.
    pub bid: &'a Bid,
    /// The imp it is for; none when its impid matches none.
    pub imp: Option<&'a Imp>,
}

impl<'a> JoinedBid<'a> {
    /// The first deal of the imp that the bid names in `dealid`.
    #[must_use]
    pub fn deal(&self) -> Option<&'a Deal> {
        let deal = self.deal_position()?;
        self.auction.request.all_deals().get(deal as usize)
    }

    /// Where that deal stands among all deals of the request.
    #[must_use]
    pub(crate) fn deal_position(&self) -> Option<u32> {
        let Auction {
            request,
            response,
            joins,
            ..
        } = &self.auction;
        let dealid = response.texts().bytes(self.bid.deal_id?);
        let mut deals = request.positions_of_deals(self.imp?);
        let id = |deal| id_of_deal(request, deal);
        if joins.many_deals {
            first_of_id(&joins.deals_by_id, deals.start, dealid, id)
                .filter(|deal| deals.contains(deal))
        } else {
            deals.find(|&deal| id(deal) == Some(dealid))
        }
    }

    /// What the imp offers beside its floor; none when no gate needs it.
    #[must_use]
    pub fn offer(&self) -> Option<&'a Offer> {
        let imps = &self.auction.joins.imp_of_bid;
        let imp = imps.get(self.position as usize).copied().flatten()?;
        self.auction.request.offers().get(imp as usize)
    }

    /// The creative; nothing is known of it when no gate needs it.
    #[must_use]
    pub fn creative(&self) -> Creative {
        self.auction.response.creative(self.position)
    }

    /// `bundle` of the advertised app, unless blank.
    #[must_use]
    pub fn bundle(&self) -> Option<Text> {
        self.auction.response.filled(self.creative().bundle)
    }

    /// `seat` of the seatbid, unless blank.
    #[must_use]
    pub fn seat(&self) -> Option<Text> {
        self.auction.response.filled(self.creative().seat)
    }

    /// Every string of the bid, in document order.
    #[must_use]
    pub fn strings(&self) -> &'a [BidString] {
        self.auction.response.strings_of_bid(self.position)
    }

    /// `adomain`.
    #[must_use]
    pub fn advertiser_domains(&self) -> &'a [Text] {
        self.auction.response.advertiser_domains(self.bid)
    }

    /// `cat`, without blanks.
    #[must_use]
    pub fn categories(&self) -> &'a [Category] {
        self.auction.response.categories(self.bid)
    }

    /// `cattax`.
    #[must_use]
    pub fn taxonomy(&self) -> CategoryTaxonomy {
        self.auction.response.taxonomy(self.bid)
    }
}

impl<'a> BidRequestView<'a> {
    /// A currency code of this request without white space around it; none or empty means USD.
    #[must_use]
    pub fn currency(&self, code: Option<Text>) -> &'a [u8] {
        code.map(|code| self.texts().bytes(code))
            .map_or(DEFAULT_CURRENCY, or_default)
    }
}

impl<'a> BidResponseView<'a> {
    /// A text of this response without white space around it; none when blank.
    #[must_use]
    pub(crate) fn filled(&self, text: Option<Text>) -> Option<Text> {
        text.map(|text| self.texts().trim(text))
            .filter(|text| !text.is_empty())
    }

    /// The currency of every price, without white space around it; none or empty means USD.
    #[must_use]
    pub fn price_currency(&self) -> &'a [u8] {
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
