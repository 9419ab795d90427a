//! Files that make room for another when they are full.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// `FILE` becomes `FILE.1`, that `FILE.2` and so on, as far as the first number that is free; where none is, the last one
/// goes. A rotation that failed half-way and is tried again therefore moves nothing twice.
///
/// # Errors
/// When a file cannot be renamed or removed.
pub(crate) fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    let last = (1..=keep)
        .find(|number| !is_there(&numbered(path, *number)))
        .unwrap_or(keep);
    for number in (1..last).rev() {
        fs::rename(numbered(path, number), numbered(path, number + 1))?;
    }
    fs::rename(path, numbered(path, 1))
}

/// `FILE.1` and so on.
pub(crate) fn numbered(path: &Path, number: u32) -> PathBuf {
    with_suffix(path, &number.to_string())
}

/// `FILE.suffix`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// A link that leads nowhere holds its name, too.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_move_on_as_far_as_there_is_a_free_number() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        let write = |name: &str| fs::write(folder.path().join(name), name).unwrap();
        let texts = || -> Vec<_> {
            (0..5)
                .map(|number| match number {
                    0 => fs::read_to_string(&file).unwrap_or_default(),
                    number => fs::read_to_string(numbered(&file, number)).unwrap_or_default(),
                })
                .collect()
        };
        for name in ["f", "f.1", "f.3"] {
            write(name);
        }
        rotate(&file, 3).unwrap();
        assert_eq!(texts(), ["", "f", "f.1", "f.3", ""]);
        write("f");
        rotate(&file, 3).unwrap();
        assert_eq!(texts(), ["", "f", "f", "f.1", ""]);
        assert!(rotate(&file, 3).is_err());
    }
}
