//! Where the audit log is.

use std::path::PathBuf;

use super::number;
use super::telemetry::path;
use crate::document::Section;

/// The file of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file that grows; relative to the working directory.
    pub path: PathBuf,
    /// Bytes that it does not grow beyond.
    pub max_bytes: u64,
    /// Full files that are kept beside it, as `FILE.1` and so on; at least one.
    pub keep: u32,
}

impl Audit {
    /// None without a file.
    pub(super) fn read(section: &mut Section) -> Option<Self> {
        let path = path(section, "file");
        // A line with two long paths fits.
        let max_bytes = section.integer("file_max_bytes", 16 << 20, 65_536..=1 << 40);
        let keep = number(section, "file_keep", 16, 1..=100);
        path.map(|path| Self {
            path,
            max_bytes,
            keep,
        })
    }
}
