//! The file: found as it was left, appended to line by line, and never touched otherwise.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::chain::{Ending, Fault, Head, Place, Scan, scan};
use super::digest::Digest;
use super::event::Event;
use super::line;
use crate::config::Audit as Settings;
use crate::rotation::{numbered, rotate, with_suffix};

/// An audit log that nobody else writes while this one is there.
#[derive(Debug)]
pub(super) struct AuditFile {
    settings: Settings,
    /// Held as long as it is open.
    _lock: File,
    /// None when it must be looked for again.
    open: Option<Open>,
    head: Head,
    /// What was found and must be told before anything else is.
    found: Vec<Event>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// As we left it.
    bytes: u64,
    /// Whether the last line lacks its line feed.
    unterminated: bool,
}

impl AuditFile {
    /// Opens the file, or makes it, and verifies what stands there.
    ///
    /// # Errors
    /// When it cannot be read and written, or another process writes it.
    pub(super) fn open(settings: &Settings) -> io::Result<Self> {
        let mut file = Self {
            _lock: lock(&with_suffix(&settings.path, "lock"))?,
            settings: settings.clone(),
            open: None,
            head: Head::default(),
            found: Vec::new(),
        };
        let last_event = file.find()?;
        if let Some(last_event) = last_event.filter(|event| event != Event::LAST) {
            file.found.push(Event::PreviousRunUnfinished {
                last_seq: file.head.seq,
                last_event,
            });
        }
        Ok(file)
    }

    pub(super) const fn head(&self) -> Head {
        self.head
    }

    /// Writes what was found, then an event, each to the disk. `at` is when it happened.
    ///
    /// # Errors
    /// When it cannot be written: then nothing of it stands there.
    pub(super) fn append(&mut self, at: &str, event: &Event) -> io::Result<()> {
        if !self.is_as_we_left_it() {
            self.find_again()?;
        }
        while let Some(found) = self.found.first().cloned() {
            self.write(at, &found)?;
            self.found.remove(0);
        }
        self.write(at, event)
    }

    fn is_as_we_left_it(&self) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let at_path = fs::symlink_metadata(&self.settings.path);
            let ours = open.file.metadata();
            at_path.is_ok_and(|at_path| {
                ours.is_ok_and(|ours| identity(&ours) == identity(&at_path))
                    && at_path.len() == open.bytes
            })
        })
    }

    fn find_again(&mut self) -> io::Result<()> {
        let left = self.head;
        self.find()?;
        if self.head != left {
            tracing::error!(
                file = %self.settings.path.display(),
                last_seq = left.seq,
                "the audit log is not as it was left: it was removed, replaced, cut or written to"
            );
            self.found.push(Event::FileReplaced {
                last_seq: left.seq,
                last_sha256: left.sha256,
            });
        }
        Ok(())
    }

    /// Opens what stands at the path, and goes on from its last line. Returns what that tells.
    fn find(&mut self) -> io::Result<Option<String>> {
        self.open = None;
        self.found.retain(|event| !is_of_the_file(event));
        let file = open(&self.settings.path)?;
        let scan = read(&file)?;
        if let Ending::Broken(_) = scan.end {
            return self.set_aside(&file, &scan).map(|()| None);
        }
        let mut last_event = scan.last.map(|(_, event)| event);
        let left = std::mem::replace(&mut self.head, scan.head);
        if scan.lines == 0 {
            let rotated = self.find_rotated();
            if rotated.is_err() {
                // Whether the file is as it was left is still to be told.
                self.head = left;
            }
            last_event = rotated?;
        }
        if let Ending::Torn { torn, .. } = scan.end {
            self.found.insert(0, Event::LineTorn { torn });
        }
        self.open = Some(Open {
            bytes: file.metadata()?.len(),
            file,
            unterminated: matches!(
                scan.end,
                Ending::Unterminated
                    | Ending::Torn {
                        terminated: false,
                        ..
                    }
            ),
        });
        Ok(last_event)
    }

    /// An empty file goes on from the last one that was full.
    fn find_rotated(&mut self) -> io::Result<Option<String>> {
        let path = numbered(&self.settings.path, 1);
        let file = match read_only(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let scan = read(&file)?;
        if matches!(scan.end, Ending::Whole | Ending::Unterminated) {
            self.head = scan.head;
            return Ok(scan.last.map(|(_, event)| event));
        }
        self.head = Head::default();
        let told = |event: &Event| matches!(event, Event::ChainBroken { .. });
        if !self.found.iter().any(told) {
            let sha256 = digest(&file)?;
            self.found.insert(0, chain_broken(&path, sha256, &scan));
        }
        Ok(None)
    }

    /// Keeps a file that does not verify under another name, and begins a chain.
    fn set_aside(&mut self, file: &File, scan: &Scan) -> io::Result<()> {
        let sha256 = digest(file)?;
        let name = sha256.to_string();
        let name = format!("broken-{}", name.get(..16).unwrap_or_default());
        let aside = with_suffix(&self.settings.path, &name);
        fs::rename(&self.settings.path, &aside)?;
        self.found.insert(0, chain_broken(&aside, sha256, scan));
        self.head = Head::default();
        self.begin()
    }

    /// Makes an empty file. Somebody who is quicker has made it for us.
    fn begin(&mut self) -> io::Result<()> {
        let file = open(&self.settings.path)?;
        sync_folder(&self.settings.path);
        self.open = Some(Open {
            bytes: file.metadata()?.len(),
            file,
            unterminated: false,
        });
        Ok(())
    }

    fn write(&mut self, at: &str, event: &Event) -> io::Result<()> {
        let seq = self.head.seq.saturating_add(1);
        let line = line::write(seq, at, event, self.head.sha256)?;
        if self.is_full(line.len() as u64) && !is_of_the_file(event) {
            rotate(&self.settings.path, self.settings.keep)?;
            self.begin()?;
        }
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        if let Err(error) = open.append(&line) {
            if open.take_back().is_err() {
                self.open = None;
            }
            return Err(error);
        }
        self.head = Head {
            seq,
            sha256: Digest::of(&line),
        };
        Ok(())
    }

    /// A line that is torn is mended, or told of, where it stands.
    fn is_full(&self, more: u64) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let fits = open.bytes.saturating_add(more) <= self.settings.max_bytes;
            open.bytes > 0 && !fits && !open.unterminated
        })
    }
}

