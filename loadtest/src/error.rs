//! What can end a run.

use std::fmt;
use std::io;

use hdrhistogram::CreationError;

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Error {
    /// What was being done, and what the system said.
    System(&'static str, io::Error),
    Http2(Box<h2::Error>),
    Histogram(CreationError),
    /// The plot or the JSON could not be written.
    Json(serde_json::Error),
    /// `cargo build` failed, or its binary is not where it should be.
    Build(String),
    /// A server of this name is gone.
    Ended(&'static str),
    /// A server of this name was not ready in time, or did not say where it serves.
    NotReady(&'static str),
    /// The generator's thread panicked.
    Generator,
    /// Nothing was answered, so there is no ratio.
    NothingAnswered(&'static str),
    /// So many faults had effects that they should not have.
    Faults(usize),
    /// A long run that showed what it must not.
    Soak(String),
    /// A signal came.
    Interrupted,
}

impl Error {
    /// For `map_err`: what was being done.
    pub(crate) fn system(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::System(doing, error)
    }

    /// The same for the calls of nix.
    pub(crate) fn errno(doing: &'static str) -> impl Fn(nix::errno::Errno) -> Self {
        move |errno| Self::System(doing, errno.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(doing, error) => write!(f, "cannot {doing}: {error}"),
            Self::Http2(error) => write!(f, "cannot open an HTTP/2 connection: {error}"),
            Self::Histogram(error) => write!(f, "cannot make a histogram: {error}"),
            Self::Json(error) => write!(f, "cannot write JSON: {error}"),
            Self::Build(what) => {
                write!(
                    f,
                    "cannot build bidgate: {what}; name a binary with --bidgate"
                )
            }
            Self::Ended(name) => write!(f, "{name} has ended: see its log above"),
            Self::NotReady(name) => write!(f, "{name} did not start to serve in time"),
            Self::Generator => f.write_str("the generator's thread panicked"),
            Self::NothingAnswered(by) => write!(f, "{by} answered no call: nothing to compare"),
            Self::Faults(count) => write!(f, "{count} of the faults did not pass: see above"),
            Self::Soak(complaint) => write!(f, "the soak did not pass: {complaint}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(_, error) => Some(error),
            Self::Http2(error) => Some(error),
            Self::Histogram(error) => Some(error),
            Self::Json(error) => Some(error),
            Self::Build(_)
            | Self::Ended(_)
            | Self::NotReady(_)
            | Self::Generator
            | Self::NothingAnswered(_)
            | Self::Faults(_)
            | Self::Soak(_)
            | Self::Interrupted => None,
        }
    }
}
