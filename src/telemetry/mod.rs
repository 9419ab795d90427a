//! Records of evaluations, on their way out of the process (spec: telemetry §1 to §4).
//!
//! The thread `bidgate-telemetry` closes batches and gives them to `delivery`, which it polls on its own runtime:
//!
//! ```text
//! Delivery::new(sink, settings, ledger) -> Delivery
//! delivery.has_room() -> bool                  max_pending_batches not reached: asked before a batch is closed
//! delivery.push(batch)                         only with room
//! delivery.settled().await -> Settled          cancel-safe; pending for ever while nothing is to be delivered
//! delivery.is_idle() -> bool                   nothing pending
//! delivery.abandon() -> Vec<Settled>           at the end of flush_timeout: what is left, as Outcome::Shutdown
//! ```

mod pen;
mod record;
mod ring;
mod trace_parent;

mod gather;
mod names;
mod seen;

mod batch;
mod batcher;
mod json;

mod sink;

mod ledger;

pub use batch::Drops;
pub use ledger::{Account, Ledger};
pub use names::GateNames;
pub use pen::Pen;
pub use seen::{Hears, Listener, Seen, SeenGate};
pub use trace_parent::TraceParent;
