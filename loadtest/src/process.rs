//! The servers that are measured: other processes, which end with this one's interest in them.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::clock;
use crate::error::Error;

/// A running server. It is killed, by its id, when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: &'static str,
}

impl Process {
    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> Result<Self, Error> {
        let child = command.spawn().map_err(Error::system("start a server"))?;
        Ok(Self { child, name })
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        kill(self.pid(), signal).map_err(Error::errno("send a signal"))
    }

    /// Waits until it has ended by itself; what it ended with.
    pub(crate) fn ended(&mut self, patience: Duration) -> Result<ExitStatus, Error> {
        let waiting = Error::system("wait for a server");
        let since = clock::now();
        while since.elapsed() < patience {
            if let Some(status) = self.child.try_wait().map_err(&waiting)? {
                return Ok(status);
            }
            thread::sleep(END_INTERVAL);
        }
        Err(waiting(io::ErrorKind::TimedOut.into()))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }

    /// The first line that it writes to standard output.
    pub(crate) fn first_line(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        if let Some(output) = &mut self.child.stdout {
            let read = BufReader::new(output).read_line(&mut line);
            read.map_err(Error::system("read from a server"))?;
        }
        Ok(line)
    }

    /// An error once it has ended.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Error::Ended(self.name)),
            Err(error) => Err(Error::System("ask for a server's state", error)),
        }
    }

    pub(crate) fn cpu_clock(&self) -> Result<CpuClock, Error> {
        ClockId::pid_cpu_clock_id(self.pid())
            .map(CpuClock)
            .map_err(Error::errno("find a server's CPU clock"))
    }

    pub(crate) fn memory(&self) -> Result<Memory, Error> {
        let path = format!("/proc/{}/status", self.child.id());
        let reading = Error::system("read a server's memory");
        let status = fs::read_to_string(path).map_err(&reading)?;
        Memory::parse(&status).ok_or_else(|| reading(io::ErrorKind::InvalidData.into()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell anything else.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// User and system time of all threads of a process, to the nanosecond. `/proc` counts in hundredths of a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuClock(ClockId);

impl CpuClock {
    pub(crate) fn read(self) -> Result<Duration, Error> {
        let time = self.0.now();
        time.map(Duration::from)
            .map_err(Error::errno("read a server's CPU clock"))
    }

    /// Of this process.
    pub(crate) fn own() -> Result<Duration, Error> {
        Self(ClockId::CLOCK_PROCESS_CPUTIME_ID).read()
    }
}

/// CPU time that the whole machine has spent, in every process and on behalf of other machines that share its cores.
/// None where `/proc` does not tell.
pub(crate) fn machine_cpu() -> Option<Duration> {
    busy(&fs::read_to_string("/proc/stat").ok()?)
}

/// Reads the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
fn busy(stat: &str) -> Option<Duration> {
    let cpu = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Result<Vec<u64>, _> = cpu.split_whitespace().map(str::parse).collect();
    match ticks.ok()?.as_slice() {
        [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] => {
            let ticks: u64 = [user, nice, system, irq, softirq, steal].into_iter().sum();
            Some(Duration::from_millis(ticks * MILLIS_PER_TICK))
        }
        _ => None,
    }
}

const END_INTERVAL: Duration = Duration::from_millis(1);

/// `USER_HZ` is 100 on every Linux that this runs on.
const MILLIS_PER_TICK: u64 = 10;

/// Resident memory of a process, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

impl Memory {
    /// Reads `/proc/<pid>/status`.
    fn parse(status: &str) -> Option<Self> {
        Some(Self {
            resident: kibibytes(status, "VmRSS:")?,
            peak: kibibytes(status, "VmHWM:")?,
        })
    }
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tbid gate\nVmHWM:\t    6012 kB\nVmRSS:\t    5120 kB\n";
        let expected = Memory {
            resident: 5_242_880,
            peak: 6_156_288,
        };
        assert_eq!(Memory::parse(status), Some(expected));
    }

    #[test]
    fn a_machine_is_busy_when_it_does_not_wait() {
        let stat = "cpu  100 20 30 9999 8888 4 5 6 7 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n";
        assert_eq!(busy(stat), Some(Duration::from_millis(1_650)));
        assert_eq!(busy("cpu  1 2 3\n"), None);
        assert_eq!(busy("intr 1"), None);
    }

    #[test]
    fn a_process_that_has_given_up_its_memory_has_none() {
        assert_eq!(Memory::parse("Name:\tbidgate\nState:\tZ (zombie)\n"), None);
        assert_eq!(Memory::parse("VmRSS:\t5 MB\nVmHWM:\t5 kB\n"), None);
    }

    #[test]
    fn the_cpu_clock_of_a_process_runs_and_ends_with_it() {
        let mut command = Command::new("sleep");
        let process = Process::spawn("sleep", command.arg("60")).unwrap();
        let clock = process.cpu_clock().unwrap();
        assert!(clock.read().unwrap() < Duration::from_secs(1));
        assert!(process.memory().unwrap().peak > 0);
        drop(process);
        assert!(clock.read().is_err());
    }
}
