//! Records of evaluations, on their way out of the process (spec: telemetry §1 to §4).
//!
//! # The boundary
//!
//! What is sent is what a [`record`] can hold: integers, members of closed sets, and the number of a caller, whose
//! `agent_id` and `tool` are the only texts of a call that ever leave. There is no place for a byte of a payload.
//!
//! # The path
//!
//! ```text
//!  worker     evaluate ─► reply ─► metrics: observe() ─► Pen::offer() ─► ring
//!                                       │ exact counts                    │
//!  thread                               ▼                                 ▼   every 20 ms
//!  bidgate-                          batcher ◄── sampling ◄────────── gatherer ─► listeners
//!  telemetry                            │ closed batches
//!                                       ▼
//!                                    delivery ─► sink: stdout, file, http (keys, sign)
//! ```
//!
//! A worker writes one record into its own ring, or counts that the ring is full; it knows nothing of what comes after.
//! When delivery has as many batches as may wait, no batch is closed, records stay where they are, and the rings fill:
//! a collector that is dead or slow costs records, never a call.
//!
//! # The account
//!
//! At any time *offered = delivered + dropped, by reason, + in flight*: the [`ledger`]. What was evaluated is told
//! exactly whatever becomes of the events, because it is counted elsewhere: in the cells of [`crate::metrics`], of which
//! each batch tells the growth. A batch that is lost has told nothing; the next one tells its part.

mod pen;
mod record;
mod ring;
mod trace_parent;

mod gather;
mod names;
mod seen;

mod batch;
mod batcher;
mod json;

mod delivery;
mod keys;
mod sign;
mod sink;

mod ledger;
#[cfg(test)]
mod outage;
mod thread;

mod decision_log;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::time::Instant;

pub use decision_log::DecisionLog;
pub use ledger::Ledger;
pub use names::GateNames;
pub use pen::Pen;
pub use seen::{Hears, Listener, Seen, SeenGate};
pub use sink::SinkError;
pub use trace_parent::TraceParent;

use batcher::Batcher;
use delivery::Delivery;
use gather::{Batching, Gatherer, Sampling};
use record::RECORD_WORDS;
use ring::{Producer, ring};
use sink::Sink;
use thread::Handle;

use crate::audit::Audit;
use crate::config;
use crate::metrics::Metrics;

/// What telemetry is made of.
#[derive(Debug)]
pub struct Plan<'p> {
    /// When batches go.
    pub settings: &'p config::Telemetry,
    /// Where they go.
    pub sink: OpenSink,
    /// Those who will record evaluations, each with a pen.
    pub writers: usize,
    /// Counts of all of them.
    pub metrics: &'p Metrics,
    /// Of the policy that judges, and of those that will.
    pub gate_names: &'p Arc<GateNames>,
    /// Others who want to know of evaluations.
    pub listeners: Vec<Listener>,
}

/// A sink that is open: its file can be written, its keys are there. Or there is none.
#[derive(Debug)]
pub struct OpenSink {
    sink: Option<Sink>,
    /// Rotations of its file that failed.
    rotation_failures: Arc<AtomicU64>,
}

impl OpenSink {
    /// Opens the sink that the settings name, if they do.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn open(settings: &config::Telemetry, audit: &Audit) -> Result<Self, SinkError> {
        let rotation_failures = Arc::default();
        let sink = Sink::open(&settings.sink, audit, &rotation_failures)?;
        Ok(Self {
            sink,
            rotation_failures,
        })
    }
}

/// Records on their way out.
#[derive(Debug)]
pub struct Telemetry {
    ledger: Arc<Ledger>,
    /// None when nobody wants to know.
    thread: Option<Handle>,
    flush_timeout: Duration,
}

