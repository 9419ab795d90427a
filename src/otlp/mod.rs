//! Metrics and traces for an OpenTelemetry receiver, by OTLP: off unless the environment names an endpoint.
//!
//! The messages are those of the official `opentelemetry-proto`, filled from what there is: the samples of a scrape, and
//! the records that telemetry drains from the workers' rings. The official SDK is not used. It would want to own the
//! counting, on the hot path, by instruments of its own; and its exporters take data only from it, for nobody else can
//! make a `ResourceMetrics`. One client sends both signals, over gRPC as over HTTP.
//!
//! | what | thread | over its bound |
//! | --- | --- | --- |
//! | spans are made of records, by [`SpanPen`] | `bidgate-telemetry` | - |
//! | spans wait for their export: [`QUEUE_TRACES`] evaluations | | dropped, counted |
//! | messages are sent | `bidgate-otlp` | each has its timeout; the end waits for none |

mod settings;
mod target;
mod variables;

mod client;
mod export;
mod messages;
mod metrics;
mod sampler;
mod spans;
mod tally;

use std::io;
use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::mpsc;

pub use export::Collect;
pub use sampler::Sampler;
pub use settings::Settings;
pub use target::Target;

use export::{ExportThread, Metrics, Traces, Work};
use spans::Judged;
use tally::Tally;

use crate::metrics::OtlpCounts;
use crate::telemetry::Seen;

/// An export that is set up and not at work yet.
#[derive(Debug)]
pub struct Otlp {
    settings: Settings,
    tally: Arc<Tally>,
    /// There if traces are exported.
    queue: Option<mpsc::Receiver<Vec<Span>>>,
}

impl Otlp {
    /// An export, and the pen that makes its spans if it has any.
    #[must_use]
    pub fn new(settings: Settings) -> (Self, Option<SpanPen>) {
        let tally = Arc::<Tally>::default();
        let sampler = settings.sampler;
        let (pen, queue) = settings
            .traces
            .is_some()
            .then(|| SpanPen::new(sampler, Arc::clone(&tally)))
            .unzip();
        let otlp = Self {
            settings,
            tally,
            queue,
        };
        (otlp, pen)
    }

    /// What becomes of what is exported.
    #[must_use]
    pub fn counts(&self) -> ExportCounts {
        ExportCounts(Arc::clone(&self.tally))
    }

    /// Starts the thread. Nothing that goes wrong with a receiver is an error.
    ///
    /// # Errors
    /// When the system gives no thread, or no random numbers.
    pub fn start(self, collect: Collect) -> io::Result<Exporter> {
        let Settings {
            resource,
            metrics,
            interval,
            traces,
            sampler: _,
        } = self.settings;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let instance = uuid::Builder::from_random_bytes(random).into_uuid();
        let thread = ExportThread::start(Work {
            resource: messages::resource(&resource, instance),
            metrics: metrics.map(|target| Metrics {
                target,
                interval,
                collect,
            }),
            traces: traces
                .zip(self.queue)
                .map(|(target, queue)| Traces { target, queue }),
            tally: self.tally,
        })?;
        Ok(Exporter { thread })
    }
}

/// An export at work. It ends with the process, or when it is stopped.
#[derive(Debug)]
pub struct Exporter {
    thread: ExportThread,
}

impl Exporter {
    /// Exports what there is and ends, within 2 s. Spans come to an end only if their pen is dropped.
    pub async fn stop(self) {
        self.thread.stop().await;
    }
}

/// Makes spans of evaluations, and queues them for export.
#[derive(Debug)]
pub struct SpanPen {
    sampler: Sampler,
    queue: mpsc::Sender<Vec<Span>>,
    tally: Arc<Tally>,
}

impl SpanPen {
    fn new(sampler: Sampler, tally: Arc<Tally>) -> (Self, mpsc::Receiver<Vec<Span>>) {
        let (queue, spans) = mpsc::channel(QUEUE_TRACES);
        let pen = Self {
            sampler,
            queue,
            tally,
        };
        (pen, spans)
    }

    /// Queues the spans of an evaluation if it is sampled. Never waits: what has no room is dropped and counted.
    pub fn offer(&self, seen: &Seen<'_>) {
        if !spans::is_sampled(self.sampler, seen.evaluation_id(), seen.trace_parent()) {
            return;
        }
        let spans = spans::spans(&Judged::from(seen));
        let count = spans.len() as u64;
        if self.queue.try_send(spans).is_err() {
            self.tally.spans_queue_full.add(count);
        }
    }
}

/// What became of what was to be exported, for whoever shows it.
#[derive(Clone, Debug, Default)]
pub struct ExportCounts(Arc<Tally>);

impl ExportCounts {
    /// As they stand.
    #[must_use]
    pub fn read(&self) -> OtlpCounts {
        self.0.read()
    }
}

/// Evaluations that wait for their export: some seconds of them where one in a thousand is sampled, and some megabytes
/// at most.
const QUEUE_TRACES: usize = 1024;
