//! Threads beside those that answer calls, and behind them: a core that both want is the calls'.

use std::io;
use std::thread::{self, JoinHandle};

/// Starts a thread of the lowest priority. It gets what calls leave of a core: at nice 10 its turns showed in their p99
/// (`benches/README.md`).
///
/// # Errors
/// When the system has no thread to give.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(|| {
        give_way();
        work();
    })
}

/// On Linux a thread has a priority of its own, which it may always lower; elsewhere that would be the process's.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "a thread in the background runs at the priority of calls");
    }
}

#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn only_the_thread_itself_gives_way() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let own = priority();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = super::spawn("test", move || tell.send(priority()).unwrap()).unwrap();
        thread.join().unwrap();
        assert_eq!(told.recv().unwrap(), super::NICENESS);
        assert_eq!(priority(), own);
    }
}
