//! The audit log: what happened to the process, as a chain of lines in a file.
//!
//! Each line holds the hash of the line before it, so that one that was removed, altered or moved is found by whoever
//! reads the file ([`scan`]). Whoever can write the file can write another chain: a head that is kept elsewhere tells the
//! two apart. The heads are in the log and on `/health/info`.
//!
//! Only the control plane has events ([`Event`]), and none holds a payload or a secret. Whoever has one leaves it in a
//! bounded queue and goes on; a thread of its own writes it to the disk. A file that cannot be written costs lines, which
//! are counted and told, and nothing else.

mod digest;
mod event;
mod line;

mod chain;
mod file;
mod thread;

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::Thread;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;

pub use chain::{Break, Ending, Fault, Head, Place, Scan, scan};
pub use digest::Digest;
pub use event::{Cause, End, Event, FileDigest, PolicyDigest, Serves, Torn};

use file::AuditFile;
use thread::Order;

use crate::config::Audit as Settings;

/// Where events are told. It may be nowhere.
#[derive(Clone, Debug, Default)]
pub struct Audit(Option<Arc<Writing>>);

#[derive(Debug)]
struct Writing {
    orders: SyncSender<Order>,
    thread: Thread,
    state: Arc<State>,
}

impl Audit {
    /// Opens the file that the settings name, if they do, and starts to write it. What was found there is told by its first
    /// lines.
    ///
    /// # Errors
    /// When the file cannot be read and written, another process writes it, or there is no thread.
    pub fn open(settings: Option<&Settings>) -> Result<Self, OpenError> {
        let Some(settings) = settings else {
            return Ok(Self::default());
        };
        let failed = |error| OpenError(Box::new((settings.path.display().to_string(), error)));
        let file = AuditFile::open(settings).map_err(failed)?;
        let state = Arc::new(State::default());
        state.found(file.head());
        let (orders, thread) = thread::start(file, Arc::clone(&state)).map_err(failed)?;
        Ok(Self(Some(Arc::new(Writing {
            orders,
            thread,
            state,
        }))))
    }

    /// Tells an event, without waiting until it is written.
    pub fn note(&self, event: Event) {
        let Some(writing) = &self.0 else { return };
        let order = Order::Write(utc(), event);
        let Err(refused) = writing.orders.try_send(order) else {
            return;
        };
        writing.state.lose();
        match refused {
            TrySendError::Full(_) => {
                tracing::error!("the audit log has no room for an event: it is lost");
            }
            TrySendError::Disconnected(_) => {
                tracing::error!("nobody writes the audit log: an event is lost");
            }
        }
    }

    /// The last line that is on the disk. None without a file.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        let writing = self.0.as_ref()?;
        writing.state.head.load().as_deref().copied()
    }

    /// What became of the events.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0
            .as_ref()
            .map_or_else(Counts::default, |writing| writing.state.counts())
    }

    /// Waits until everything told is written, or cannot be, for some seconds at most, twice as many where the queue is full. What is told later is lost.
    pub fn finish(&self) {
        let Some(writing) = &self.0 else { return };
        writing.state.ending.store(true, Ordering::Relaxed);
        writing.thread.unpark();
        let (done, ended) = sync_channel(1);
        // The queue may be full of events that are still to be written.
        let told = (0..FINISH_ATTEMPTS).find_map(|attempt| {
            if attempt > 0 {
                std::thread::sleep(FINISH_TIMEOUT / FINISH_ATTEMPTS);
            }
            match writing.orders.try_send(Order::End(done.clone())) {
                Err(TrySendError::Full(_)) => None,
                told => Some(told.is_ok()),
            }
        });
        // Where nobody writes any more, what is lost was told then.
        if told == Some(false) {
            return;
        }
        if told.is_none() || ended.recv_timeout(FINISH_TIMEOUT).is_err() {
            tracing::error!("the audit log is held up, and is left behind");
        }
    }
}

/// For the last lines: a disk that hangs holds up the end of the process so long.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);
const FINISH_ATTEMPTS: u32 = 50;

/// UTC, ISO 8601.
#[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
fn utc() -> String {
    prost_types::Timestamp::from(SystemTime::now()).to_string()
}

/// What became of events, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines on the disk.
    pub written: u64,
    /// Events that will not be written.
    pub lost: u64,
    /// Attempts to write that failed.
    pub failures: u64,
}

/// What the thread and the others know together.
#[derive(Debug, Default)]
struct State {
    head: ArcSwapOption<Head>,
    written: AtomicU64,
    lost: AtomicU64,
    failures: AtomicU64,
    /// Whether the process waits for the last line.
    ending: AtomicBool,
}

impl State {
    fn found(&self, head: Head) {
        self.head.store(Some(Arc::new(head)));
    }

    fn wrote(&self, head: Head) {
        self.found(head);
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    fn counts(&self) -> Counts {
        Counts {
            written: self.written.load(Ordering::Relaxed),
            lost: self.lost(),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }
}

/// Why there is no audit log.
#[derive(Debug)]
pub struct OpenError(Box<(String, io::Error)>);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, error) = &*self.0;
        write!(f, "audit.file: cannot write to {path}: {error}")
    }
}

impl Error for OpenError {}

/// Reads a file of a chain as [`scan`] does. A link to it will do.
///
/// # Errors
/// When it cannot be read.
pub fn scan_file(
    path: &Path,
    before: Option<Head>,
    each: &mut dyn FnMut(Head),
) -> io::Result<Scan> {
    let mut file = io::BufReader::new(file::regular(File::open(path)?)?);
    scan(&mut file, before, each)
}

#[cfg(test)]
mod tests;
