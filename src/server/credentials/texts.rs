//! What stands in files, in memory that is wiped.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// What stands in some files, in their order.
pub(super) struct Texts(Vec<Text>);

/// What stands in a file, or why it cannot be read.
type Text = Result<Zeroizing<Vec<u8>>, ErrorKind>;

/// What tells contents apart.
pub(super) type Fingerprint = [u8; 32];

impl Texts {
    pub(super) fn read(paths: &[PathBuf]) -> Self {
        let read = |path: &PathBuf| read(path).map_err(|error| error.kind());
        Self(paths.iter().map(read).collect())
    }

    /// # Errors
    /// Why the file cannot be read.
    pub(super) fn get(&self, index: usize) -> Result<&[u8], ErrorKind> {
        match self.0.get(index) {
            Some(Ok(text)) => Ok(text),
            Some(Err(kind)) => Err(*kind),
            None => Err(ErrorKind::NotFound),
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut all = Sha256::new();
        for text in &self.0 {
            match text {
                Ok(text) => all.update(Sha256::digest(text)),
                Err(kind) => all.update(kind.to_string()),
            }
        }
        all.finalize().into()
    }
}

impl fmt::Debug for Texts {
    /// Without what stands there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Texts").field(&self.0.len()).finish()
    }
}

/// Room is made for the whole file, so that no half of it is left behind where it grew.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        // Whoever opens a pipe waits for its other end.
        return Err(ErrorKind::InvalidInput.into());
    }
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if length > BYTES_MAX {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let mut text = Zeroizing::new(Vec::with_capacity(length + 1));
    File::open(path)?
        .take(BYTES_MAX as u64)
        .read_to_end(&mut text)?;
    Ok(text)
}

/// The roots of all the world have half of it.
const BYTES_MAX: usize = 1 << 20;
