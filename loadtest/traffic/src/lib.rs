//! Generated OpenRTB 2.6 auctions: what benches and load tests send.
//!
//! The same seed gives the same bytes, everywhere. Nothing is copied from a real auction: names, ids and markup are
//! made up, in the mixture and at the lengths that exchanges send (spec: performance §1).
//!
//! About one bid in twenty is made to fail one gate of the default policy; every other bid passes all of them. A pair
//! fails for one reason at most, so the count of rejected bids is the same with and without `fail_fast`.
//!
//! Deadlines: `tmax` is [`TMAX_MS`], so a caller who says that a few milliseconds have passed is in time.

mod auction;
mod json;
mod markup;
mod random;
mod request;
mod response;
mod vocabulary;

use auction::{Auction, Size};
use random::Random;

/// The `tmax` values of the requests, milliseconds.
pub const TMAX_MS: std::ops::RangeInclusive<u64> = 120..=300;

/// A bid request and the bid response to it, compact JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// OpenRTB bid request.
    pub request: Vec<u8>,
    /// OpenRTB bid response.
    pub response: Vec<u8>,
    /// Bids of the response.
    pub bids: usize,
    /// Of those, the ones that the default policy rejects.
    pub rejected_bids: usize,
}

impl Pair {
    /// Bytes of both payloads.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.request.len() + self.response.len()
    }

    fn new(size: &Size, seed: u64, number: usize) -> Self {
        let mut random = Random::new(seed, number as u64);
        let auction = Auction::new(size, number, &mut random);
        Self {
            request: request::write(&auction, size, &mut random).into_bytes(),
            response: response::write(&auction, size, &mut random).into_bytes(),
            bids: auction.bids.len(),
            rejected_bids: auction.rejected_bids(),
        }
    }
}

/// The three shapes in which costs are stated (spec: performance §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One imp, one bid: about 3.5 KB and 2.5 KB.
    Typical,
    /// Four imps, four bids: about 6 KB and 8.5 KB.
    Multi,
    /// Twenty imps, twenty bids: about 25 KB and 90 KB.
    Large,
}

impl Shape {
    /// Every shape, the smallest first.
    pub const ALL: [Self; 3] = [Self::Typical, Self::Multi, Self::Large];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Typical => "typical",
            Self::Multi => "multi",
            Self::Large => "large",
        }
    }

    /// Bytes of the request and of the response, on average.
    #[must_use]
    pub const fn bytes(self) -> (usize, usize) {
        match self {
            Self::Typical => (3_500, 2_500),
            Self::Multi => (6_000, 8_500),
            Self::Large => (25_000, 90_000),
        }
    }

    const fn size(self) -> Size {
        let (request_bytes, _) = self.bytes();
        let (bids, markup_bytes) = match self {
            Self::Typical => (1, 1_830),
            Self::Multi => (4, 1_500),
            Self::Large => (20, 3_900),
        };
        Size {
            request_bytes,
            bids,
            markup_bytes,
            ..Size::SMALL
        }
    }
}

/// The first `count` auctions of a shape. A longer run begins with the same auctions.
#[must_use]
pub fn pairs(shape: Shape, seed: u64, count: usize) -> Vec<Pair> {
    (0..count)
        .map(|number| Pair::new(&shape.size(), seed, number))
        .collect()
}

/// A `typical` auction, except that `bcat` has this many entries, all different and at most 10,000, and the bid this
/// many categories, at most 20. None is blocked.
#[must_use]
pub fn with_block_list(entries: usize, bid_categories: usize, seed: u64) -> Pair {
    let size = Size {
        block_list: Some(entries),
        bid_categories: Some(bid_categories),
        ..Shape::Typical.size()
    };
    Pair::new(&size, seed, 0)
}

/// An auction of this many imps with a bid on each. One in twenty is rejected.
#[must_use]
pub fn with_bids(bids: usize, seed: u64) -> Pair {
    let size = Size {
        bids,
        ..Shape::Multi.size()
    };
    Pair::new(&size, seed, 0)
}

