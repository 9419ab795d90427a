//! The edge: sockets, clocks, threads and signals. Everything further in is handed bytes, a policy and a time.
//!
//! The thread that calls [`Server::run`] is the control plane: it accepts connections, serves the admin pages and leads
//! the shutdown. The data plane is one thread per core, each with a runtime, an evaluator and counters of its own. A
//! connection belongs to one worker for life, so a call is received, judged and answered without leaving its thread.
//! A third kind of thread reads the policy's files and compiles them ([`reload`]), and another those of certificates
//! ([`credentials`]): a slow disk holds up nobody else.
//!
//! | bound | where | over it |
//! | --- | --- | --- |
//! | connections | [`Settings::max_connections`] | closed at once, counted |
//! | calls and stream messages held | [`Settings::max_in_flight`] | `RESOURCE_EXHAUSTED`, counted |
//! | time that a call waits for its turn | [`connection`], the policy's `timeout_ms` | `RESOURCE_EXHAUSTED`, counted |
//! | bytes of a message | [`Settings::max_message_bytes`] | `OUT_OF_RANGE`, counted |
//! | streams, headers and unread bytes of a connection | [`connection`] | flow control of HTTP/2 |
//! | replies that a stream's caller does not read | [`stream`] | the stream is not read either |
//! | bytes of replies that a connection's caller does not read | [`unread`] | `RESOURCE_EXHAUSTED`, counted |
//! | calls beside the admin pages | as above, and those of [`guests`] for connections | HTTP status |
//! | time for TLS and to open HTTP/2, to send a call, to drain | [`connection`], [`unary`], [`Settings::grace`] | cut |

mod settings;

mod acceptor;
mod authority;
mod connection;
mod credentials;
mod listener;
mod socket;
mod worker;

mod clock;
mod files;
mod in_flight;
mod judge;
mod living;
mod reader;
mod received;
mod refusal;
mod reply;
mod routes;
mod service;
mod stream;
mod trace_header;
mod unary;
mod unread;

mod admin;
mod admission;
mod drain;
mod guests;
mod instruments;
mod log_page;
mod memory;
mod overview;
mod page;
mod readiness;
mod reload;
mod rest;
pub mod signals;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

pub use clock::Arrival;
pub use credentials::Credentials;
pub use listener::BindError;
pub use living::LivingPolicy;
pub use memory::{forbid_core_dumps, take_small_pages};
pub use reload::PolicySource;
pub use settings::Settings;

use acceptor::{Accepted, Connections};
use admin::Admin;
use admission::{Admission, TurnedAway};
use clock::Moment;
use in_flight::InFlight;
use instruments::Instruments;
use listener::Listener;
use overview::Overview;
use readiness::Readiness;
use rest::Rest;
use routes::Routes;
use worker::{Blueprint, Ended, WorkerThread};

use crate::audit::Event;
use crate::config::Listen;
use crate::metrics::{Metrics, Recorder};
use crate::otlp::{Exporter, Otlp, SpanPen};
use crate::telemetry::{self, DecisionLog, Hears, Ledger, OpenSink, Plan, Telemetry};

/// A server with its listeners open, not yet serving.
#[derive(Debug)]
pub struct Server {
    settings: Arc<Settings>,
    listeners: Vec<Listener>,
    addresses: Vec<Listen>,
    admin: TcpListener,
    admin_address: SocketAddr,
    sink: OpenSink,
}

impl Server {
    /// Opens the sink of telemetry, then the listeners. From here on callers can connect; they are served once [`Self::run`] is.
    ///
    /// # Errors
    /// When the sink cannot be used, or an address not be listened on, with the address and what to do.
    pub fn bind(mut settings: Settings) -> Result<Self, BindError> {
        let sink = OpenSink::open(&settings.telemetry, &settings.audit)?;
        settings.max_connections = files::make_room(settings.max_connections);
        let listeners: Vec<_> = settings
            .listen
            .iter()
            .map(|listen| Listener::bind(listen, settings.unix_mode))
            .collect::<Result<_, _>>()?;
        let addresses = listeners.iter().map(Listener::address).collect();
        let (admin, admin_address) = listener::bind_tcp(settings.admin)?;
        Ok(Self {
            settings: Arc::new(settings),
            listeners,
            addresses,
            admin,
            admin_address,
            sink,
        })
    }

