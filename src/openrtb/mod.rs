//! The field's vocabulary and the reading of payloads.
mod codes;
mod text;

pub use codes::{LossReason, NoBidReason, NonBidStatus};
pub use text::Text;
