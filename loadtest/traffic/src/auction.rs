//! What request and response have to agree on.

use crate::json::Cents;
use crate::random::Random;
use crate::vocabulary::{BANNER_SIZES, BLOCKED_CATEGORIES, OPEN_CATEGORIES};

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// What the request is filled up to.
    pub(crate) request_bytes: usize,
    /// Imps, and a bid on each.
    pub(crate) bids: usize,
    /// Of each bid, as a JSON string.
    pub(crate) markup_bytes: usize,
    /// Entries of `bcat`; a usual number when none is given.
    pub(crate) block_list: Option<usize>,
    /// Entries of each bid's `cat`; a usual number when none is given.
    pub(crate) bid_categories: Option<usize>,
}

impl Size {
    pub(crate) const SMALL: Self = Self {
        request_bytes: 0,
        bids: 1,
        markup_bytes: 0,
        block_list: None,
        bid_categories: None,
    };
}

#[derive(Debug)]
pub(crate) struct Auction {
    pub(crate) id: String,
    /// `bcat`.
    pub(crate) blocked: Vec<String>,
    pub(crate) imps: Vec<Imp>,
    /// One for each imp.
    pub(crate) bids: Vec<Bid>,
    pub(crate) child_directed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Imp {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) floor: Cents,
    pub(crate) deal: Option<Deal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    #[default]
    Banner,
    Video,
    Native,
}

#[derive(Clone, Debug)]
pub(crate) struct Deal {
    pub(crate) id: String,
    pub(crate) floor: Cents,
}

#[derive(Clone, Debug)]
pub(crate) struct Bid {
    pub(crate) imp: Imp,
    pub(crate) price: Cents,
    pub(crate) categories: Vec<String>,
    pub(crate) flaw: Option<Flaw>,
}

/// Why the default policy rejects a bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    UnknownImp,
    PlaceholderDomain,
    PriceInWrongUnit,
    BlockedCategory,
}

impl Flaw {
    const ALL: [Self; 4] = [
        Self::UnknownImp,
        Self::PlaceholderDomain,
        Self::PriceInWrongUnit,
        Self::BlockedCategory,
    ];

    /// Of the auctions' bids in a row one in twenty, at no fixed place; the flaws take turns from pair to pair.
    fn of_bid(number: usize, bid: usize, size: &Size) -> Option<Self> {
        if size.block_list.is_some() {
            return None;
        }
        let first = number * size.bids;
        let nth = (first + bid) / 20;
        let flawed = (first + bid) % 20 == (nth * 7 + 3) % 20;
        let turn = Self::ALL.get(first / 20 % Self::ALL.len()).copied();
        turn.filter(|_| flawed)
    }
}

impl Auction {
    pub(crate) fn new(size: &Size, number: usize, random: &mut Random) -> Self {
        let blocked = block_list(size, random);
        let imps: Vec<_> = (1..=size.bids).map(|n| Imp::new(n, random)).collect();
        let bids = imps
            .iter()
            .enumerate()
            .map(|(bid, imp)| {
                Bid::new(imp, Flaw::of_bid(number, bid, size), size, &blocked, random)
            })
            .collect();
        Self {
            id: random.uuid(),
            child_directed: number % 16 == 11,
            blocked,
            imps,
            bids,
        }
    }

    pub(crate) fn rejected_bids(&self) -> usize {
        self.bids.iter().filter(|bid| bid.flaw.is_some()).count()
    }
}

impl Imp {
    fn new(position: usize, random: &mut Random) -> Self {
        // The first of a page is a banner; below it every third is a video or native.
        let kind = match position % 5 {
            3 => Kind::Video,
            0 => Kind::Native,
            _ => Kind::Banner,
        };
        let (width, height) = match kind {
            Kind::Banner => random.pick(&BANNER_SIZES),
            Kind::Video => (640, 360),
            Kind::Native => (1200, 627),
        };
        let floor = Cents(random.between(15, 420));
        Self {
            id: position.to_string(),
            kind,
            width,
            height,
            floor,
            deal: random.one_in(4).then(|| Deal {
                id: format!("{}-{}", random.pick(&["PMP", "PG", "PREF"]), random.hex(10)),
                floor: Cents(floor.0 + random.between(20, 300)),
            }),
        }
    }
}

impl Bid {
    fn new(
        imp: &Imp,
        flaw: Option<Flaw>,
        size: &Size,
        blocked: &[String],
        random: &mut Random,
    ) -> Self {
        let floor = imp.deal.as_ref().map_or(imp.floor, |deal| deal.floor);
        let price = Cents(floor.0 + random.between(1, 150));
        let usual = usize::from(random.one_in(3)) + 1;
        let open = random.sample(&OPEN_CATEGORIES, size.bid_categories.unwrap_or(usual));
        let mut categories: Vec<_> = open.into_iter().map(str::to_owned).collect();
        if flaw == Some(Flaw::BlockedCategory) {
            categories.extend(blocked.last().cloned());
        }
        Self {
            imp: imp.clone(),
            price: match flaw {
                Some(Flaw::PriceInWrongUnit) => Cents(price.0 * 1000),
                _ => price,
            },
            categories,
            flaw,
        }
    }
}

fn block_list(size: &Size, random: &mut Random) -> Vec<String> {
    if let Some(entries) = size.block_list {
        return long_block_list(entries, random);
    }
    let entries = usize::try_from(random.between(20, 40)).unwrap_or(20);
    let blocked = random.sample(&BLOCKED_CATEGORIES, entries);
    blocked.into_iter().map(str::to_owned).collect()
}

/// Ids below the tiers that advertisers avoid: the shape of real ones, more than the taxonomy has.
fn long_block_list(entries: usize, random: &mut Random) -> Vec<String> {
    let tiers = [7, 8, 9, 11, 14, 17, 23, 24, 25, 26];
    let ids: Vec<_> = (1..=1000)
        .flat_map(|id| tiers.map(|tier| (tier, id)))
        .collect();
    let chosen = random.sample(&ids, entries);
    chosen
        .into_iter()
        .map(|(tier, id)| format!("IAB{tier}-{id}"))
        .collect()
}
