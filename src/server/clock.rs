//! The system's clocks, as the engine is given them.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

use crate::evaluate::Clock;

/// Counts the processor's ticks where they are steady, and asks the system where they are not. An evaluation reads it
/// some ten times, for every gate has its latency; `benches/README.md` has what that costs either way.
static TICKS: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// Finds out how long a tick is, which takes some milliseconds: before the first call, not with it.
pub(super) fn calibrate() {
    LazyLock::force(&TICKS);
}

/// When a call was complete: its message received, or its files read.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    tick: Tick,
    unix_us: u64,
}

impl Arrival {
    /// This moment.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
    pub fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            tick: Tick::now(),
            unix_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
        }
    }

    pub(super) const fn tick(&self) -> Tick {
        self.tick
    }
}

impl Clock for Arrival {
    fn arrived_unix_us(&self) -> u64 {
        self.unix_us
    }

    fn elapsed_ns(&self) -> u64 {
        self.tick.ns_until(Tick::now())
    }
}

/// A moment from which, or to which, a call is timed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick(u64);

impl Tick {
    pub(super) fn now() -> Self {
        Self(TICKS.raw())
    }

    /// Nanoseconds; 0 when `later` is not.
    pub(super) fn ns_until(self, later: Self) -> u64 {
        TICKS.delta_as_nanos(self.0, later.0)
    }
}

/// This moment, as the world has it.
#[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
pub(super) fn utc() -> Timestamp {
    Timestamp::from(SystemTime::now())
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
            at: utc().to_string(),
            clock: Instant::now(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }
}