impl Telemetry {
    /// Starts what the plan asks for. Returns a pen for each writer; none when nobody wants records.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(plan: Plan<'_>) -> io::Result<(Self, Vec<Pen>)> {
        let settings = plan.settings;
        let OpenSink {
            sink,
            rotation_failures,
        } = plan.sink;
        let heard = plan.listeners.iter().map(|listener| listener.hears).max();
        let Some(hears) = sink.as_ref().map(|_| Hears::All).or(heard) else {
            return Ok((Self::idle(settings), Vec::new()));
        };
        let (producers, consumers): (Vec<_>, Vec<_>) = (0..plan.writers)
            .map(|_| ring(records(settings, hears), RECORD_WORDS))
            .unzip();
        let rings = producers.iter().map(Producer::ring).cloned();
        let ledger = Arc::new(match &sink {
            Some(sink) => Ledger::new(sink.name(), rings.collect(), rotation_failures),
            // What listeners are told of is nobody's to deliver.
            None => Ledger::new(NO_SINK, Vec::new(), rotation_failures),
        });
        let batching = match &sink {
            Some(_) => Some(batching(settings, &ledger)?),
            None => None,
        };
        let gatherer = Gatherer::new(
            consumers,
            plan.listeners,
            plan.metrics.clone(),
            Arc::clone(plan.gate_names),
            batching,
        );
        let delivering = sink.map(|sink| delivering(sink, settings));
        let thread = thread::start(gatherer, Arc::clone(&ledger), delivering);
        let telemetry = Self {
            ledger,
            thread: Some(thread?),
            flush_timeout: settings.flush_timeout,
        };
        let producers = producers.into_iter();
        let pens = producers.map(|producer| Pen::new(producer, hears));
        Ok((telemetry, pens.collect()))
    }

    fn idle(settings: &config::Telemetry) -> Self {
        Self {
            ledger: Arc::new(Ledger::new(NO_SINK, Vec::new(), Arc::default())),
            thread: None,
            flush_timeout: settings.flush_timeout,
        }
    }

    /// The account of events.
    #[must_use]
    pub const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Delivers what is left, within the time that the configuration gives, and says in the log what was not. To be
    /// called when all writers have ended.
    pub async fn flush(self) {
        if let Some(thread) = self.thread {
            let said = thread.flush(self.flush_timeout).await;
            if !said {
                let not_sent = self.ledger.gauges().in_flight;
                tracing::warn!(not_sent, "telemetry was held up, and is left behind");
            }
        }
    }
}

const NO_SINK: &str = "none";

/// What a ring has room for. Lines of a log are few: what finds no room would not be told.
fn records(settings: &config::Telemetry, hears: Hears) -> usize {
    match hears {
        Hears::All => settings.ring_records,
        Hears::Notable => settings.ring_records.min(NOTABLE_RECORDS),
    }
}

const NOTABLE_RECORDS: usize = 256;

fn batching(settings: &config::Telemetry, ledger: &Arc<Ledger>) -> io::Result<Batching> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let rules = batcher::Rules {
        sender: sender(settings),
        boot_id: uuid::Builder::from_random_bytes(random).into_uuid(),
        max_events: settings.max_events as u64,
        max_age: settings.max_age,
    };
    let sampling = Sampling {
        rate: settings.sample_rate,
    };
    let batcher = Batcher::new(rules, Instant::now());
    Ok(Batching::new(batcher, Arc::clone(ledger), sampling))
}

/// Makes the delivery, on the runtime that it needs.
fn delivering(
    sink: Sink,
    settings: &config::Telemetry,
) -> impl FnOnce() -> Delivery<Sink> + Send + use<> {
    let rules = delivery::Rules {
        concurrent: sink.concurrent(),
        pending_max: settings.max_pending_batches,
        retries: settings.retries,
        retry_delay: settings.retry_delay,
    };
    move || Delivery::new(sink, rules)
}

/// The name of the host, unless the configuration has another one.
fn sender(settings: &config::Telemetry) -> String {
    if settings.sender.is_empty() {
        let system = rustix::system::uname();
        system.nodename().to_string_lossy().into_owned()
    } else {
        settings.sender.clone()
    }
}
