//! The signals that end the process.

use std::future::pending;

use tokio::signal::unix::{SignalKind, signal};

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
