//! Which parts of the payloads are read: those that the default policy needs, and those of the gates that are listed.

use super::request::RequestKeys;
use super::response::ResponseKeys;

/// A set of parts of the payloads that only some gates look at. What no gate of a policy needs is stepped over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields(u32);

impl Fields {
    /// Nothing beside what is always read.
    pub const NONE: Self = Self(0);
    /// `id` of request and response.
    pub const AUCTION_ID: Self = Self(1 << 1);
    /// `cur` of the request.
    pub const CURRENCIES: Self = Self(1 << 2);
    /// `badv`, and `wadomain` of deals.
    pub const ADVERTISERS: Self = Self(1 << 3);
    /// `battr` of each medium, `attr` of bids.
    pub const ATTRIBUTES: Self = Self(1 << 4);
    /// `bapp`, and `bundle` of bids.
    pub const APPS: Self = Self(1 << 5);
    /// `pmp.private_auction`.
    pub const PRIVATE_AUCTION: Self = Self(1 << 6);
    /// `durfloors` of video and audio, `dur` of bids.
    pub const DURATION_FLOORS: Self = Self(1 << 7);
    /// `wseat` and `bseat`, `wseat` of deals, `seat` of seatbids.
    pub const SEATS: Self = Self(1 << 8);
    /// `crid`, `nurl` and `adid` of bids.
    pub const CREATIVE_ID: Self = Self(1 << 9);
    /// The media of imps with the sizes of banners, `w` and `h` of bids.
    pub const MEDIA: Self = Self(1 << 10);
    /// `secure` of imps.
    pub const SECURE: Self = Self(1 << 11);
    /// What `device` and `user` say about a person.
    pub const PERSONAL: Self = Self(1 << 12);
    /// Every string of the response.
    pub const STRINGS: Self = Self(1 << 13);

    /// What the six gates of the default policy read: no bit of a set, for every set meets it.
    pub(crate) const ALWAYS: Self = Self(1);

    /// Both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True when one of `needs` is in the set.
    pub(crate) const fn meets(self, needs: Self) -> bool {
        (self.0 | Self::ALWAYS.0) & needs.0 != 0
    }

    /// `needs` in place of this: how a key that is not always read says so.
    pub(crate) const fn narrowed_to(self, needs: Self) -> Self {
        needs
    }
}

/// The keys of every kind of object that a policy needs, worked out once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(super) request: RequestKeys,
    pub(super) response: ResponseKeys,
    /// Whether every string of the response is looked at.
    pub(crate) strings: bool,
}

impl Wanted {
    pub(crate) fn new(fields: Fields) -> Self {
        Self {
            request: RequestKeys::of(fields),
            response: ResponseKeys::of(fields),
            strings: fields.meets(Fields::STRINGS),
        }
    }
}
