//! The generator: a thread of its own that sends calls and times their replies.

pub(crate) mod connection;
mod pacing;
pub(crate) mod reply;
mod session;
mod stream;
mod unary;

use std::io;
use std::num::NonZero;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::time::{timeout, timeout_at};

use crate::clock;
use crate::error::Error;
use crate::interrupt;
use crate::messages::Messages;
use crate::process::{CpuClock, machine_cpu};
use crate::tally::{Tally, Window};
use crate::target::Target;
use connection::Connection;
use session::Session;

/// What is called.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) target: Target,
    pub(crate) method: Method,
    /// None if the server is not ours to ask.
    pub(crate) cpu: Option<CpuClock>,
}

/// How many calls, how fast and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) pace: Pace,
    pub(crate) connections: usize,
    /// Calls, or messages of a stream, that may be under way on one connection.
    pub(crate) in_flight: usize,
    /// Sent and not counted.
    pub(crate) warm_up: Duration,
    /// What counts.
    pub(crate) duration: Duration,
}

/// What a call is to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// `Evaluate` of a server that does nothing: every reply is empty.
    Noop,
    Evaluate,
    EvaluateStream,
}

impl Method {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Noop | Self::Evaluate => "http://bidgate/bidgate.v1.BidGateService/Evaluate",
            Self::EvaluateStream => "http://bidgate/bidgate.v1.BidGateService/EvaluateStream",
        }
    }
}

/// When calls are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One after another, as many at a time as may be in flight: finds what a server can do, and tells nothing about
    /// latencies.
    Closed,
    /// On a fixed schedule, answers or not.
    Open { calls_per_second: NonZero<u64> },
}

/// What came of a load.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    /// From the opening of the window to its close.
    pub(crate) elapsed: Duration,
    /// What the server used in that time; none if it is not ours to ask.
    pub(crate) server_cpu: Option<Duration>,
    /// What all other processes of the machine used in that time; none if that or the server is unknown.
    pub(crate) others_cpu: Option<Duration>,
    /// What this process used in that time. The thread that paces an open loop never rests.
    pub(crate) generator_cpu: Duration,
}

impl Measured {
    /// Adds another run of the same load.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.elapsed += other.elapsed;
        let sum = |one: Option<Duration>, other| one.zip(other).map(|(one, other)| one + other);
        self.server_cpu = sum(self.server_cpu, other.server_cpu);
        self.others_cpu = sum(self.others_cpu, other.others_cpu);
        self.generator_cpu += other.generator_cpu;
    }
}

/// Runs a load. `each_second` is called with the time since the window opened, while it is open.
pub(crate) fn run(
    endpoint: &Endpoint,
    load: &Load,
    messages: &Messages,
    each_second: &mut dyn FnMut(Duration),
) -> Result<Measured, Error> {
    let (announce, opening) = sync_channel(1);
    thread::scope(|scope| {
        let generator = thread::Builder::new()
            .name("generator".to_owned())
            // The sender goes with the thread: a generator that fails says nothing, and that is heard.
            .spawn_scoped(scope, move || generate(endpoint, load, messages, &announce))
            .map_err(Error::system("start a thread"))?;
        let observed = opening
            .recv()
            .map(|window| observe(&window, endpoint.cpu, each_second));
        let tally = generator.join().map_err(|_panic| Error::Generator)??;
        interrupt::check()?;
        // A generator that succeeds has announced its window.
        let observed = observed.map_err(|_gone| Error::Generator)??;
        Ok(observed.with(tally))
    })
}

/// CPU time of both sides from the opening of the window to its close.
fn observe(
    window: &Window,
    server: Option<CpuClock>,
    each_second: &mut dyn FnMut(Duration),
) -> Result<Observed, Error> {
    sleep_until(window.opens);
    let before = Used::read(server)?;
    let mut next = window.opens + SECOND;
    while next < window.closes && !interrupt::came() {
        sleep_until(next);
        each_second(next - window.opens);
        next += SECOND;
    }
    sleep_until(window.closes);
    Ok(Observed {
        before,
        after: Used::read(server)?,
    })
}

