//! The server over loopback: calls, bounds, bad callers and shutdown.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::tests_outside_test_module,
    reason = "an integration test is all test"
)]

#[expect(dead_code, reason = "this is for other tests of the binary, too")]
#[path = "../support/binary.rs"]
mod binary;

mod certificates;
mod process;
mod raw;
mod running;

mod admission;
mod calls;
mod clock;
mod connections;
mod decisions;
mod filtered;
mod listeners;
mod logs;
mod memory;
mod metrics;
mod otlp;
mod overload;
mod overview;
mod pages;
mod panics;
mod reload;
mod rest;
mod shutdown;
mod tls;
