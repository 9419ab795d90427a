//! The generated messages and client of `bidgate.v1`, for callers: the demo, the tests, the load generator.
//!
//! The server does not use them: it reads the request in place and writes the reply by hand ([`crate::wire`]).
#![allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated from the documented proto"
)]

include!(concat!(env!("OUT_DIR"), "/bidgate.v1.rs"));

/// The encoded `FileDescriptorSet` of the contract, for reflection and proto JSON.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bidgate.v1.bin"));
