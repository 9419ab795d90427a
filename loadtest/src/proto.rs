//! The generated messages and the stock server of `bidgate.v1`.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    dead_code,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated from the documented proto"
)]

include!(concat!(env!("OUT_DIR"), "/bidgate.v1.rs"));
