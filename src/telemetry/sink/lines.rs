//! Batches as lines of JSON: on standard output, or in a file that is rotated.
//!
//! Writing may block for as long as nobody reads the pipe, so a thread of its own does it. It holds one line; while it
//! is stuck, its batch is being delivered, and the others wait.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Attempt;
use super::rotating_file::RotatingFile;
use super::stdout::Stdout;
use crate::background;
use crate::config::telemetry::FileSink;
use crate::telemetry::batch::Batch;

/// Writes batches as lines.
#[derive(Debug)]
pub(in crate::telemetry) struct Lines {
    orders: SyncSender<Order>,
}

/// One line to be written.
#[derive(Debug)]
struct Order {
    line: Bytes,
    written: oneshot::Sender<io::Result<()>>,
}

impl Lines {
    /// Lines on standard output.
    ///
    /// # Errors
    /// When there is none, or the thread cannot be started.
    pub(in crate::telemetry) fn to_stdout() -> io::Result<Self> {
        Self::start(Stdout::open()?)
    }

    /// Lines in a file. Rotations of it that fail are counted.
    ///
    /// # Errors
    /// When it cannot be opened, or the thread cannot be started.
    pub(in crate::telemetry) fn to_file(
        settings: &FileSink,
        rotation_failures: &Arc<AtomicU64>,
    ) -> io::Result<Self> {
        Self::start(RotatingFile::open(settings, Arc::clone(rotation_failures))?)
    }

    fn start(output: impl Output) -> io::Result<Self> {
        let (orders, ordered) = sync_channel(1);
        background::spawn(&background::LINES, move || write_all(&ordered, output))?;
        Ok(Self { orders })
    }

    /// Tries once to write a batch.
    pub(in crate::telemetry) async fn attempt(&self, batch: &Batch) -> Attempt {
        let (written, outcome) = oneshot::channel();
        let line = batch.body.clone();
        // There is room unless an attempt was given up, whose line is still being written.
        if self.orders.try_send(Order { line, written }).is_err() {
            return failed("the line before it is still being written");
        }
        match outcome.await {
            Ok(Ok(())) => Attempt::Delivered,
            Ok(Err(error)) => failed(&error.to_string()),
            Err(_) => failed("the thread that writes has ended"),
        }
    }
}

fn failed(cause: &str) -> Attempt {
    Attempt::Failed {
        cause: cause.to_owned(),
        retry_after: None,
    }
}

/// The thread's work: it ends with the sink.
fn write_all(orders: &Receiver<Order>, mut output: impl Output) {
    let mut line = Vec::new();
    for order in orders {
        line.clear();
        line.extend_from_slice(&order.line);
        line.push(b'\n');
        // Whoever ordered it may be gone.
        order.written.send(output.write(&line)).unwrap_or_default();
    }
}

/// Takes whole lines.
pub(super) trait Output: Send + 'static {
    /// Writes a line, with its line feed.
    ///
    /// # Errors
    /// When it cannot be written whole.
    fn write(&mut self, line: &[u8]) -> io::Result<()>;
}
