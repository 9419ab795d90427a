//! The lines of a file, in batches that one thread hands to another.

use std::io::{self, BufRead, Read as _};
use std::ops::Range;

/// Bytes of a line. Pairs are some kilobytes, block lists and all; a longer line is no pair but another format.
pub(super) const LINE_BYTES_MAX: u64 = 64 << 20;

/// Bytes from which on a batch is full: enough to make up for its way between threads, few enough to go round.
const BATCH_BYTES: usize = 1 << 16;

/// A file as lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: R,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { source, read: 0 }
    }

    /// Number of the line that comes next, from 1.
    pub(super) const fn next_number(&self) -> u64 {
        self.read + 1
    }

    pub(super) const fn source(&self) -> &R {
        &self.source
    }

    /// Reads lines until the batch is full, blank ones aside; false at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read on. What the batch holds by then are whole lines.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> io::Result<bool> {
        while batch.bytes.len() < BATCH_BYTES {
            let start = batch.bytes.len();
            if !self.read_line(&mut batch.bytes)? {
                return Ok(false);
            }
            self.read += 1;
            let end = batch.bytes.len();
            let too_long = self.is_cut(batch) && self.source.skip_until(b'\n')? > 0;
            if too_long {
                batch.bytes.truncate(start);
            }
            batch.lines.push(Line {
                number: self.read,
                place: (!too_long).then_some(start..end),
            });
        }
        Ok(true)
    }

    fn read_line(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let mut bounded = self.source.by_ref().take(LINE_BYTES_MAX);
        Ok(bounded.read_until(b'\n', bytes)? > 0)
    }

    /// The last line of the file has no end, and no more does one that was too long to be read to its end.
    fn is_cut(&self, batch: &Batch) -> bool {
        !batch.bytes.ends_with(b"\n")
    }
}

/// Some lines.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    number: u64,
    /// None of a line that is too long.
    place: Option<Range<usize>>,
}

impl Batch {
    /// Each line with its number; None for one that is longer than [`LINE_BYTES_MAX`]. Blank lines are passed over.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, Option<&[u8]>)> {
        let lines = self.lines.iter().map(|line| {
            let bytes = line.place.clone().and_then(|place| self.bytes.get(place));
            (line.number, bytes.map(<[u8]>::trim_ascii))
        });
        lines.filter(|(_, bytes)| bytes.is_none_or(|bytes| !bytes.is_empty()))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, String)> {
        let mut lines = Lines::new(text.as_bytes());
        let mut seen = Vec::new();
        let mut goes_on = true;
        while goes_on {
            let mut batch = Batch::default();
            goes_on = lines.fill(&mut batch).unwrap();
            let told = batch.lines().map(|(number, bytes)| {
                let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
                (number, text)
            });
            seen.extend(told);
        }
        seen
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does_and_the_last_needs_no_end() {
        let expected = [(1, "{a}".to_owned()), (4, "{b}".to_owned())];
        assert_eq!(lines("{a}\r\n\n  \n{b}"), expected);
        assert_eq!(lines(""), []);
    }

    #[test]
    fn batches_leave_nothing_out() {
        let text: String = (1..=20_000).map(|n| format!("line {n}\n")).collect();
        let told = lines(&text);
        assert_eq!(told.len(), 20_000);
        assert!(told.iter().all(|(n, line)| *line == format!("line {n}")));
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_the_next_is_read() {
        let long = usize::try_from(LINE_BYTES_MAX).unwrap();
        let text = ["a\n".to_owned(), "x".repeat(long + 9), "\nb".to_owned()].concat();
        let mut lines = Lines::new(text.as_bytes());
        let mut batch = Batch::default();
        while lines.fill(&mut batch).unwrap() {}
        let told: Vec<_> = batch.lines().collect();
        assert_eq!(
            told,
            [(1, Some(&b"a"[..])), (2, None), (3, Some(&b"b"[..]))]
        );
    }
}
