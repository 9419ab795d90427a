//! Batches as lines of JSON: on standard output, or in a file that is rotated.
//!
//! Writing may block for as long as nobody reads the pipe, so a thread of its own does it. It holds one line; while it
//! is stuck, its batch is being delivered, and the others wait.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Attempt;
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
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        Self::start(Stdout(File::from(stdout)))
    }

    /// Lines in a file.
    ///
    /// # Errors
    /// When it cannot be opened, or the thread cannot be started.
    pub(in crate::telemetry) fn to_file(settings: &FileSink) -> io::Result<Self> {
        Self::start(RotatingFile::open(settings)?)
    }

    fn start(output: impl Output) -> io::Result<Self> {
        let (orders, ordered) = sync_channel(1);
        background::spawn("bidgate-lines", move || write_all(&ordered, output))?;
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
trait Output: Send + 'static {
    fn write(&mut self, line: &[u8]) -> io::Result<()>;
}

/// Standard output, without the buffer that others share.
struct Stdout(File);

impl Output for Stdout {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)
    }
}

/// A file that makes room for another when it is full.
struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    /// None between the end of one and the beginning of the next.
    file: Option<File>,
}

impl RotatingFile {
    fn open(settings: &FileSink) -> io::Result<Self> {
        Ok(Self {
            path: settings.path.clone(),
            max_bytes: settings.max_bytes,
            keep: settings.keep,
            file: Some(append(&settings.path)?),
        })
    }

    /// `FILE` becomes `FILE.1`, that `FILE.2` and so on; the last one goes.
    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        for number in (1..self.keep).rev() {
            rename(&self.numbered(number), &self.numbered(number + 1))?;
        }
        match self.keep {
            0 => fs::remove_file(&self.path),
            _ => rename(&self.path, &self.numbered(1)),
        }
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Output for RotatingFile {
    /// A line that cannot be written whole leaves no part of it.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let bytes = self.file.as_ref().map_or(Ok(0), file_bytes)?;
        if bytes > 0 && bytes + line.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(append(&self.path)?),
        };
        let before = file_bytes(file)?;
        let written = file.write_all(line);
        if written.is_err() {
            file.set_len(before)?;
        }
        written
    }
}

fn append(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        // Whoever opens a pipe waits for its other end, and a device cannot be rotated.
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "is no regular file",
        ));
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)
}

fn file_bytes(file: &File) -> io::Result<u64> {
    file.metadata().map(|metadata| metadata.len())
}

/// What is not there need not be renamed: there are fewer files at the beginning.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(folder: &Path, keep: u32) -> RotatingFile {
        RotatingFile::open(&FileSink {
            path: folder.join("events"),
            max_bytes: 10,
            keep,
        })
        .unwrap()
    }

    fn texts(folder: &Path) -> Vec<(String, String)> {
        let mut texts: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        texts.sort();
        texts
    }

    #[test]
    fn a_full_file_makes_room_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = file(folder.path(), 3);
        for line in [
            "first\n",
            "one\n",
            "second\n",
            "third\n",
            "a long line\n",
            "last\n",
        ] {
            events.write(line.as_bytes()).unwrap();
        }
        let expected = [
            ("events", "last\n"),
            ("events.1", "a long line\n"),
            ("events.2", "third\n"),
            ("events.3", "second\n"),
        ];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(texts(folder.path()), expected);
        let mode = fs::metadata(folder.path().join("events.1"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn without_files_to_keep_a_full_one_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = file(folder.path(), 0);
        for line in ["first\n", "second\n"] {
            events.write(line.as_bytes()).unwrap();
        }
        assert_eq!(
            texts(folder.path()),
            [("events".to_owned(), "second\n".to_owned())]
        );
    }

    #[test]
    fn a_file_goes_on_where_another_process_left_it() {
        let folder = tempfile::tempdir().unwrap();
        for line in ["one\n", "two\n"] {
            file(folder.path(), 1).write(line.as_bytes()).unwrap();
        }
        assert_eq!(
            texts(folder.path()),
            [("events".to_owned(), "one\ntwo\n".to_owned())]
        );
    }

    #[test]
    fn a_folder_that_goes_away_and_comes_back_loses_what_was_between() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("logs");
        fs::create_dir(&folder).unwrap();
        let mut events = file(&folder, 1);
        events.write(b"one line\n").unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(events.write(b"lost line\n").is_err());
        fs::create_dir(&folder).unwrap();
        events.write(b"two\n").unwrap();
        assert_eq!(texts(&folder), [("events".to_owned(), "two\n".to_owned())]);
    }
}
