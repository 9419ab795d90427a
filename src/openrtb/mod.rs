//! The field's vocabulary and the reading of payloads.
//!
//! A view says what stands in a payload and judges nothing; its strings are positions ([`Text`]) in the payload, so
//! what was read can be kept without borrowing, and the memory be used again for the next auction.
//!
//! Reading has two stages. An outline of the payload says where its strings and brackets are, worked out with the
//! widest vectors that the processor has; a pull reader then goes from key to key and skips what nobody reads.
//! Long lists of category ids are only checked then, and searched when a bid's categories are known.

mod fault;

mod scan;

mod escape;

mod fields;

mod keys;

mod json;

mod checked;

mod pointer;

mod text;

mod list;

mod offer;

mod personal;

mod request;

mod creative;

mod strings;

mod response;

mod splice;

mod category;
mod category_key;
mod compact;

mod currency;

pub mod domain;

mod codes;

pub use category::{Category, CategoryTaxonomy, TaxonomyTable};
pub use category_key::CategoryKey;
pub(crate) use checked::{Checked, Kind, Member, Next, Written};
pub use codes::{LossReason, NoBidReason, NonBidStatus};
pub use compact::Categories;
pub(crate) use compact::Likeness;
pub use creative::Creative;
pub use currency::{DEFAULT_CURRENCY, Rates};
pub(crate) use fault::Fault;
pub use fields::Fields;
pub(crate) use fields::Wanted;
pub use list::List;
pub use offer::{DurationFloor, MediaType, Medium, Offer};
pub use personal::{Personal, PersonalData};
pub(crate) use pointer::{write_pointer, write_pointer_within};
pub(crate) use request::BidRequest;
pub use request::{BidRequestView, Content, Deal, Floor, Imp};
pub(crate) use response::BidResponse;
pub use response::{Bid, BidResponseView, Price};
pub(crate) use splice::Splicer;
pub use strings::{BidMember, BidString};
pub use text::{Text, Texts};
