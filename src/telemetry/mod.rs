//! Records of evaluations, on their way out of the process (spec: telemetry §1 to §4).
//!
//! The thread `bidgate-telemetry` closes batches and gives them to `delivery`, which it polls on its own runtime:
//!
//! ```text
//! Delivery::new(sink, Rules { concurrent, pending_max, retries, retry_delay }) -> Delivery
//! delivery.has_room() -> bool                  max_pending_batches not reached: asked before a batch is closed
//! delivery.push(batch)                         only with room
//! delivery.settled().await -> Settled          cancel-safe; pending for ever while nothing is to be delivered
//! delivery.pending() -> usize                  batches not settled
//! delivery.retries() -> u64                    second and further attempts so far
//! delivery.abandon() -> Vec<Settled>           at the end of flush_timeout: what is left, as Outcome::Shutdown
//! ```

mod batch;
mod delivery;
mod keys;
mod sign;
mod sink;
