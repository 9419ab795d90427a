//! One thread of the data plane.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::acceptor::Accepted;
use super::connection;
use super::credentials::LivingTls;
use super::drain::Drain;
use super::in_flight::InFlight;
use super::judge::Judge;
use super::refusal::Refusal;
use super::routes::Routes;
use super::settings::Settings;
use super::trace_header::TraceHeader;
use crate::metrics::Recorder;
use crate::telemetry::Pen;

/// What a worker is built from, on its own thread.
#[derive(Debug)]
pub(super) struct Blueprint {
    pub(super) settings: Arc<Settings>,
    pub(super) in_flight: Arc<InFlight>,
    /// Bytes of replies that wait for the callers of all workers.
    pub(super) unread: Arc<AtomicUsize>,
    pub(super) routes: Arc<Routes>,
    pub(super) recorder: Recorder,
    /// There if somebody wants records of evaluations.
    pub(super) pen: Option<Pen>,
}

/// A started worker. It drains when every sender is gone.
#[derive(Debug)]
pub(super) struct WorkerThread {
    pub(super) sender: mpsc::Sender<Accepted>,
    pub(super) ended: oneshot::Receiver<Ended>,
}

/// A worker that has drained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Connections that were cut because the grace period was over.
    pub(super) cut: usize,
}

/// Starts a worker, and waits until it can serve.
///
/// Its queue has room for every connection that may be open, so a connection that was admitted always fits.
pub(super) fn start(index: usize, mut blueprint: Blueprint) -> io::Result<WorkerThread> {
    let (sender, connections) = mpsc::channel(blueprint.settings.max_connections.max(1));
    let (announce_start, started) = std::sync::mpsc::sync_channel(1);
    let (announce_end, ended) = oneshot::channel();
    let judge = Judge::new(&blueprint.settings, blueprint.pen.take())?;
    let name = format!("bidgate-worker-{index}");
    thread::Builder::new().name(name).spawn(move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return announce_start.send(Err(error)).unwrap_or_default(),
        };
        announce_start.send(Ok(())).unwrap_or_default();
        let grace = blueprint.settings.grace;
        let worker = Rc::new(Worker::new(blueprint, judge));
        let end = runtime.block_on(serve(worker, connections, grace));
        drop(runtime);
        announce_end.send(end).unwrap_or_default();
    })?;
    started.recv().map_err(io::Error::other)??;
    Ok(WorkerThread { sender, ended })
}

fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build_local(LocalOptions::default())
}

async fn serve(
    worker: Rc<Worker>,
    mut connections: mpsc::Receiver<Accepted>,
    grace: Duration,
) -> Ended {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connections.recv() => match accepted {
                Some(accepted) => drop(tasks.spawn_local(connection::serve(Rc::clone(&worker), accepted))),
                None => break,
            },
            Some(_) = tasks.join_next() => {}
        }
    }
    worker.drain.begin();
    let all = async { while tasks.join_next().await.is_some() {} };
    let finished = timeout(grace, all).await.is_ok();
    Ended {
        cut: if finished { 0 } else { tasks.len() },
    }
}

/// What all calls of one thread share.
#[derive(Debug)]
pub(super) struct Worker {
    /// Borrowed for one evaluation at a time, never across an await.
    pub(super) judge: RefCell<Judge>,
    pub(super) recorder: Recorder,
    pub(super) routes: Arc<Routes>,
    pub(super) drain: Rc<Drain>,
    pub(super) trace_header: TraceHeader,
    pub(super) max_message_bytes: usize,
    pub(super) in_flight: Arc<InFlight>,
    /// Bytes of replies that wait for the callers of all workers.
    pub(super) unread: Arc<AtomicUsize>,
    /// Spoken on TCP, if it is there.
    pub(super) tls: Option<Arc<LivingTls>>,
}

impl Worker {
    fn new(blueprint: Blueprint, judge: Judge) -> Self {
        Self {
            judge: RefCell::new(judge),
            recorder: blueprint.recorder,
            routes: blueprint.routes,
            drain: Rc::default(),
            trace_header: TraceHeader::of(&blueprint.settings),
            max_message_bytes: blueprint.settings.max_message_bytes,
            in_flight: blueprint.in_flight,
            unread: blueprint.unread,
            tls: blueprint.settings.credentials.tls.clone(),
        }
    }

    /// Counts a refusal and says it to the caller.
    pub(super) fn refuse(&self, refusal: Refusal) -> tonic::Status {
        refusal.count(&self.recorder);
        refusal.status()
    }
}

/// Polls between two looks at the sockets. Tokio's 61 lets arrived calls wait behind a batch of others.
const EVENT_INTERVAL: u32 = 31;
