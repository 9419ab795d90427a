//! A file of lines that makes room for another when it is full.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lines::Output;
use crate::config::telemetry::FileSink;
use crate::rotation::rotate;

/// A file that makes room for another when it is full.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    /// None between the end of one and the beginning of the next.
    file: Option<File>,
    /// To where the file must be cut before anything else is written: behind its last whole line.
    cut_to: Option<u64>,
    rotation_failures: Arc<AtomicU64>,
    /// Whether the last rotation failed, which is logged once.
    stuck: bool,
}

impl RotatingFile {
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(settings: &FileSink, rotation_failures: Arc<AtomicU64>) -> io::Result<Self> {
        Ok(Self {
            path: settings.path.clone(),
            max_bytes: settings.max_bytes,
            keep: settings.keep,
            file: Some(append(&settings.path)?),
            cut_to: None,
            rotation_failures,
            stuck: false,
        })
    }

    /// The file at the path, which others may have moved or removed, without what is left of a line that broke off.
    fn current(&mut self) -> io::Result<&mut File> {
        let ours = self.file.take().filter(|file| is_at(file, &self.path));
        let file = match ours {
            Some(file) => {
                let file = self.file.insert(file);
                if let Some(bytes) = self.cut_to {
                    file.set_len(bytes)?;
                }
                file
            }
            None => self.file.insert(append(&self.path)?),
        };
        self.cut_to = None;
        Ok(file)
    }

    /// A file that is full stays as it is until it has made room: it does not grow, and lines are refused.
    fn make_room(&mut self) -> io::Result<()> {
        match rotate(&self.path, self.keep) {
            Ok(()) => {
                self.file = None;
                if self.stuck {
                    tracing::info!(file = %self.path.display(), "the file of telemetry is rotated again");
                }
                self.stuck = false;
                Ok(())
            }
            Err(error) => {
                self.rotation_failures.fetch_add(1, Ordering::Relaxed);
                if !self.stuck {
                    let file = self.path.display();
                    tracing::error!(%file, %error, "the file of telemetry is full and cannot be rotated");
                }
                self.stuck = true;
                let said = format!("the file is full and cannot be rotated: {error}");
                Err(io::Error::new(error.kind(), said))
            }
        }
    }
}

impl Output for RotatingFile {
    /// A line that cannot be written whole leaves no part of it.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let bytes = self.current()?.metadata()?.len();
        if bytes > 0 && bytes + line.len() as u64 > self.max_bytes {
            self.make_room()?;
        }
        let file = self.current()?;
        let before = file.metadata()?.len();
        let written = file.write_all(line);
        let untorn = written.is_ok() || file.set_len(before).is_ok();
        self.cut_to = (!untorn).then_some(before);
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

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let at_path = fs::metadata(path).map(identity);
    at_path.is_ok_and(|at_path| {
        file.metadata()
            .map(identity)
            .is_ok_and(|ours| ours == at_path)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(folder: &Path, keep: u32) -> RotatingFile {
        let settings = FileSink {
            path: folder.join("events"),
            max_bytes: 10,
            keep,
        };
        RotatingFile::open(&settings, Arc::default()).unwrap()
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

    #[test]
    fn a_file_that_is_moved_away_is_followed_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = file(folder.path(), 1);
        for (line, moved) in [("one\n", "moved"), ("two\n", "again")] {
            events.write(line.as_bytes()).unwrap();
            fs::rename(folder.path().join("events"), folder.path().join(moved)).unwrap();
        }
        events.write(b"three\n").unwrap();
        fs::remove_file(folder.path().join("events")).unwrap();
        events.write(b"four\n").unwrap();
        let expected = [("again", "two\n"), ("events", "four\n"), ("moved", "one\n")];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(texts(folder.path()), expected);
    }

    #[test]
    fn a_full_file_that_cannot_be_rotated_does_not_grow() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = file(folder.path(), 1);
        events.write(b"first\n").unwrap();
        // A file takes the place of no folder.
        let in_the_way = folder.path().join("events.1");
        fs::create_dir(&in_the_way).unwrap();
        for _ in 0..3 {
            let error = events.write(b"second\n").unwrap_err();
            assert!(error.to_string().contains("cannot be rotated"), "{error}");
        }
        assert_eq!(events.rotation_failures.load(Ordering::Relaxed), 3);
        fs::remove_dir(&in_the_way).unwrap();
        events.write(b"third\n").unwrap();
        let expected = [("events", "third\n"), ("events.1", "first\n")];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(texts(folder.path()), expected);
    }

    #[test]
    fn what_could_not_be_taken_back_is_cut_off_before_the_next_line() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = file(folder.path(), 1);
        events.write(b"one\n").unwrap();
        events.current().unwrap().write_all(b"tor").unwrap();
        events.cut_to = Some(4);
        events.write(b"two\n").unwrap();
        assert_eq!(
            texts(folder.path()),
            [("events".to_owned(), "one\ntwo\n".to_owned())]
        );
    }
}