    /// Where calls are served, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[Listen] {
        &self.addresses
    }

    /// Where the admin pages are served.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Serves until `shutdown` completes, then drains (spec: contract §4): not ready, [`Settings::drain_delay`], stop
    /// accepting, finish what is in flight within [`Settings::grace`], cut the rest, flush telemetry. While it drains,
    /// SIGTERM or SIGINT cuts at once.
    ///
    /// # Errors
    /// When the threads cannot be started, or one ends by itself.
    pub fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<Drained> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        runtime.block_on(self.serve(shutdown))
    }

    async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<Drained> {
        let readiness = Arc::new(Readiness::new());
        let mut running = self.start(&readiness)?;
        readiness.ready().await;
        tokio::select! {
            () = shutdown => {}
            ended = running.workers.join_next() => return Err(lost_worker(ended.as_ref())),
            Some(ended) = running.acceptors.join_next() => return Err(lost_task(&ended)),
            Some(ended) = running.control.join_next() => return Err(lost_task(&ended)),
        }
        running.settings.audit.note(Event::ShutdownBegun);
        tokio::select! {
            drained = running.drain(&readiness) => Ok(drained),
            () = signals::terminated() => {
                running.tell_cut();
                Ok(Drained::Cut)
            }
        }
    }

    fn start(self, readiness: &Arc<Readiness>) -> io::Result<Running> {
        clock::calibrate();
        let settings = self.settings;
        let (metrics, mut recorders) =
            Metrics::new(settings.worker_count() + usize::from(settings.rest));
        let (otlp, span_pen) = settings.otlp.clone().map(Otlp::new).unzip();
        let decisions = DecisionLog::listener(Arc::clone(&settings.log));
        let listeners = span_pen.flatten().map(traced).into_iter();
        let (telemetry, pens) = Telemetry::start(Plan {
            settings: &settings.telemetry,
            sink: self.sink,
            writers: recorders.len(),
            metrics: &metrics,
            gate_names: settings.policy.gate_names(),
            listeners: listeners.chain([decisions]).collect(),
        })?;
        let mut pens = pens.into_iter();
        let in_flight = Arc::new(InFlight::new(settings.max_in_flight));
        let unread = Arc::default();
        let rest = settings.rest.then(|| recorders.pop()).flatten();
        let rest =
            rest.map(|recorder| Rest::new(&settings, recorder, pens.next(), &in_flight, readiness));
        let connections = Arc::new(Connections::new(recorders.len(), settings.max_connections));
        let routes = Arc::new(Routes::new(readiness.health()).map_err(io::Error::other)?);

        let (workers, senders) = start_workers(recorders, |recorder| Blueprint {
            settings: Arc::clone(&settings),
            in_flight: Arc::clone(&in_flight),
            unread: Arc::clone(&unread),
            routes: Arc::clone(&routes),
            recorder,
            pen: pens.next(),
        })?;
        let allowed_uids = &settings.unix_allowed_uids;
        let acceptors = acceptor::start(self.listeners, allowed_uids, &connections, &senders)?;
        let turned_away = Arc::<TurnedAway>::default();
        let instruments = Arc::new(Instruments {
            metrics,
            settings: Arc::clone(&settings),
            in_flight: Arc::clone(&in_flight),
            connections,
            admin_turned_away: Arc::clone(&turned_away),
            ledger: Arc::clone(telemetry.ledger()),
            exports: otlp.as_ref().map(Otlp::counts).unwrap_or_default(),
        });
        let exporter = otlp.map(|otlp| export(otlp, &instruments)).transpose()?;
        let overview = Rc::new(Overview::new(Arc::clone(&instruments)));
        let admin = Admin {
            settings: Arc::clone(&settings),
            instruments,
            overview: Rc::clone(&overview),
            readiness: Arc::clone(readiness),
            listeners: self.addresses,
            started: Moment::now(),
            rest: rest.transpose()?,
            admission: Admission {
                hosts: settings.admin_hosts.clone(),
                token: settings.credentials.token.clone(),
                turned_away,
            },
        };
        let control = start_control(self.admin, admin, overview)?;
        Ok(Running {
            settings,
            in_flight,
            acceptors,
            workers,
            ledger: Arc::clone(telemetry.ledger()),
            telemetry: Some(telemetry),
            exporter,
            control,
        })
    }
}

/// Starts what the control thread does beside accepting connections for calls.
fn start_control(
    listener: TcpListener,
    admin: Admin,
    overview: Rc<Overview>,
) -> io::Result<JoinSet<()>> {
    let settings = Arc::clone(&admin.settings);
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut control = JoinSet::new();
    control.spawn_local(async move { overview.watch().await });
    control.spawn_local(admin::serve(listener, admin));
    if let Some(source) = &settings.source {
        let policy = Arc::clone(&settings.policy);
        let reloading = reload::start(source.clone(), policy, settings.audit.clone())?;
        control.spawn_local(reloading);
    }
    if let Some(watching) = settings.credentials.watch(settings.audit.clone())? {
        control.spawn_local(watching);
    }
    Ok(control)
}

