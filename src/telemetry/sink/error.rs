//! Why a sink cannot be used, told when the process starts.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a sink cannot be used.
#[derive(Debug)]
pub enum SinkError {
    /// Standard output is closed.
    Stdout(io::Error),
    /// The file cannot be written.
    File(Box<(PathBuf, io::Error)>),
    /// Nothing can be posted.
    Http(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout(error) => {
                write!(
                    f,
                    "telemetry.sink: cannot write to standard output: {error}"
                )
            }
            Self::File(file) => {
                let (path, error) = &**file;
                let path = path.display();
                write!(f, "telemetry.file: cannot write to {path}: {error}")
            }
            Self::Http(error) => error.fmt(f),
        }
    }
}

impl Error for SinkError {}
