//! What the kernel knows about this process, from `/proc`. `None` where there is no `/proc`.

use std::fs;
use std::time::Duration;

/// Resident memory in bytes.
pub(super) fn resident_memory_bytes() -> Option<u64> {
    let kibibytes: u64 = line_of("/proc/self/status", "VmRSS:")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    kibibytes.checked_mul(1024)
}

/// User and system time.
pub(super) fn cpu_time() -> Option<Duration> {
    Some(ticks(stat_field(14)?.checked_add(stat_field(15)?)?))
}

/// Open file descriptors. The one that reads the directory is among them.
pub(super) fn open_fds() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}

/// File descriptors that may be open: the limit that applies, of the two that are shown. `None` without one.
pub(super) fn max_fds() -> Option<u64> {
    let limits = line_of("/proc/self/limits", "Max open files")?;
    limits.split_whitespace().next()?.parse().ok()
}

/// Threads.
pub(super) fn threads() -> Option<u64> {
    stat_field(20)
}

/// Start of the process, since the Unix epoch.
pub(super) fn start_time() -> Option<Duration> {
    let boot: u64 = line_of("/proc/stat", "btime")?.trim().parse().ok()?;
    Duration::from_secs(boot).checked_add(ticks(stat_field(22)?))
}

/// The unit of times in `/proc` is `USER_HZ`: 10 ms on every Linux that this binary runs on.
fn ticks(count: u64) -> Duration {
    Duration::from_millis(count.saturating_mul(10))
}

/// A field of `/proc/self/stat`, counted from 1 as proc(5) does. The second holds the program's name in brackets and
/// may hold blanks, so counting starts after it.
fn stat_field(number: usize) -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name
        .split_whitespace()
        .nth(number.checked_sub(3)?)?
        .parse()
        .ok()
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
        assert!(resident_memory_bytes().unwrap() > 100_000);
        assert!(cpu_time().is_some());
        let open = u64::try_from(open_fds().unwrap()).unwrap();
        assert!((3..=max_fds().unwrap()).contains(&open));
        assert!(threads().unwrap() >= 1);
        assert!(start_time().unwrap() > Duration::from_secs(1_600_000_000));
    }
}
