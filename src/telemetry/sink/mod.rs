//! Where batches go.

mod error;
mod http;
mod lines;
mod rotating_file;
mod stdout;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

pub use error::SinkError;
pub(super) use http::HttpSink;

use lines::Lines;

use super::batch::Batch;
use crate::audit::Audit;
use crate::config::telemetry as config;

/// Where batches go, one variant for each `telemetry.sink`.
#[derive(Debug)]
pub(super) enum Sink {
    /// Standard output.
    Stdout(Lines),
    /// A file.
    File(Lines),
    /// A collector.
    Http(Box<HttpSink>),
}

impl Sink {
    /// The sink that the configuration names, if it names one. Rotations of its file that fail are counted.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn open(
        settings: &config::Sink,
        audit: &Audit,
        rotation_failures: &Arc<AtomicU64>,
    ) -> Result<Option<Self>, SinkError> {
        let sink = match settings {
            config::Sink::None => return Ok(None),
            config::Sink::Stdout => Lines::to_stdout()
                .map(Self::Stdout)
                .map_err(SinkError::Stdout),
            config::Sink::File(file) => Lines::to_file(file, rotation_failures)
                .map(Self::File)
                .map_err(|error| SinkError::File(Box::new((file.path.clone(), error)))),
            config::Sink::Http(http) => HttpSink::open(http, &|name| std::env::var_os(name), audit)
                .map(|sink| Self::Http(Box::new(sink)))
                .map_err(|error| SinkError::Http(Box::new(error))),
        };
        sink.map(Some)
    }

    /// As `telemetry.sink` says it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Stdout(_) => "stdout",
            Self::File(_) => "file",
            Self::Http(_) => "http",
        }
    }

    /// Attempts that may be under way at the same time: lines are written one after another.
    pub(super) const fn concurrent(&self) -> usize {
        match self {
            Self::Stdout(_) | Self::File(_) => 1,
            Self::Http(_) => 8,
        }
    }

    /// Tries once to deliver a batch.
    ///
    /// Dropping the future gives the attempt up: whether the sink got the batch is then not known.
    pub(super) async fn attempt(&self, batch: &Batch) -> Attempt {
        match self {
            Self::Stdout(lines) | Self::File(lines) => lines.attempt(batch).await,
            Self::Http(sink) => sink.attempt(batch).await,
        }
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The sink has the batch.
    Delivered,
    /// The sink will not have the batch, however often it is asked.
    Rejected {
        /// Why, for the log: never a byte of what the sink answered.
        cause: String,
    },
    /// The next attempt may succeed.
    Failed {
        /// Why, for the log.
        cause: String,
        /// How long the sink asks to be left alone.
        retry_after: Option<Duration>,
    },
}
