//! bidgate: the last check before a bid leaves the bidder.
pub mod document;
pub mod evaluate;
pub mod limits;
pub mod metrics;
pub mod openrtb;
pub mod policy;
pub mod proto;
pub mod server;
pub mod verdict;
pub mod wire;
