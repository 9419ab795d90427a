//! How many lines each place in the code may log, and how many it was not let.

use std::fmt;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracing::field::{Field, Value, Visit};
use tracing::{Event, Metadata};

use super::lines;

/// The places in the code that have logged a line. Any thread asks, none waits.
#[derive(Debug)]
pub(super) struct Sites {
    started: Instant,
    interval_ns: u64,
    sites: Box<[Site]>,
    /// Those that found no room share what one may log.
    others: Site,
    suppressed: AtomicU64,
}

impl Sites {
    #[expect(clippy::disallowed_methods, reason = "the log is at the edge")]
    pub(super) fn new(lines_per_second: u32) -> Self {
        Self {
            started: Instant::now(),
            interval_ns: SECOND_NS / u64::from(lines_per_second.max(1)),
            sites: (0..SITES_MAX).map(|_| Site::default()).collect(),
            others: Site::default(),
            suppressed: AtomicU64::new(0),
        }
    }

    /// True if the event may become a line. If not, it is counted.
    pub(super) fn admit(&self, event: &Event<'_>) -> bool {
        if lines::on_log_thread() {
            return true;
        }
        let site = self.site(event.metadata());
        let admitted = site.take(self.now_ns(), self.interval_ns);
        if !admitted {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            site.suppress(event);
        }
        admitted
    }

    /// Logs a line for each place that lost some since the last time.
    pub(super) fn tell(&self) {
        for site in &self.sites {
            site.tell();
        }
    }

    /// Lines that were not let, in all.
    pub(super) fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }

    fn site(&self, metadata: &'static Metadata<'static>) -> &Site {
        let spread = ptr::from_ref(metadata).addr() / align_of::<Metadata<'_>>() % SITES_MAX;
        let (before, after) = self.sites.split_at(spread);
        let mut sites = after.iter().chain(before);
        sites
            .find(|site| site.is_of(metadata))
            .unwrap_or(&self.others)
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// One place in the code.
#[derive(Debug, Default)]
struct Site {
    metadata: OnceLock<&'static Metadata<'static>>,
    /// When all that it may log at once is there again.
    full_ns: AtomicU64,
    /// Lines not let and not yet told.
    untold: AtomicU64,
    message: OnceLock<String>,
}

impl Site {
    /// Takes the room if it is free.
    fn is_of(&self, metadata: &'static Metadata<'static>) -> bool {
        ptr::eq(*self.metadata.get_or_init(|| metadata), metadata)
    }

    fn take(&self, now_ns: u64, interval_ns: u64) -> bool {
        let after = |full_ns: u64| full_ns.max(now_ns) + interval_ns;
        let taken = self
            .full_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_ns| {
                Some(after(full_ns)).filter(|full_ns| *full_ns <= now_ns + BURST_NS)
            });
        taken.is_ok()
    }

    fn suppress(&self, event: &Event<'_>) {
        self.message.get_or_init(|| {
            let mut message = Message::default();
            event.record(&mut message);
            message.0
        });
        self.untold.fetch_add(1, Ordering::Relaxed);
    }

    /// The line is of the place that it speaks of: of its level, and of its target.
    fn tell(&self) {
        let Some((metadata, message)) = self.metadata.get().zip(self.message.get()) else {
            return;
        };
        let untold = self.untold.swap(0, Ordering::Relaxed);
        if let Some(field) = metadata.fields().field(MESSAGE).filter(|_| untold > 0) {
            let text = format!("suppressed {untold} lines like \"{message}\"");
            let values = [(&field, Some(&text as &dyn Value))];
            Event::dispatch(metadata, &metadata.fields().value_set(&values));
        }
    }
}

/// The message of an event, which in this crate is a literal.
#[derive(Debug, Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            self.0 = format!("{value:?}");
        }
    }
}

const MESSAGE: &str = "message";
/// Several times the places there are.
const SITES_MAX: usize = 256;
const SECOND_NS: u64 = 1_000_000_000;
/// What may be logged at once is what may be logged in this time.
const BURST_NS: u64 = 2 * SECOND_NS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_a_burst_and_then_a_rate() {
        let site = Site::default();
        let interval_ns = SECOND_NS / 10;
        let mut now_ns = 7 * SECOND_NS;
        let taken = |now_ns| (0..100).filter(|_| site.take(now_ns, interval_ns)).count();
        assert_eq!(taken(now_ns), 20);
        for _ in 0..3 {
            now_ns += SECOND_NS;
            assert_eq!(taken(now_ns), 10);
        }
        now_ns += 60 * SECOND_NS;
        assert_eq!(taken(now_ns), 20);
    }

    #[test]
    fn a_site_of_one_line_in_a_second_has_its_burst_as_well() {
        let site = Site::default();
        let taken = |now_ns| (0..9).filter(|_| site.take(now_ns, SECOND_NS)).count();
        assert_eq!((taken(0), taken(SECOND_NS), taken(SECOND_NS)), (2, 1, 0));
    }
}