/// A `typical` auction, except that the markup is about this long once it is a JSON string.
#[must_use]
pub fn with_markup(markup_bytes: usize, seed: u64) -> Pair {
    let size = Size {
        markup_bytes,
        ..Shape::Typical.size()
    };
    Pair::new(&size, seed, 0)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let digests = Shape::ALL.map(|shape| digest(&pairs(shape, 1, 40)));
        assert_eq!(
            digests,
            [
                0x0d42_2ead_b33f_b1dd,
                0xbc94_dbc5_b702_4545,
                0x9623_ad5c_914a_9ae5
            ]
        );
        assert_eq!(pairs(Shape::Multi, 1, 3), pairs(Shape::Multi, 1, 9)[..3]);
        assert_ne!(pairs(Shape::Multi, 1, 1), pairs(Shape::Multi, 2, 1));
    }

    #[test]
    fn every_pair_is_json_of_its_shape() {
        for shape in Shape::ALL {
            let wanted = [1, 4, 20][shape as usize];
            for pair in pairs(shape, 5, 40) {
                let request: Value = serde_json::from_slice(&pair.request).unwrap();
                let response: Value = serde_json::from_slice(&pair.response).unwrap();
                let seatbids = response["seatbid"].as_array().unwrap();
                let bids: usize = seatbids
                    .iter()
                    .map(|seatbid| seatbid["bid"].as_array().unwrap().len())
                    .sum();
                assert_eq!(request["imp"].as_array().unwrap().len(), wanted);
                assert_eq!((bids, pair.bids), (wanted, wanted));
            }
        }
    }

    #[test]
    fn sizes_are_within_a_tenth_of_those_stated() {
        for shape in Shape::ALL {
            let (request, response) = shape.bytes();
            for pair in pairs(shape, 9, 100) {
                let lengths = (pair.request.len(), pair.response.len());
                assert!(near(lengths.0, request), "{shape:?} {lengths:?}");
                assert!(near(lengths.1, response), "{shape:?} {lengths:?}");
            }
        }
    }

    #[test]
    fn one_bid_in_twenty_is_rejected() {
        for shape in Shape::ALL {
            let pairs = pairs(shape, 3, 80);
            let bids: usize = pairs.iter().map(|pair| pair.bids).sum();
            let rejected: usize = pairs.iter().map(|pair| pair.rejected_bids).sum();
            assert_eq!(rejected * 20, bids, "{shape:?}");
        }
    }

    #[test]
    fn the_scales_are_what_they_say() {
        for entries in [20, 1_000, 10_000] {
            let pair = with_block_list(entries, 20, 1);
            let request: Value = serde_json::from_slice(&pair.request).unwrap();
            let response: Value = serde_json::from_slice(&pair.response).unwrap();
            let listed = request["bcat"].as_array().unwrap();
            let distinct: std::collections::BTreeSet<_> =
                listed.iter().map(|entry| entry.as_str().unwrap()).collect();
            assert_eq!(distinct.len(), entries);
            let bid = &response["seatbid"][0]["bid"][0];
            assert_eq!(bid["cat"].as_array().unwrap().len(), 20);
            assert_eq!(pair.rejected_bids, 0);
        }
        assert_eq!(with_bids(200, 1).bids, 200);
        assert_eq!(with_bids(200, 1).rejected_bids, 10);
        assert!(near(with_markup(100_000, 1).response.len(), 100_000));
    }

    fn near(actual: usize, stated: usize) -> bool {
        actual.abs_diff(stated) * 10 <= stated
    }

    /// FNV-1a.
    fn digest(pairs: &[Pair]) -> u64 {
        pairs
            .iter()
            .flat_map(|pair| [&pair.request, &pair.response])
            .flatten()
            .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
    }
}
