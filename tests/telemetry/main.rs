//! Records of evaluations, from real calls to lines of JSON (spec: telemetry §3).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::tests_outside_test_module,
    reason = "an integration test is all test"
)]

#[path = "../support/binary.rs"]
mod binary;

mod batches;
mod calls;
mod sidecar;

mod file;
mod overload;
mod stdout;
