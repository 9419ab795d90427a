//! Batches from the real sidecar to collectors of every temper: where every event ends, what is signed, and who is
//! believed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::tests_outside_test_module,
    reason = "an integration test is all test"
)]

#[expect(dead_code, reason = "this is for other tests of the binary, too")]
#[path = "../support/binary.rs"]
mod binary;
#[expect(dead_code, reason = "this is for the tests of the server, too")]
#[path = "../server/process.rs"]
mod process;
#[expect(dead_code, reason = "this is for the tests of the server, too")]
#[path = "../server/running.rs"]
mod running;

mod collector;
mod post;
mod sidecar;

mod accounting;
mod keys;
mod killed;
mod signatures;
mod tls;