/// CPU time used by a moment.
#[derive(Clone, Copy, Debug)]
struct Used {
    at: Instant,
    server: Option<Duration>,
    generator: Duration,
    machine: Option<Duration>,
}

impl Used {
    fn read(server: Option<CpuClock>) -> Result<Self, Error> {
        Ok(Self {
            at: clock::now(),
            server: server.map(CpuClock::read).transpose()?,
            generator: CpuClock::own()?,
            machine: machine_cpu(),
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Observed {
    before: Used,
    after: Used,
}

impl Observed {
    fn with(self, tally: Tally) -> Measured {
        let Self { before, after } = self;
        let between = |after: Option<Duration>, before| Some(after?.saturating_sub(before?));
        let server_cpu = between(after.server, before.server);
        let generator_cpu = after.generator.saturating_sub(before.generator);
        let machine = between(after.machine, before.machine);
        let ours = server_cpu.map(|server| server + generator_cpu);
        Measured {
            tally,
            elapsed: after.at - before.at,
            server_cpu,
            others_cpu: between(machine, ours),
            generator_cpu,
        }
    }
}

fn sleep_until(moment: Instant) {
    while !interrupt::came() {
        match moment.checked_duration_since(clock::now()) {
            Some(left) if !left.is_zero() => thread::sleep(left.min(SIGNAL_PATIENCE)),
            _ => return,
        }
    }
}

/// The life of the generator's thread.
fn generate(
    endpoint: &Endpoint,
    load: &Load,
    messages: &Messages,
    announce: &SyncSender<Window>,
) -> Result<Tally, Error> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build_local(LocalOptions::default())
        .map_err(Error::system("start a runtime"))?;
    let session = runtime.block_on(async {
        let mut connections = Vec::with_capacity(load.connections);
        for _ in 0..load.connections {
            connections.push(open(endpoint).await?);
        }
        let session = Rc::new(Session::new(endpoint.method, load, messages)?);
        // Nobody listens only if the run has been given up.
        announce.send(session.window).unwrap_or_default();
        let over = session.window.closes + DRAIN;
        let all = async {
            match endpoint.method {
                Method::Noop | Method::Evaluate => unary::run(&session, load, connections).await,
                Method::EvaluateStream => stream::run(&session, load, connections).await,
            }
        };
        drop(timeout_at(over.into(), all).await);
        Ok::<_, Error>(session)
    })?;
    // Calls that are under way are dropped, and counted as not answered.
    drop(runtime);
    Ok(session.tally.borrow().clone())
}

async fn open(endpoint: &Endpoint) -> Result<Connection, Error> {
    let opening = Connection::open(&endpoint.target, endpoint.method.path());
    let opened = timeout(CONNECT_PATIENCE, opening).await;
    opened.unwrap_or_else(|_elapsed| {
        let error = io::ErrorKind::TimedOut.into();
        Err(Error::System("connect to the server", error))
    })
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
/// How long a signal may go unnoticed.
const SIGNAL_PATIENCE: Duration = Duration::from_millis(100);
/// For replies that are still to come when the window closes.
const DRAIN: Duration = Duration::from_secs(2);
/// Polls between two looks at the sockets and the schedule: fewer than tokio's 61, so that a call that is due does not
/// wait behind many replies.
const EVENT_INTERVAL: u32 = 16;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use traffic::Shape;

    use super::*;

    #[test]
    fn a_server_that_is_not_there_is_an_error() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = Target::Tcp(listener.local_addr().unwrap());
        drop(listener);
        let endpoint = Endpoint {
            target,
            method: Method::Evaluate,
            cpu: None,
        };
        let load = Load {
            pace: Pace::Closed,
            connections: 1,
            in_flight: 1,
            warm_up: Duration::ZERO,
            duration: SECOND,
        };
        let messages = Messages::generate(Shape::Typical, 1);
        let ended = run(&endpoint, &load, &messages, &mut |_| {});
        assert!(matches!(ended, Err(Error::System(..))), "{ended:?}");
    }
}
