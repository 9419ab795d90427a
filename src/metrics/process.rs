//! What the kernel knows about this process, from `/proc`. `None` where there is no `/proc`.

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

/// One look. What is in `/proc/self/stat` is read once for all of it.
#[derive(Debug)]
pub(super) struct Process {
    /// Resident memory.
    pub(super) resident_memory_bytes: Option<u64>,
    /// User and system time.
    pub(super) cpu_time: Option<Duration>,
    /// Open file descriptors.
    pub(super) open_fds: Option<u64>,
    /// File descriptors that may be open. None if there is no limit.
    pub(super) max_fds: Option<u64>,
    pub(super) threads: Option<u64>,
    /// Since the Unix epoch.
    pub(super) start_time: Option<Duration>,
}

impl Process {
    pub(super) fn look() -> Self {
        let stat = Stat::read();
        let field = |number| stat.as_ref()?.field(number);
        Self {
            resident_memory_bytes: resident_memory_bytes(),
            cpu_time: user_and_system(field(14), field(15)),
            open_fds: open_fds(),
            max_fds: max_fds(),
            threads: field(20),
            start_time: *START_TIME,
        }
    }
}

/// Worked out once: the kernel tells when it booted by a clock that is set now and then, and a process whose start
/// moves looks like one that was started again.
static START_TIME: LazyLock<Option<Duration>> = LazyLock::new(|| {
    let boot: u64 = line_of("/proc/stat", "btime")?.trim().parse().ok()?;
    Duration::from_secs(boot).checked_add(ticks(Stat::read()?.field(22)?))
});

fn user_and_system(user: Option<u64>, system: Option<u64>) -> Option<Duration> {
    Some(ticks(user?.checked_add(system?)?))
}

fn resident_memory_bytes() -> Option<u64> {
    let kibibytes = line_of("/proc/self/status", "VmRSS:")?;
    let kibibytes: u64 = kibibytes.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Linux 6.2 and later tell it as the size of the directory. Before, that is 0 and the entries are counted, one of
/// which is for the counting.
fn open_fds() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        0 => u64::try_from(fs::read_dir(FOLDER).ok()?.count()).ok(),
        open => Some(open),
    }
}

/// The limit that applies, of the two that are shown.
fn max_fds() -> Option<u64> {
    let limits = line_of("/proc/self/limits", "Max open files")?;
    limits.split_whitespace().next()?.parse().ok()
}

/// The unit of times in `/proc` is `USER_HZ`: 10 ms on every Linux that this binary runs on.
fn ticks(count: u64) -> Duration {
    Duration::from_millis(count.saturating_mul(10))
}

/// `/proc/self/stat`.
struct Stat(String);

impl Stat {
    fn read() -> Option<Self> {
        fs::read_to_string("/proc/self/stat").ok().map(Self)
    }

    /// A field, counted from 1 as proc(5) does. The second holds the program's name in brackets and may hold blanks,
    /// so counting starts after it.
    fn field(&self, number: usize) -> Option<u64> {
        let (_, after_name) = self.0.rsplit_once(')')?;
        let field = after_name.split_whitespace().nth(number.checked_sub(3)?)?;
        field.parse().ok()
    }
}

fn line_of(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_knows_this_process() {
        let process = Process::look();
        assert!(process.resident_memory_bytes.unwrap() > 100_000);
        assert!(process.cpu_time.is_some());
        assert!((3..=process.max_fds.unwrap()).contains(&process.open_fds.unwrap()));
        assert!(process.threads.unwrap() >= 1);
        assert!(process.start_time.unwrap() > Duration::from_secs(1_600_000_000));
    }
}
