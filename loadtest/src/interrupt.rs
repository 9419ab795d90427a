//! SIGINT and SIGTERM end a run early and in order, so that the servers it started end with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Error;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Starts to listen, on a thread of its own.
pub(crate) fn listen() -> Result<(), Error> {
    let listening = Error::system("listen to signals");
    let runtime = Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(&listening)?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(&listening)?;
        (
            interrupt,
            signal(SignalKind::terminate()).map_err(&listening)?,
        )
    };
    let note = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        INTERRUPTED.store(true, Ordering::Relaxed);
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    let spawned = thread.spawn(move || runtime.block_on(note));
    spawned.map(drop).map_err(&listening)
}

/// True once a signal has come.
pub(crate) fn came() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// An error once a signal has come.
pub(crate) fn check() -> Result<(), Error> {
    if came() {
        return Err(Error::Interrupted);
    }
    Ok(())
}
