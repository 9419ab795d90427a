//! One line: its number, when, what, and the hash of the line before.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::event::{Event, Torn};

/// Bytes of a line, at most, with its line feed. Those with the paths of two files that the system can open fit, escaped.
pub(super) const LINE_BYTES_MAX: usize = 64 << 10;

/// Writes a line, with its line feed. An event that would make it too long has a line that says so in its place: what
/// cannot be written would hold up all that follows.
///
/// # Errors
/// When the event cannot be written as JSON; every event can.
pub(super) fn write(
    seq: u64,
    at: &str,
    event: &Event,
    prev: Digest,
) -> serde_json::Result<Vec<u8>> {
    let line = written(seq, at, event, prev)?;
    if line.len() <= LINE_BYTES_MAX {
        return Ok(line);
    }
    let too_long = Event::EventTooLong {
        name: event.name(),
        bytes: line.len(),
        sha256: Digest::of(&line),
    };
    written(seq, at, &too_long, prev)
}

fn written(seq: u64, at: &str, event: &Event, prev: Digest) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Written {
        seq,
        at,
        event,
        prev,
    })?;
    line.push(b'\n');
    Ok(line)
}

#[derive(Serialize)]
struct Written<'a> {
    seq: u64,
    at: &'a str,
    #[serde(flatten)]
    event: &'a Event,
    prev: Digest,
}

/// What a reader of the chain must know of a line; what else it tells is for others.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) seq: u64,
    pub(super) at: String,
    pub(super) event: String,
    pub(super) torn: Option<Torn>,
    pub(super) prev: Digest,
}

impl Line {
    /// None for bytes that are no line.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
