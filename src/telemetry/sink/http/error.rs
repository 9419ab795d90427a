//! Why batches cannot be posted, told when the process starts.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use crate::telemetry::keys::KeyProblem;

/// Why batches cannot be posted.
#[derive(Debug)]
pub(in crate::telemetry) enum HttpSinkError {
    /// The endpoint's host is no name that a certificate could have.
    Host,
    /// There are no certificates in `ca_file`, or it cannot be read.
    CaFile(Box<Path>, ErrorKind),
    /// The system has no roots.
    NoSystemRoots,
    /// TLS cannot be set up.
    Tls(Box<rustls::Error>),
    /// A key is missing or wrong.
    Key(KeyProblem),
}

impl From<KeyProblem> for HttpSinkError {
    fn from(problem: KeyProblem) -> Self {
        Self::Key(problem)
    }
}

impl fmt::Display for HttpSinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("telemetry.endpoint has a host that no certificate can name"),
            Self::CaFile(file, kind) => {
                let file = file.display();
                write!(
                    f,
                    "telemetry.ca_file: {file} must hold certificates in PEM: {kind}"
                )
            }
            Self::NoSystemRoots => f.write_str(
                "this system trusts nobody: install ca-certificates or set telemetry.ca_file",
            ),
            Self::Tls(error) => write!(f, "TLS cannot be set up: {error}"),
            Self::Key(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for HttpSinkError {}
