//! The system's clocks, as the engine is given them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::evaluate::Clock;

/// When a call was complete: its message received, or its files read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    at: Instant,
    unix_us: u64,
}

impl Arrival {
    #[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
    pub(crate) fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            at: Instant::now(),
            unix_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// A moment that pages show, and how long ago it was.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// UTC, ISO 8601.
    pub(super) at: String,
    clock: Instant,
}

impl Moment {
    #[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
    pub(super) fn now() -> Self {
        Self {
            at: prost_types::Timestamp::from(SystemTime::now()).to_string(),
            clock: Instant::now(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }
}

impl Clock for Arrival {
    fn arrived_unix_us(&self) -> u64 {
        self.unix_us
    }

    fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.at.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
