//! Reads a chain: each line must be the one that follows from the line before.
//!
//! Bytes that are no line at all break a chain, unless the line behind them tells of them: then a write broke off there,
//! by a crash or for want of space, and the next run has recorded it. A line that was removed, altered or moved leaves
//! lines that are lines and do not follow, which no record excuses.

use std::fmt;
use std::io::{self, BufRead, Read as _};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::event::Torn;
use super::line::{LINE_BYTES_MAX, Line};

/// The last line of a chain, as the next one must know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 before the first.
    pub seq: u64,
    /// Its SHA-256, with its line feed.
    pub sha256: Digest,
}

/// What was found in a file.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The number of its first line, and when that was written. None without lines.
    pub first: Option<(u64, String)>,
    /// The last line that follows, or where the reading began.
    pub head: Head,
    /// When that was written, and what it tells.
    pub last: Option<(String, String)>,
    /// Lines that follow.
    pub lines: u64,
    /// Writes that broke off and are recorded.
    pub torn: u64,
    /// How it ends.
    pub end: Ending,
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a line that follows, or without any.
    Whole,
    /// With a line that follows but for its line feed.
    Unterminated,
    /// With bytes that are no line: a write broke off, or somebody cut the file.
    Torn {
        /// Where they begin.
        place: Place,
        /// What they are, with a line feed behind them.
        torn: Torn,
        /// Whether that line feed is there.
        terminated: bool,
    },
    /// It was not read to its end: here the chain breaks.
    Broken(Break),
}

/// Where the chain breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// The line that does not follow.
    pub place: Place,
    /// Why not.
    pub fault: Fault,
}

/// Where a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: u64,
    /// Counted from 0.
    pub byte: u64,
}

/// Why a line does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is none.
    NoLine,
    /// It is longer than any.
    TooLong,
    /// Its number is another.
    Seq {
        /// That belongs here.
        expected: u64,
        /// That stands here.
        found: u64,
    },
    /// Its `prev` is not the hash of the line before.
    Prev,
    /// It tells of torn bytes that are not there, or are others.
    NotTorn,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLine => f.write_str("is no line of an audit log: it was altered"),
            Self::TooLong => write!(f, "is longer than {LINE_BYTES_MAX} bytes: it was altered"),
            Self::Seq { expected, found } => write!(
                f,
                "has seq {found} where {expected} belongs: lines were removed, inserted or moved"
            ),
            Self::Prev => f.write_str(
                "does not follow from the line before it: that line was altered, or this one",
            ),
            Self::NotTorn => {
                f.write_str("tells of a torn line that does not stand before it: that was altered")
            }
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a file to its end, or to where it breaks, and hands over each line that follows. `before` is the last line of the
/// file before it; without one, the first line may have any number, and only that of number 1 is known to have nothing
/// before it.
///
/// # Errors
/// When it cannot be read.
pub fn scan(
    file: &mut impl BufRead,
    before: Option<Head>,
    each: &mut dyn FnMut(Head),
) -> io::Result<Scan> {
    let mut reading = Reading::new(before);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        file.take(LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(reading.end(Ending::Whole));
        }
        let before = reading.scan.lines;
        let ending = reading.read(&bytes);
        if reading.scan.lines > before {
            each(reading.scan.head);
        }
        if let Some(ending) = ending {
            return Ok(reading.end(ending));
        }
    }
}

/// How far a file has been read.
struct Reading {
    scan: Scan,
    /// Whether the next line must follow from the head.
    bound: bool,
    /// The beginning of the next line.
    place: Place,
    /// Bytes that are no line, up to here.
    gap: Option<Gap>,
}

struct Gap {
    place: Place,
    bytes: u64,
    hash: Sha256,
    terminated: bool,
}

impl Gap {
    /// A line feed stands behind it, or will.
    fn torn(&self) -> Torn {
        let mut hash = self.hash.clone();
        let missing = u64::from(!self.terminated);
        if missing > 0 {
            hash.update(b"\n");
        }
        Torn {
            bytes: self.bytes + missing,
            sha256: Digest::end(hash),
        }
    }
}

impl Reading {
    fn new(before: Option<Head>) -> Self {
        Self {
            scan: Scan {
                first: None,
                head: before.unwrap_or_default(),
                last: None,
                lines: 0,
                torn: 0,
                end: Ending::Whole,
            },
            bound: before.is_some(),
            place: Place { line: 1, byte: 0 },
            gap: None,
        }
    }

    /// Reads what may be a line. Returns how the file ends if it ends here.
    fn read(&mut self, bytes: &[u8]) -> Option<Ending> {
        let place = self.place;
        self.place.line += 1;
        self.place.byte += bytes.len() as u64;
        let broken = |place, fault| Some(Ending::Broken(Break { place, fault }));
        if bytes.len() > LINE_BYTES_MAX {
            return broken(place, Fault::TooLong);
        }
        let Some(line) = Line::read(bytes) else {
            self.widen_gap(place, bytes);
            return None;
        };
        if let Some(gap) = self.gap.take() {
            if line.torn != Some(gap.torn()) {
                return broken(gap.place, Fault::NoLine);
            }
            self.scan.torn += 1;
        } else if line.torn.is_some() {
            return broken(place, Fault::NotTorn);
        }
        if let Err(fault) = self.follows(&line) {
            return broken(place, fault);
        }
        self.advance(line, bytes);
        (!bytes.ends_with(b"\n")).then_some(Ending::Unterminated)
    }

    fn widen_gap(&mut self, place: Place, bytes: &[u8]) {
        let gap = self.gap.get_or_insert_with(|| Gap {
            place,
            bytes: 0,
            hash: Sha256::new(),
            terminated: false,
        });
        gap.bytes += bytes.len() as u64;
        gap.hash.update(bytes);
        gap.terminated = bytes.ends_with(b"\n");
    }

    fn follows(&self, line: &Line) -> Result<(), Fault> {
        let Head { seq, sha256 } = self.scan.head;
        let bound = self.bound || line.seq <= 1;
        if bound && line.seq != seq.saturating_add(1) {
            let (expected, found) = (seq.saturating_add(1), line.seq);
            return Err(Fault::Seq { expected, found });
        }
        if bound && line.prev != sha256 {
            return Err(Fault::Prev);
        }
        Ok(())
    }

    fn advance(&mut self, line: Line, bytes: &[u8]) {
        let mut hash = Sha256::new();
        hash.update(bytes);
        if !bytes.ends_with(b"\n") {
            hash.update(b"\n");
        }
        self.scan.head = Head {
            seq: line.seq,
            sha256: Digest::end(hash),
        };
        let first = &mut self.scan.first;
        first.get_or_insert_with(|| (line.seq, line.at.clone()));
        self.scan.last = Some((line.at, line.event));
        self.scan.lines += 1;
        self.bound = true;
    }

    fn end(self, ending: Ending) -> Scan {
        let end = match (ending, self.gap) {
            (Ending::Whole, Some(gap)) => Ending::Torn {
                place: gap.place,
                torn: gap.torn(),
                terminated: gap.terminated,
            },
            (ending, _) => ending,
        };
        Scan { end, ..self.scan }
    }
}
