//! The one place where time is read.

use std::time::{Duration, Instant};

/// Monotonic time, to some tens of nanoseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a load generator measures with the clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds of a duration; those that do not fit are 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
