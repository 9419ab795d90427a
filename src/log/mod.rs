//! The log: lines on standard error, written by a thread of its own, and no more of them than somebody can read.
//!
//! Whoever logs leaves a finished line in a bounded queue ([`lines`]); only the thread `bidgate-log` ever waits for
//! standard error. Each place in the code may log some lines a second ([`sites`]). What is left out either way is
//! counted and told.
//!
//! Only lines of this crate are written. What a library logs may quote what it was sent, and so may the message of a
//! panic: of that the log tells the place.

mod lines;
mod sites;

use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Metadata, callsite, subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::{fmt, registry};

pub use lines::Flush;

use lines::Lines;
use sites::Sites;

use crate::config::{Log, LogFormat};

/// The target of decision logs, which keep a limit of their own ([`Logger::decisions`]).
pub const DECISIONS: &str = "bidgate::decision";

/// What is logged, and what was left out. Nothing is, before [`Self::start`].
#[derive(Debug)]
pub struct Logger {
    log: Log,
    /// Position in [`Log::LEVELS`].
    level: AtomicU8,
    decisions: AtomicU32,
    sites: Sites,
    lines: Lines,
    panics: AtomicU64,
}

/// What can be changed while the process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The least severe level logged.
    pub level: Option<LevelFilter>,
    /// Decision-log lines a second, at most [`Log::DECISIONS_MAX`].
    pub decisions: Option<u32>,
}

impl Logger {
    /// A logger that begins with these settings.
    #[must_use]
    pub fn new(log: Log) -> Self {
        Self {
            log,
            level: AtomicU8::new(position(log.level)),
            decisions: AtomicU32::new(log.decisions),
            sites: Sites::new(log.lines_per_second),
            lines: Lines::new(),
            panics: AtomicU64::new(0),
        }
    }

    /// Writes the process's log to standard error from here on; so do panics, for they would wait for it otherwise.
    /// What is still queued is written when the answer is dropped. A second logger of one process writes nothing.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(self: &Arc<Self>) -> io::Result<Flush> {
        let flush = lines::start(Arc::clone(self))?;
        let layer = fmt::layer()
            .with_ansi(io::stderr().is_terminal())
            .with_writer(Arc::clone(self));
        let limits = Limits(Arc::clone(self));
        let started = match self.log.format {
            LogFormat::Human => subscriber::set_global_default(registry().with(layer).with(limits)),
            LogFormat::Json => {
                subscriber::set_global_default(registry().with(layer.json()).with(limits))
            }
        };
        if started.is_ok() {
            let logger = Arc::clone(self);
            panic::set_hook(Box::new(move |panic| logger.note_panic(panic)));
        }
        Ok(flush)
    }

    /// Changes what is logged, and logs that.
    pub fn change(&self, change: Change) {
        let before = self.level();
        let after = change.level.unwrap_or(before);
        let decisions = change.decisions.unwrap_or_else(|| self.decisions());
        self.decisions.store(decisions, Ordering::Relaxed);
        // Told under the wider of the two levels, or the last line before a silence would be missing.
        self.set_level(before.max(after));
        tracing::warn!(level = %after, decisions, "log changed");
        self.set_level(after);
    }

    /// The least severe level logged.
    #[must_use]
    pub fn level(&self) -> LevelFilter {
        let position = usize::from(self.level.load(Ordering::Relaxed));
        Log::LEVELS
            .get(position)
            .map_or(LevelFilter::OFF, |(_, level)| *level)
    }

    /// How a line looks.
    #[must_use]
    pub const fn format(&self) -> LogFormat {
        self.log.format
    }

    /// Lines that one place in the code may log a second.
    #[must_use]
    pub const fn lines_per_second(&self) -> u32 {
        self.log.lines_per_second
    }

    /// Decision-log lines a second, at most; 0 is none.
    #[must_use]
    pub fn decisions(&self) -> u32 {
        self.decisions.load(Ordering::Relaxed)
    }

    /// Lines that were not written: too many of one kind, or more than standard error took.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.sites.suppressed() + self.lines.lost()
    }

    /// Panics since [`Self::start`], on any thread, whatever they ended.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    fn note_panic(&self, panic: &PanicHookInfo<'_>) {
        self.panics.fetch_add(1, Ordering::Relaxed);
        tell_panic(panic);
    }

    fn set_level(&self, level: LevelFilter) {
        self.level.store(position(level), Ordering::Relaxed);
        callsite::rebuild_interest_cache();
    }

    /// Tells what was left out since the last time.
    fn tell_suppressed(&self) {
        self.sites.tell();
        let lines = self.lines.lost_untold();
        if lines > 0 {
            tracing::warn!(lines, "standard error was not read in time: lines are lost");
        }
    }
}

fn position(level: LevelFilter) -> u8 {
    (0..)
        .zip(Log::LEVELS)
        .find_map(|(position, (_, found))| (found == level).then_some(position))
        .unwrap_or_default()
}

/// A panic's message may quote what was being read.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    tracing::error!(thread, place, "panic");
}

/// Decides which events become lines. The level is looked at once for each place in the code, until it changes: what
/// is switched off costs a comparison.
struct Limits(Arc<Logger>);

impl Limits {
    fn permits(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
        ours && *metadata.level() <= self.0.level()
    }
}

impl<S: Subscriber> Layer<S> for Limits {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.permits(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.permits(metadata)
    }

    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let decision = event.metadata().target() == DECISIONS;
        self.permits(event.metadata()) && (decision || self.0.sites.admit(event))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.level())
    }
}
