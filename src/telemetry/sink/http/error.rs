//! Why batches cannot be posted, told when the process starts.

use std::fmt;

use crate::telemetry::keys::KeyProblem;
use crate::tls::TlsError;

/// Why batches cannot be posted.
#[derive(Debug)]
pub(in crate::telemetry) enum HttpSinkError {
    /// The endpoint's host is no name that a certificate could have.
    Host,
    /// There is nobody to trust.
    Tls(TlsError),
    /// A key is missing or wrong.
    Key(KeyProblem),
}

impl From<TlsError> for HttpSinkError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
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
            Self::Tls(error) => write!(f, "telemetry.ca_file: {error}"),
            Self::Key(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for HttpSinkError {}
