//! When each call is to be sent, decided before the first one is.
//!
//! A closed loop sends the next call when the last is answered, so a server that stalls is asked nothing while it stalls,
//! and the stall shows up as one slow call. This schedule does not know about answers: a stall is charged to every call
//! that should have been sent during it.

use std::num::NonZero;
use std::time::{Duration, Instant};

/// Evenly spaced moments. The n-th is computed from n and not from the one before, so that no rounding adds up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    start: Instant,
    calls_per_second: NonZero<u64>,
    /// Calls in all.
    calls: u64,
    /// Calls that were taken.
    taken: u64,
}

impl Schedule {
    /// As many calls as fit into `duration`.
    pub(crate) fn new(start: Instant, calls_per_second: NonZero<u64>, duration: Duration) -> Self {
        let calls = duration.as_nanos() * u128::from(calls_per_second.get()) / NANOS_PER_SECOND;
        Self {
            start,
            calls_per_second,
            calls: u64::try_from(calls).unwrap_or(u64::MAX),
            taken: 0,
        }
    }

    /// When the next call is to be sent; none after the last one.
    pub(crate) fn next(&self) -> Option<Instant> {
        (self.taken < self.calls).then(|| self.start + self.offset(self.taken))
    }

    /// Counts the next call as taken.
    pub(crate) fn take(&mut self) {
        self.taken += 1;
    }

    /// How many calls were due by `now` and are not taken.
    pub(crate) fn due(&self, now: Instant) -> u64 {
        let Some(elapsed) = now.checked_duration_since(self.start) else {
            return 0;
        };
        let begun = elapsed.as_nanos() * u128::from(self.calls_per_second.get()) / NANOS_PER_SECOND;
        let by_now = u64::try_from(begun).unwrap_or(u64::MAX).saturating_add(1);
        by_now.min(self.calls).saturating_sub(self.taken)
    }

    fn offset(&self, call: u64) -> Duration {
        let rate = u128::from(self.calls_per_second.get());
        // Rounded up: a call that is due by this moment is due by the clock too.
        let nanos = (u128::from(call) * NANOS_PER_SECOND).div_ceil(rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(start: Instant, rate: u64, duration: Duration) -> Schedule {
        Schedule::new(start, NonZero::new(rate).unwrap(), duration)
    }

    #[test]
    fn calls_are_evenly_spaced_and_rounding_does_not_add_up() {
        let start = crate::clock::now();
        let mut schedule = schedule(start, 3, Duration::from_secs(1000));
        for _ in 0..2_999 {
            schedule.take();
        }
        let offset = schedule.next().unwrap() - start;
        assert_eq!(offset, Duration::from_nanos(999_666_666_667));
        schedule.take();
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn a_stall_makes_every_call_of_its_time_due() {
        let start = crate::clock::now();
        let mut schedule = schedule(start, 1000, Duration::from_secs(1));
        assert_eq!(schedule.due(start), 1);
        schedule.take();
        assert_eq!(schedule.due(start + Duration::from_micros(999)), 0);
        assert_eq!(schedule.due(start + Duration::from_millis(50)), 50);
        assert_eq!(schedule.next(), Some(start + Duration::from_millis(1)));
    }

    #[test]
    fn what_is_next_is_due_when_its_time_has_come() {
        let start = crate::clock::now();
        let mut schedule = schedule(start, 7_777, Duration::from_secs(1));
        while let Some(next) = schedule.next() {
            assert_eq!(schedule.due(next), 1);
            assert_eq!(schedule.due(next - Duration::from_nanos(1)), 0);
            schedule.take();
        }
    }

    #[test]
    fn nothing_is_due_before_the_start_or_after_the_end() {
        let start = crate::clock::now();
        let mut schedule = schedule(start + Duration::from_secs(1), 10, Duration::from_secs(1));
        assert_eq!(schedule.due(start), 0);
        assert_eq!(schedule.due(start + Duration::from_secs(100)), 10);
        (0..10).for_each(|_| schedule.take());
        assert_eq!(schedule.due(start + Duration::from_secs(100)), 0);
    }
}
