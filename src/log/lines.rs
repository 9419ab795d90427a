//! Finished lines on their way to standard error.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::Logger;
use crate::background;

/// Where whoever logs leaves a line without waiting, and what found no room.
#[derive(Debug)]
pub(super) struct Lines {
    queue: OnceLock<SyncSender<Entry>>,
    queued_bytes: AtomicUsize,
    lost: AtomicU64,
    lost_untold: AtomicU64,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// Asks to be told when all before it has been written.
    Flush(SyncSender<()>),
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self {
            queue: OnceLock::new(),
            queued_bytes: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            lost_untold: AtomicU64::new(0),
        }
    }

    /// Lines lost, in all.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Lines lost since the last time this was asked.
    pub(super) fn lost_untold(&self) -> u64 {
        self.lost_untold.swap(0, Ordering::Relaxed)
    }

    fn push(&self, line: Vec<u8>) {
        let bytes = line.len();
        let room = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= BYTES_MAX;
        let queued = room
            && self
                .queue
                .get()
                .is_some_and(|queue| queue.try_send(Entry::Line(line)).is_ok());
        if !queued {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.lose();
        }
    }

    fn write_queued(&self, line: &[u8]) {
        self.write(line);
        self.queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.lost_untold.fetch_add(1, Ordering::Relaxed);
    }

    fn write(&self, line: &[u8]) {
        if io::stderr().write_all(line).is_err() {
            self.lose();
        }
    }
}

/// The formatter hands over a whole line at a time.
impl Write for &Logger {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let bytes = line.len();
        let line = in_one_line(line);
        if on_log_thread() {
            self.lines.write(&line);
        } else {
            self.lines.push(line);
        }
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Some of what is shown was written by others, and may hold what breaks a line or speaks to a terminal. Escapes are
/// those of JSON, so that a line of JSON stays one. The sequence that begins a colour is left to the formatter.
fn in_one_line(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut line = String::with_capacity(text.len() + 1);
    for character in text.trim_end_matches('\n').chars() {
        match character {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' | '\u{1b}' => line.push(character),
            other if is_unseen(other) => {
                // Writing to a string cannot fail.
                write!(line, "\\u{:04x}", u32::from(other)).unwrap_or_default();
            }
            other => line.push(other),
        }
    }
    line.push('\n');
    line.into_bytes()
}

/// Control characters, ends of lines, and what turns the direction of a text.
fn is_unseen(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Starts the thread that writes the lines.
pub(super) fn start(logger: Arc<Logger>) -> io::Result<Flush> {
    let (queue, entries) = sync_channel(LINES_MAX);
    let queue = logger.lines.queue.get_or_init(|| queue).clone();
    background::spawn(&background::LOG, move || run(&logger, &entries))?;
    Ok(Flush(queue))
}

/// True on the thread that writes: what it has to tell finds room, and has no limit.
pub(super) fn on_log_thread() -> bool {
    ON_LOG_THREAD.get()
}

thread_local! {
    static ON_LOG_THREAD: Cell<bool> = const { Cell::new(false) };
}

fn run(logger: &Logger, entries: &Receiver<Entry>) {
    ON_LOG_THREAD.set(true);
    let mut told = now();
    loop {
        match entries.recv_timeout(SECOND) {
            Ok(Entry::Line(line)) => logger.lines.write_queued(&line),
            Ok(Entry::Flush(flushed)) => flush(logger, entries, &flushed),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if told.elapsed() >= SECOND {
            logger.tell_suppressed();
            told = now();
        }
    }
}

fn flush(logger: &Logger, entries: &Receiver<Entry>, flushed: &SyncSender<()>) {
    logger.tell_suppressed();
    for entry in entries.try_iter() {
        if let Entry::Line(line) = entry {
            logger.lines.write_queued(&line);
        }
    }
    flushed.try_send(()).unwrap_or_default();
}

#[expect(clippy::disallowed_methods, reason = "the log is at the edge")]
fn now() -> Instant {
    Instant::now()
}

/// Has what is queued written when it is dropped, unless standard error takes nothing for a second.
#[derive(Debug)]
pub struct Flush(SyncSender<Entry>);

impl Drop for Flush {
    fn drop(&mut self) {
        let since = now();
        let (flushed, told) = sync_channel(1);
        while self.0.try_send(Entry::Flush(flushed.clone())).is_err() {
            if since.elapsed() >= SECOND {
                return;
            }
            thread::sleep(PAUSE);
        }
        let rest = SECOND.saturating_sub(since.elapsed());
        told.recv_timeout(rest).unwrap_or_default();
    }
}

/// Lines queued at most: more than one burst of every place in the code that has a reason to log.
const LINES_MAX: usize = 1024;
/// Their bytes at most.
const BYTES_MAX: usize = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_line_is_escaped() {
        assert_eq!(in_one_line(b"a\nb\r\nc\n"), b"a\\nb\\r\\nc\n");
        assert_eq!(in_one_line(b"plain\n"), b"plain\n");
        let spoken = "a\u{9b}31m\u{7f}\u{2028}\u{202e}\0b\n";
        let escaped = "a\\u009b31m\\u007f\\u2028\\u202e\\u0000b\n";
        assert_eq!(in_one_line(spoken.as_bytes()), escaped.as_bytes());
    }
}
