//! Why an attempt did not deliver.

use std::fmt;

/// Why an attempt did not deliver. Of what a collector says, nothing gets in here but the number of its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The collector answered with this status.
    Status(u16),
    /// There is no connection.
    Unreachable,
    /// TLS was refused, by either side.
    Tls,
    /// The connection ended before there was an answer.
    Cut,
    /// What came back is not HTTP.
    NotHttp,
    /// The attempt took too long.
    Timeout,
    /// The request could not be made.
    Request,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the collector answered {status}"),
            Self::Unreachable => f.write_str("no connection to the collector"),
            Self::Tls => f.write_str("no TLS with the collector"),
            Self::Cut => f.write_str("the connection ended without an answer"),
            Self::NotHttp => f.write_str("the answer is not HTTP"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Request => f.write_str("the request could not be made"),
        }
    }
}
