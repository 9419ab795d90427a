//! What the server must be told.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::limits::Limits;
use crate::policy::Policy;

/// What the server must be told. Checked by whoever reads the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where calls are served.
    pub listen: Vec<Listen>,
    /// Permission bits of Unix sockets.
    pub unix_mode: u32,
    /// Where the admin pages are served.
    pub admin: SocketAddr,
    /// Bytes of one received message, at most.
    pub max_message_bytes: usize,
    /// Calls and stream messages held at a time, at most.
    pub max_in_flight: usize,
    /// Connections open at a time, at most.
    pub max_connections: usize,
    /// Threads of the data plane; 0 is one per core.
    pub workers: usize,
    /// Bounds on the payloads.
    pub limits: Limits,
    /// Time between "not ready" and the end of accepting, for load balancers to notice.
    pub drain_delay: Duration,
    /// Time for calls in flight to finish when draining.
    pub grace: Duration,
    /// The policy that judges. Loaded once per call, so that it can be replaced under way.
    pub policy: Arc<ArcSwap<Policy>>,
    /// What the admin page `/policy` shows: the effective policy as YAML.
    pub policy_page: fn(&Policy) -> String,
}

impl Settings {
    pub(super) fn worker_count(&self) -> usize {
        match self.workers {
            0 => available_parallelism().map_or(1, NonZero::get),
            workers => workers,
        }
    }
}

/// An address that calls are served on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `127.0.0.1:50051`
    Tcp(SocketAddr),
    /// `unix:///run/bidgate/bidgate.sock`
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}
