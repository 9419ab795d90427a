//! Files named on the command line, and where in them something stands.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::{CliError, Named};
use crate::limits::MESSAGE_BYTES_MAX;

/// The name of standard input on the command line.
const STDIN: &str = "-";

/// True when `path` stands for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// How `path` is called in messages.
pub(super) fn name(path: &Path) -> Box<str> {
    if is_stdin(path) {
        "standard input".into()
    } else {
        path.to_string_lossy().into()
    }
}

/// Opens a file, or standard input for `-`; with its size in bytes when that is known.
///
/// # Errors
/// When the file cannot be opened.
pub(super) fn open(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), CliError> {
    if is_stdin(path) {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).map_err(|cause| unreadable(path, cause))?;
    let size = file
        .metadata()
        .ok()
        .filter(std::fs::Metadata::is_file)
        .map(|metadata| metadata.len());
    Ok((Box::new(file), size))
}

/// Reads a file, or standard input for `-`, as it is.
///
/// # Errors
/// When it cannot be read, or is larger than a payload may be.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let limit = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX);
    let (source, _) = open(path)?;
    let mut bytes = Vec::new();
    source
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| unreadable(path, cause))?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(CliError::TooLarge(name(path)));
    }
    Ok(bytes)
}

/// The error of a file that cannot be read.
pub(super) fn unreadable(path: &Path, cause: io::Error) -> CliError {
    CliError::Read(Named::boxed(name(path), cause))
}

/// Bytes shown on either side of a place.
const EXCERPT_BYTES: usize = 36;

/// A place in a file, as a person looks for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The text around the place, one column a byte, so that the caret stands right under any content.
    pub excerpt: String,
    /// Columns of the excerpt before the place.
    pub caret: usize,
}

impl Place {
    /// Finds `offset`, in bytes from the start; an offset beyond the end is the end.
    pub(super) fn find(bytes: &[u8], offset: usize) -> Self {
        let (before, after) = bytes.split_at_checked(offset).unwrap_or((bytes, &[]));
        let line_before = before
            .rsplit(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let line_after = after
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let shown_before = line_before
            .get(line_before.len().saturating_sub(EXCERPT_BYTES)..)
            .unwrap_or_default();
        let shown_after = line_after.get(..EXCERPT_BYTES).unwrap_or(line_after);
        Self {
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            column: 1 + String::from_utf8_lossy(line_before).chars().count(),
            excerpt: shown_before
                .iter()
                .chain(shown_after)
                .map(|&byte| one_column(byte))
                .collect(),
            caret: shown_before.len(),
        }
    }
}

fn one_column(byte: u8) -> char {
    match byte {
        b' '..=b'~' => char::from(byte),
        b'\t' => ' ',
        _ => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, offset: usize) -> (usize, usize, String) {
        let place = Place::find(text.as_bytes(), offset);
        let (before, after) = place.excerpt.split_at(place.caret);
        (place.line, place.column, format!("{before}|{after}"))
    }

    #[test]
    fn a_place_is_counted_from_one_in_characters() {
        assert_eq!(at("{\n \"k\": ?}\n", 8), (2, 7, " \"k\": |?}".to_owned()));
        assert_eq!(at("\u{e9}\u{e9}?", 4), (1, 3, "....|?".to_owned()));
    }

    #[test]
    fn a_place_beyond_the_end_is_the_end() {
        assert_eq!(at("{\"a\"", 99), (1, 5, "{\"a\"|".to_owned()));
        assert_eq!(at("", 0), (1, 1, "|".to_owned()));
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let place = Place::find(&[b'x'; 500], 250);
        assert_eq!(
            (place.excerpt.len(), place.caret),
            (2 * EXCERPT_BYTES, EXCERPT_BYTES)
        );
    }
}
