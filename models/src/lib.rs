//! What bidgate's threads share without a lock, under every order in which the threads may run and see each other's
//! writes, as far as [`model`] looks.
//!
//! The files are those of bidgate, included as they stand; they take their atomics from [`sync`], which here is that of
//! the model checker. A model is a few threads that do what threads of the sidecar do, and what must hold meanwhile and
//! afterwards. `tests/models.rs` runs them. The model checker does not let a load see what is stored only after it, as
//! some processors may: what needs a store to stay behind a load is not found here.
// The unit tests of the files are not for these atomics.
#![cfg(not(test))]
#![expect(
    unreachable_pub,
    reason = "the files are written for the crate that they are of"
)]

#[path = "../../src/callers.rs"]
pub mod callers;

#[path = "../../src/limits.rs"]
pub mod limits;

pub mod metrics;

pub mod server;

pub mod sync;

pub mod telemetry;

/// Tries every order in which at most so many times a thread gives way to another before it has to: races need few
/// (Musuvathi and Qadeer, PLDI 2007), and the time that all orders take has no bound worth the name.
const PREEMPTIONS_MAX: usize = 3;

/// Runs a model in every order.
pub fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS_MAX);
    builder.max_branches = 20_000;
    builder.check(run);
}
