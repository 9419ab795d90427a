//! Accepts connections and gives each to the worker that has fewest.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::listener::{Listener, SocketFile};

/// Starts one task per listener. Must be called in a local runtime.
pub(super) fn start(
    listeners: Vec<Listener>,
    allowed_uids: &[u32],
    connections: &Arc<Connections>,
    senders: &[mpsc::Sender<Accepted>],
) -> io::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        let listener = Accepting::new(listener)?;
        let desk = Desk {
            allowed_uids: allowed_uids.to_owned(),
            connections: Arc::clone(connections),
            workers: senders.to_vec(),
        };
        tasks.spawn_local(accept(listener, desk));
    }
    Ok(tasks)
}

async fn accept(listener: Accepting, desk: Desk) {
    loop {
        match listener.accept().await {
            Ok((stream, caller)) => {
                if desk.admits(caller) {
                    desk.assign(stream);
                }
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Errors that say that a caller has left again. All others, such as too many open files, are about this process and
/// last for a while.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// A listener on its runtime.
#[derive(Debug)]
enum Accepting {
    Tcp(TcpListener),
    Unix(
        UnixListener,
        #[expect(dead_code, reason = "held for its drop")] SocketFile,
    ),
}

impl Accepting {
    fn new(listener: Listener) -> io::Result<Self> {
        match listener {
            Listener::Tcp(listener, _) => TcpListener::from_std(listener).map(Self::Tcp),
            Listener::Unix(listener, file) => {
                Ok(Self::Unix(UnixListener::from_std(listener)?, file))
            }
        }
    }

    async fn accept(&self) -> io::Result<(Stream, Caller)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Tcp(stream.into_std()?), Caller::Unknown))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let user = stream.peer_cred().ok().map(|user| user.uid());
                Ok((Stream::Unix(stream.into_std()?), Caller::User(user)))
            }
        }
    }
}

/// Who has connected.
#[derive(Clone, Copy, Debug)]
enum Caller {
    /// Over TCP, somebody.
    Unknown,
    /// Over a Unix socket, a process of this user: the one that it ran as when it connected, if the kernel says so.
    User(Option<u32>),
}

/// Gives connections to workers.
#[derive(Debug)]
struct Desk {
    /// Users of Unix sockets; empty is all.
    allowed_uids: Vec<u32>,
    connections: Arc<Connections>,
    workers: Vec<mpsc::Sender<Accepted>>,
}

impl Desk {
    /// A connection of a user who may not come in is closed by dropping it.
    fn admits(&self, caller: Caller) -> bool {
        let Caller::User(uid) = caller else {
            return true;
        };
        let listed = uid.is_some_and(|uid| self.allowed_uids.contains(&uid));
        let admitted = listed || self.allowed_uids.is_empty();
        if !admitted {
            tracing::warn!(uid, "connection of a user who is not in unix_allowed_uids");
            self.connections.turn_away();
        }
        admitted
    }

    /// A connection for which there is no room is closed by dropping it.
    fn assign(&self, stream: Stream) {
        let Some(place) = Connections::admit(&self.connections) else {
            return;
        };
        let Some(worker) = self.workers.get(place.worker) else {
            return;
        };
        if worker.try_send(Accepted { stream, place }).is_err() {
            self.connections.refuse();
        }
    }
}

/// A connection on its way to a worker.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: Stream,
    pub(super) place: Place,
}

/// An accepted socket that is on no runtime yet.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// How many connections are open, by worker.
#[derive(Debug)]
pub(super) struct Connections {
    open: Box<[AtomicUsize]>,
    refused: AtomicU64,
    turned_away: AtomicU64,
    max: usize,
}

impl Connections {
    pub(super) fn new(workers: usize, max: usize) -> Self {
        Self {
            open: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            refused: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            max,
        }
    }

    /// Open now, those on their way to a worker included.
    pub(super) fn open(&self) -> usize {
        self.open
            .iter()
            .map(|open| open.load(Ordering::Relaxed))
            .sum()
    }

    /// Closed at once for want of room.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Closed at once because of the user who connected.
    pub(super) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// A place with the worker that has fewest connections. Called by the control thread only, so that the count cannot
    /// pass the bound between the look and the step.
    fn admit(this: &Arc<Self>) -> Option<Place> {
        if this.open() >= this.max {
            this.refuse();
            return None;
        }
        let fewest = this
            .open
            .iter()
            .enumerate()
            .min_by_key(|(_, open)| open.load(Ordering::Relaxed));
        let (worker, open) = fewest?;
        open.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            connections: Arc::clone(this),
            worker,
        })
    }

    fn turn_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// One open connection, for as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    worker: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(open) = self.connections.open.get(self.worker) {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// How long accepting rests after an error: long enough not to spin, short enough for callers that wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_with_fewest_connections_is_next() {
        let connections = Arc::new(Connections::new(2, 10));
        let first = Connections::admit(&connections).unwrap();
        let second = Connections::admit(&connections).unwrap();
        assert_ne!(first.worker, second.worker);
        let freed = second.worker;
        drop(second);
        assert_eq!(Connections::admit(&connections).unwrap().worker, freed);
    }

    #[test]
    fn a_connection_over_the_bound_is_refused_and_counted() {
        let connections = Arc::new(Connections::new(2, 1));
        let place = Connections::admit(&connections);
        assert!(place.is_some());
        assert!(Connections::admit(&connections).is_none());
        assert_eq!(connections.refused(), 1);
        drop(place);
        assert_eq!(connections.open(), 0);
    }
}