/// Has spans made of all evaluations that are sampled.
fn traced(pen: SpanPen) -> telemetry::Listener {
    telemetry::Listener {
        hears: Hears::All,
        tell: Box::new(move |seen| pen.offer(seen)),
    }
}

/// Starts the export of what the instruments show.
fn export(otlp: Otlp, instruments: &Arc<Instruments>) -> io::Result<Exporter> {
    let instruments = Arc::clone(instruments);
    otlp.start(Box::new(move |each| instruments.collect(each)))
}

/// Starts a worker for each recorder. Returns the ends of all, and where to send each its connections.
fn start_workers(
    recorders: Vec<Recorder>,
    mut blueprint: impl FnMut(Recorder) -> Blueprint,
) -> io::Result<(Workers, Vec<mpsc::Sender<Accepted>>)> {
    let mut workers = JoinSet::new();
    let mut senders = Vec::new();
    for (index, recorder) in recorders.into_iter().enumerate() {
        let WorkerThread { sender, ended } = worker::start(index, blueprint(recorder))?;
        senders.push(sender);
        workers.spawn_local(async { ended.await.ok() });
    }
    Ok((workers, senders))
}

/// Completes with each worker thread; with none if the thread panicked.
type Workers = JoinSet<Option<Ended>>;

/// How a shutdown ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything in flight was finished.
    Completely,
    /// The grace period ended, or a second signal came, before everything in flight was finished.
    Cut,
}

/// What [`Server::run`] has started.
#[derive(Debug)]
struct Running {
    settings: Arc<Settings>,
    in_flight: Arc<InFlight>,
    /// They hold the only senders of new connections: a worker drains when they are gone.
    acceptors: JoinSet<()>,
    workers: Workers,
    /// None once it is flushed.
    telemetry: Option<Telemetry>,
    ledger: Arc<Ledger>,
    /// There if metrics or traces are exported.
    exporter: Option<Exporter>,
    /// Ends with the runtime: the admin pages are served, and the policy reloaded, to the last.
    control: JoinSet<()>,
}

impl Running {
    async fn drain(&mut self, readiness: &Readiness) -> Drained {
        tracing::info!(delay = ?self.settings.drain_delay, "draining: not ready");
        readiness.draining().await;
        sleep(self.settings.drain_delay).await;
        tracing::info!(grace = ?self.settings.grace, "draining: no new connections");
        readiness.close();
        self.acceptors.shutdown().await;
        let everyone = timeout(self.settings.grace + CUT_MARGIN, self.everyone()).await;
        if let Some(telemetry) = self.telemetry.take() {
            telemetry.flush().await;
        }
        // Behind telemetry, which makes the last spans.
        if let Some(exporter) = self.exporter.take() {
            exporter.stop().await;
        }
        everyone.unwrap_or(Drained::Cut)
    }

    /// What is left behind is not lost in silence.
    fn tell_cut(&self) {
        let calls = self.in_flight.count();
        let not_sent = self.ledger.gauges().in_flight;
        tracing::warn!(
            calls,
            not_sent,
            "cut by a second signal: these calls are not answered, these events not sent"
        );
    }

    async fn everyone(&mut self) -> Drained {
        let drained = self.all_workers().await;
        // What is held when no worker is left are calls beside the admin pages: few, and soon answered.
        while self.in_flight.count() > 0 {
            sleep(REST_PAUSE).await;
        }
        drained
    }

    async fn all_workers(&mut self) -> Drained {
        let mut drained = Drained::Completely;
        while let Some(ended) = self.workers.join_next().await {
            if !matches!(ended, Ok(Some(Ended { cut: 0 }))) {
                drained = Drained::Cut;
            }
        }
        drained
    }
}

fn lost_worker(ended: Option<&Result<Option<Ended>, JoinError>>) -> io::Error {
    io::Error::other(format!("a worker thread ended by itself: {ended:?}"))
}

/// A task of the control plane, which should have no end.
fn lost_task(ended: &Result<(), JoinError>) -> io::Error {
    io::Error::other(format!(
        "a task of the control plane ended by itself: {ended:?}"
    ))
}

/// What a worker gets on top of the grace period to cut its connections and end.
const CUT_MARGIN: Duration = Duration::from_millis(500);
/// Between two looks at the calls that are left.
const REST_PAUSE: Duration = Duration::from_millis(10);
