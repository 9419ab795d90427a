//! `bidgate serve`, and the sidecar that the demo runs on a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;

use clap::Args;
use tokio::sync::oneshot;

use super::error::CliError;
use super::{Outcome, complain};
use crate::policy::Policy;

/// What `bidgate serve` is told.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {}

/// Runs the sidecar until it is told to stop.
///
/// # Errors
/// When it cannot be started.
pub fn run(args: &ServeArgs) -> Result<Outcome, CliError> {
    let ServeArgs {} = args;
    Err(CliError::Start(io::ErrorKind::Unsupported.into()))
}

/// Where a sidecar should listen. Port 0 lets the system choose.
#[derive(Clone, Debug)]
pub(super) struct Listen {
    pub grpc: SocketAddr,
    pub socket: Option<PathBuf>,
    pub admin: SocketAddr,
}

/// A sidecar on a thread of its own. Dropping it without [`Sidecar::stop`] leaves it to the end of the process.
#[derive(Debug)]
pub(super) struct Sidecar {
    /// Where it listens, with the ports that were chosen.
    pub listen: Listen,
    shutdown: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Sidecar {
    /// Starts a sidecar. It listens when this returns.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub(super) fn start(listen: Listen, policy: Policy) -> Result<Self, CliError> {
        drop((listen, policy));
        Err(CliError::Start(io::ErrorKind::Unsupported.into()))
    }

    /// Lets calls in flight finish and waits for the end.
    pub(super) fn stop(self) {
        let asked = self.shutdown.send(());
        let ended = self.thread.join();
        if asked.is_err() || ended.is_err() {
            complain(format_args!(
                "bidgate: the sidecar had ended before it was told to"
            ));
        }
    }
}
