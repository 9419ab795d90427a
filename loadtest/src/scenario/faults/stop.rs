//! Signals, under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::finding::Finding;
use super::retrying::{Tried, call_until};
use super::stage::{Stage, ms};
use crate::admin;
use crate::clock;
use crate::error::Error;
use crate::servers::{Bidgate, free_port};
use crate::target::Target;

/// Two sidecars, restarted one after the other by SIGTERM while both are called.
pub(super) fn rolling(stage: &Stage<'_>) -> Result<Finding, Error> {
    let rounds = 2 * stage.either(10, 2);
    let (mut finding, tried, restarts) = restarted(stage, Signal::SIGTERM, rounds)?;
    finding.saw(format!(
        "{} restarts, each drained within {:.0} ms and ended with 0",
        restarts.count,
        ms(restarts.longest)
    ));
    finding.expect(tried.answered > 0 && tried.failed == 0, "no call fails");
    finding.expect(tried.broken == 0, "no attempt that was accepted is lost");
    finding.expect(tried.refused == 0, "no attempt is refused with a status");
    finding.note_moved(format!(
        "/health/ready 503, {} of {} times",
        restarts.told, restarts.count
    ));
    finding.expect(restarts.clean == restarts.count, "each ends with 0");
    finding.expect(restarts.told == restarts.count, "each says that it drains");
    Ok(finding)
}

/// SIGINT drains as SIGTERM does.
pub(super) fn interrupted(stage: &Stage<'_>) -> Result<Finding, Error> {
    let (mut finding, tried, restarts) = restarted(stage, Signal::SIGINT, 1)?;
    finding.saw(format!(
        "ended with 0 within {:.0} ms",
        ms(restarts.longest)
    ));
    finding.expect(tried.answered > 0 && tried.failed == 0, "no call fails");
    finding.expect(tried.broken == 0, "no attempt that was accepted is lost");
    finding.note_moved("/health/ready 503");
    finding.expect(restarts.clean == 1, "it ends with 0");
    finding.expect(restarts.told == 1, "it says that it drains");
    Ok(finding)
}

/// Nothing can be done about SIGKILL: what was under way is lost, and tried again elsewhere.
pub(super) fn killed(stage: &Stage<'_>) -> Result<Finding, Error> {
    let rounds = stage.either(10, 2);
    let (mut finding, tried, restarts) = restarted(stage, Signal::SIGKILL, rounds)?;
    finding.saw(format!(
        "{} kills, each ready again after at most {:.0} ms",
        restarts.count,
        ms(restarts.longest_start)
    ));
    finding.expect(
        tried.answered > 0 && tried.failed == 0,
        "no call fails that is tried again",
    );
    finding.note_moved("process_start_time_seconds: other processes");
    finding.expect(restarts.clean == 0, "each was killed");
    let bound = u64::try_from(rounds * 16).unwrap_or_default();
    finding.expect(tried.broken <= bound, "no more breaks than was under way");
    finding.lost(format!(
        "{} attempts under way, none acknowledged",
        tried.broken
    ));
    Ok(finding)
}

/// Ends one of two sidecars after the other by a signal, and starts it again, while both are called. The finding has
/// what became of the calls.
fn restarted(
    stage: &Stage<'_>,
    signal: Signal,
    rounds: usize,
) -> Result<(Finding, Tried, Restarts), Error> {
    let mut pair = Pair::start(stage)?;
    let (tried, restarts) = pair.while_called(stage, |pair| {
        let mut restarts = Restarts::default();
        for round in 0..rounds {
            restarts.note(pair.restart(stage, round % 2, signal)?);
            thread::sleep(SETTLE);
        }
        Ok(restarts)
    })?;
    let mut finding = Finding::default();
    finding.saw(format!(
        "{} calls answered, {} failed; of their attempts {} not begun, {} refused, {} broken",
        tried.answered, tried.failed, tried.untouched, tried.refused, tried.broken
    ));
    Ok((finding, tried, restarts))
}

/// Two sidecars at fixed addresses.
#[derive(Debug)]
struct Pair {
    addresses: [SocketAddr; 2],
    sidecars: [Bidgate; 2],
}

impl Pair {
    fn start(stage: &Stage<'_>) -> Result<Self, Error> {
        let addresses = [free_port()?, free_port()?];
        let [first, second] = addresses;
        Ok(Self {
            addresses,
            sidecars: [
                stage.start_at(first, &DRAIN_FLAGS)?,
                stage.start_at(second, &DRAIN_FLAGS)?,
            ],
        })
    }

    /// Lets something happen while both are called.
    fn while_called<T>(
        &mut self,
        stage: &Stage<'_>,
        happens: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<(Tried, T), Error> {
        let targets = self.addresses.map(Target::Tcp);
        let stop = Arc::new(AtomicBool::new(false));
        thread::scope(|scope| {
            let calling = scope.spawn(|| call_until(&targets, &stage.messages, &stop));
            thread::sleep(SETTLE);
            let happened = happens(self);
            thread::sleep(SETTLE);
            stop.store(true, Ordering::Relaxed);
            let tried = calling.join().map_err(|_panic| Error::Generator)?;
            Ok((tried?, happened?))
        })
    }

    /// Ends one and starts another in its place.
    fn restart(
        &mut self,
        stage: &Stage<'_>,
        place: usize,
        signal: Signal,
    ) -> Result<Restart, Error> {
        let (Some(sidecar), Some(address)) =
            (self.sidecars.get_mut(place), self.addresses.get(place))
        else {
            return Err(Error::NotReady("bidgate"));
        };
        let began = clock::now();
        sidecar.process.signal(signal)?;
        let told = says_not_ready(sidecar.admin, began);
        let status = sidecar.process.ended(END_PATIENCE)?;
        let took = began.elapsed();
        *sidecar = stage.start_at(*address, &DRAIN_FLAGS)?;
        Ok(Restart {
            took,
            started_after: sidecar.ready_after,
            clean: status.success(),
            told,
        })
    }
}

/// Whether it says so before it has gone.
fn says_not_ready(admin: SocketAddr, since: Instant) -> bool {
    while since.elapsed() < END_PATIENCE {
        match admin::get(admin, "/health/ready") {
            Ok(page) if page.status == 503 => return true,
            Ok(_) => thread::sleep(LOOK_PAUSE),
            Err(_) => return false,
        }
    }
    false
}

/// How one ended, and the next began.
#[derive(Clone, Copy, Debug)]
struct Restart {
    took: Duration,
    started_after: Duration,
    clean: bool,
    /// Whether it said that it drains.
    told: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Restarts {
    count: u32,
    clean: u32,
    told: u32,
    longest: Duration,
    longest_start: Duration,
}

impl Restarts {
    fn note(&mut self, restart: Restart) {
        self.count += 1;
        self.clean += u32::from(restart.clean);
        self.told += u32::from(restart.told);
        self.longest = self.longest.max(restart.took);
        self.longest_start = self.longest_start.max(restart.started_after);
    }
}

/// No load balancer has to notice.
const DRAIN_FLAGS: [&str; 2] = ["--shutdown-drain-delay-ms", "100"];
const LOOK_PAUSE: Duration = Duration::from_millis(2);
const SETTLE: Duration = Duration::from_millis(200);
const END_PATIENCE: Duration = Duration::from_secs(10);
