//! What may go to the exchange: the bid response without the bids that a gate rejected.

use std::io::Write as _;
use std::ops::Range;

use super::{Evaluation, Evaluator, primary};
use crate::call::Call;
use crate::openrtb::{NoBidReason, Splicer};
use crate::verdict::{EvaluationError, GateOutcome, GateStatus, Payload, Verdict};

/// What may go to the exchange. Borrows from the payloads; [`Self::write`] copies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filtered<'e> {
    /// The bid response as it is: nothing in it was rejected.
    Unchanged(&'e [u8]),
    /// The bid response without its rejected bids.
    Cut(&'e Splicer, &'e [u8]),
    /// A no-bid: the `id` of the bid request in its quotes, if it has one, and why there is no bid.
    NoBid(Option<&'e [u8]>, NoBidReason),
    /// HTTP 204, no content: a no-bid to a bid request that could not be read.
    NoContent,
}

impl Filtered<'_> {
    /// Appends the bytes that may go to the exchange.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        match *self {
            Self::Unchanged(response) => to.extend_from_slice(response),
            Self::Cut(splicer, response) => {
                for piece in splicer.pieces(response) {
                    to.extend_from_slice(piece);
                }
            }
            Self::NoBid(id, nbr) => write_no_bid(id, nbr, to),
            Self::NoContent => {}
        }
    }
}

/// "Just a `BidResponse` object is returned with a reason code in the nbr attribute" (OpenRTB 2.6 §4.2.1).
fn write_no_bid(id: Option<&[u8]>, nbr: NoBidReason, to: &mut Vec<u8>) {
    to.push(b'{');
    if let Some(id) = id {
        to.extend_from_slice(b"\"id\":");
        to.extend_from_slice(id);
        to.push(b',');
    }
    // Writing to a vector cannot fail.
    let _written = write!(to, "\"nbr\":{}}}", nbr.code());
}

/// What was worked out about one auction, with the memory for the next.
#[derive(Debug, Default)]
pub(super) struct Filter {
    left: Left,
    /// Bids that were not rejected: positions of seatbid and bid, in document order.
    bids: Vec<(u32, u32)>,
    splicer: Splicer,
    request_id: Option<Range<usize>>,
}

/// How much of a bid response may go.
#[derive(Clone, Copy, Debug, Default)]
enum Left {
    #[default]
    Everything,
    Something,
    Nothing,
    /// Nothing, and the bid request could not be read.
    Unreadable,
}

impl Evaluator {
    /// Works out what may go to the exchange, once all findings are there in their order.
    pub(super) fn filter(&mut self, call: &Call<'_>, judged: Result<Verdict, EvaluationError>) {
        let left = match judged {
            Ok(Verdict::Pass | Verdict::NoBid) => Left::Everything,
            Ok(Verdict::Fail) if self.cut_rejected(call) => Left::Something,
            Ok(Verdict::Fail | Verdict::NotEvaluated | Verdict::Error) => Left::Nothing,
            Err(error) if error.payload == Some(Payload::BidRequest) => Left::Unreadable,
            Err(_) => Left::Nothing,
        };
        if matches!(left, Left::Nothing) {
            let Filter {
                splicer,
                request_id,
                ..
            } = &mut self.filter;
            *request_id = splicer.request_id(call.bid_request, self.limits.depth);
        }
        self.filter.left = left;
    }

    /// Finds what of the bid response to leave out. False when nothing of it may go: every bid was rejected, or was
    /// not seen by every gate.
    fn cut_rejected(&mut self, call: &Call<'_>) -> bool {
        let unseen = |outcome: &GateOutcome| {
            !outcome.passed()
                && matches!(outcome.status, GateStatus::TimedOut | GateStatus::Aborted)
        };
        if self.outcomes.iter().any(unseen) {
            return false;
        }
        self.list_bids_left(call);
        let Filter { bids, splicer, .. } = &mut self.filter;
        // The bid response was read before: there is nothing wrong with it.
        !bids.is_empty()
            && splicer
                .cut(call.bid_response, bids, self.limits.depth)
                .is_ok()
    }

    fn list_bids_left(&mut self, call: &Call<'_>) {
        let left = &mut self.filter.bids;
        left.clear();
        let mut rejected = self
            .findings
            .chunk_by(|a, b| a.bid == b.bid)
            .filter_map(primary)
            .map(|finding| finding.bid)
            .peekable();
        let bids = self.response.view(call.bid_response).bids();
        for (bid, position) in bids.iter().zip(0..) {
            if rejected.next_if_eq(&position).is_none() {
                left.push((bid.seatbid_index, bid.bid_index));
            }
        }
    }
}

impl Filter {
    /// What may go of the auction that was judged last.
    pub(super) fn filtered<'e>(&'e self, evaluation: &Evaluation<'e>) -> Filtered<'e> {
        let Call {
            bid_request,
            bid_response,
            ..
        } = evaluation.call;
        match self.left {
            Left::Everything => Filtered::Unchanged(bid_response),
            Left::Something => Filtered::Cut(&self.splicer, bid_response),
            Left::Nothing => {
                let id = self.request_id.clone().and_then(|id| bid_request.get(id));
                Filtered::NoBid(id, no_bid_reason(evaluation))
            }
            Left::Unreadable => Filtered::NoContent,
        }
    }
}

/// The reply's own `nbr`, where it has one. It has none for bids that were not judged for want of time, because they
/// were not rejected either; whose time it was that ran out makes the difference.
fn no_bid_reason(evaluation: &Evaluation<'_>) -> NoBidReason {
    let unjudged = if evaluation.verdict == Verdict::NotEvaluated {
        NoBidReason::InsufficientAuctionTime
    } else {
        NoBidReason::TechnicalError
    };
    evaluation.nbr().unwrap_or(unjudged)
}