impl Open {
    /// Puts a line behind what stands there, to the disk.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let bytes = if self.unterminated {
            &[b"\n", line].concat()
        } else {
            line
        };
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        self.bytes += bytes.len() as u64;
        self.unterminated = false;
        Ok(())
    }

    /// Takes back what of a line has been written.
    fn take_back(&self) -> io::Result<()> {
        self.file.set_len(self.bytes)
    }
}

/// Of what stands in the file: found again when it is looked for again.
const fn is_of_the_file(event: &Event) -> bool {
    matches!(event, Event::LineTorn { .. })
}

fn chain_broken(set_aside: &Path, sha256: Digest, scan: &Scan) -> Event {
    let (place, problem) = match scan.end {
        Ending::Broken(found) => (found.place, found.fault),
        Ending::Torn { place, .. } => (place, Fault::NoLine),
        Ending::Whole | Ending::Unterminated => (Place { line: 0, byte: 0 }, Fault::NoLine),
    };
    tracing::error!(
        file = %set_aside.display(),
        place.line,
        place.byte,
        %problem,
        "the audit log does not verify: it is kept, and a chain begins"
    );
    Event::ChainBroken {
        set_aside: set_aside.display().to_string(),
        line: place.line,
        byte: place.byte,
        problem,
        sha256,
    }
}

/// Opens a file to append to. Whoever opens a pipe waits for its other end, and a link leads to where others want it.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    regular(
        options
            .custom_flags(flags.bits().cast_signed())
            .open(path)?,
    )
}

fn read_only(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true);
    regular(
        options
            .custom_flags(flags.bits().cast_signed())
            .open(path)?,
    )
}

pub(super) fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "is no regular file",
    ))
}

/// A file beside the log, which stays when the log is rotated.
fn lock(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process writes it; give each its own file",
        )),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn read(mut file: &File) -> io::Result<Scan> {
    file.rewind()?;
    scan(&mut BufReader::new(file), None, &mut |_| {})
}

fn digest(mut file: &File) -> io::Result<Digest> {
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut bytes = [0; 16 << 10];
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(Digest::end(hash)),
            length => hash.update(bytes.get(..length).unwrap_or_default()),
        }
    }
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Has the file's name survive a crash. Some file systems do not do that for folders.
fn sync_folder(path: &Path) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::debug!(%error, "the folder of the audit log cannot be synchronised");
    }
}
