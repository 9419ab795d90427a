//! The field's vocabulary and the reading of payloads.
//!
//! A view says what stands in a payload and judges nothing; its strings are positions ([`Text`]) in the payload, so
//! what was read can be kept without borrowing, and the memory be used again for the next auction.

mod category;
mod codes;
mod currency;
pub mod domain;
mod json;
mod list;
mod request;
mod response;
mod scan;
mod text;

pub use category::{CategoryKey, CategoryTaxonomy, TaxonomyTable};
pub use codes::{LossReason, NoBidReason, NonBidStatus};
pub use currency::{DEFAULT_CURRENCY, Rates};
pub(crate) use json::Fault;
pub use list::List;
pub(crate) use request::BidRequest;
pub use request::{BidRequestView, Content, Deal, Floor, Imp};
pub(crate) use response::BidResponse;
pub use response::{Bid, BidResponseView, Price};
pub use text::{Text, Texts};
