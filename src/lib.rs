//! bidgate: the last check before a bid leaves the bidder.
pub mod auction;
pub mod cli;
pub mod config;
pub mod document;
pub mod evaluate;
pub mod gate;
pub mod limits;
pub mod openrtb;
pub mod policy;
pub mod proto;
pub mod verdict;
pub mod wire;
