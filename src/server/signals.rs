//! The signals that end the process, and the one that has it read its files again.

use std::future::pending;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError};

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

/// Passes SIGHUPs on to a thread that reads files: `what` stands in them.
pub(super) async fn pass_on(mut hangups: Signal, orders: SyncSender<()>, what: &'static str) {
    while hangups.recv().await.is_some() {
        if let Err(TrySendError::Disconnected(())) = orders.try_send(()) {
            tracing::error!("the thread that reads the {what} has ended: only a restart reads it");
        }
    }
}
