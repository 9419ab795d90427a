//! The clock that the engine is given.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::evaluate::Clock;

/// When a call's message was complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    at: Instant,
    unix_us: u64,
}

impl Arrival {
    #[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
    pub(super) fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            at: Instant::now(),
            unix_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
        }
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
