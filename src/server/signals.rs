//! The signals that end the process, and the one that has it read its policy again.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Completes at the next SIGTERM or SIGINT. Must be awaited in a runtime with I/O.
pub async fn terminated() {
    tokio::select! {
        () = arrives(SignalKind::terminate()) => {}
        () = arrives(SignalKind::interrupt()) => {}
    }
}

/// A signal that cannot be listened for keeps its default action, which ends the process as well.
async fn arrives(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(error) => {
            tracing::error!(%error, "cannot listen for signals");
            pending::<()>().await;
        }
    }
}

/// The SIGHUPs to come, which end the process as long as nobody listens for them. Must be called in a runtime with
/// I/O.
pub(super) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
