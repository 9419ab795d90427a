//! Threads beside those that answer calls, and behind them: a core that both want is the calls'.
//!
//! A panic ends the thread in which it happens and nothing else: calls are answered on. That its work stands still is told
//! in the log, and for as long as the process lives by [`lost`].

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// A thread, by what it does.
#[derive(Debug)]
pub(crate) struct Thread {
    name: &'static str,
    lost: AtomicBool,
}

impl Thread {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            lost: AtomicBool::new(false),
        }
    }
}

/// Writes the audit log.
pub(crate) static AUDIT: Thread = Thread::new("bidgate-audit");
/// Reads certificates and the admin token again.
pub(crate) static FILES: Thread = Thread::new("bidgate-files");
/// Writes what telemetry has as lines.
pub(crate) static LINES: Thread = Thread::new("bidgate-lines");
/// Writes the log.
pub(crate) static LOG: Thread = Thread::new("bidgate-log");
/// Exports metrics and traces.
pub(crate) static OTLP: Thread = Thread::new("bidgate-otlp");
/// Reads the policy again.
pub(crate) static POLICY: Thread = Thread::new("bidgate-policy");
/// Gathers what workers record, and delivers it.
pub(crate) static TELEMETRY: Thread = Thread::new("bidgate-telemetry");

static ALL: [&Thread; 7] = [&AUDIT, &FILES, &LINES, &LOG, &OTLP, &POLICY, &TELEMETRY];

/// Each by its name, and whether a panic has ended it.
pub(crate) fn lost() -> [(&'static str, bool); ALL.len()] {
    ALL.map(|thread| (thread.name, thread.lost.load(Ordering::Relaxed)))
}

/// Starts a thread of the lowest priority. It gets what calls leave of a core: at nice 10 its turns showed in their p99
/// (`benches/README.md`).
///
/// # Errors
/// When the system has no thread to give.
pub(crate) fn spawn(
    thread: &'static Thread,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let name = thread.name.to_owned();
    thread::Builder::new().name(name).spawn(move || {
        let _end = End(thread);
        give_way();
        work();
    })
}

/// Of a thread, however it comes.
struct End(&'static Thread);

impl Drop for End {
    fn drop(&mut self) {
        if thread::panicking() {
            let Thread { name, lost } = self.0;
            lost.store(true, Ordering::Relaxed);
            tracing::error!(
                thread = name,
                "a panic has ended this thread: its work stands still until the process is started again"
            );
        }
    }
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
    use std::process::Command;
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::log::Logger;

    #[test]
    #[cfg(target_os = "linux")]
    fn only_the_thread_itself_gives_way() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let own = priority();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = spawn(&FILES, move || tell.send(priority()).unwrap()).unwrap();
        thread.join().unwrap();
        assert_eq!(told.recv().unwrap(), NICENESS);
        assert_eq!(priority(), own);
    }

    /// The child's log is one of its own, and so are its threads.
    #[test]
    fn a_thread_that_a_panic_ends_is_told_by_its_name() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "background::tests::child", "--ignored"])
            .output()
            .unwrap();
        let [out, log] = [child.stdout, child.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(child.status.success(), "{out}{log}");
        let ended = "ERROR bidgate::background: a panic has ended this thread";
        assert_eq!(log.matches(ended).count(), 2, "{log}");
        for name in ["bidgate-otlp", "bidgate-log"] {
            let place = format!("ERROR bidgate::log: panic thread=\"{name}\" place=");
            assert!(log.contains(&place), "{log}");
            assert!(log.contains(&format!("again thread=\"{name}\"")), "{log}");
        }
    }

    #[test]
    #[ignore = "panics; the test above runs it"]
    fn child() {
        let logger = Arc::new(Logger::new(Config::default().log));
        let _flush = logger.start().unwrap();
        let lost = || lost().map(|(name, lost)| lost.then_some(name));
        for thread in ALL {
            spawn(thread, || {}).unwrap().join().unwrap();
        }
        assert!(lost().iter().all(Option::is_none));
        for thread in [&OTLP, &LOG] {
            spawn(thread, || panic!()).unwrap().join().unwrap_err();
        }
        let expected = ["bidgate-log", "bidgate-otlp"];
        assert!(lost().into_iter().flatten().eq(expected));
    }
}
