//! The thread that exports, and its two loops: metrics by the clock, traces as they come.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::client::{Client, Export, ExportError};
use super::metrics::{Snapshot, Times};
use super::spans;
use super::tally::{Exports, Tally};
use super::target::Target;
use crate::background;
use crate::metrics::Sample;

/// Hands over every sample of a scrape.
pub type Collect = Box<dyn Fn(&mut dyn FnMut(&Sample<'_>)) + Send>;

/// What the thread works with.
pub(super) struct Work {
    pub(super) resource: Resource,
    pub(super) metrics: Option<Metrics>,
    pub(super) traces: Option<Traces>,
    pub(super) tally: Arc<Tally>,
}

pub(super) struct Metrics {
    pub(super) target: Target,
    pub(super) interval: Duration,
    pub(super) collect: Collect,
}

pub(super) struct Traces {
    pub(super) target: Target,
    pub(super) queue: mpsc::Receiver<Vec<Span>>,
}

/// The thread `bidgate-otlp`, at work.
#[derive(Debug)]
pub(super) struct ExportThread {
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
}

impl ExportThread {
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(work: Work) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (announce_end, ended) = oneshot::channel();
        let runtime = Builder::new_current_thread()
            .enable_all()
            // A look-up of a name that gets no answer holds a thread for as long as the system waits.
            .max_blocking_threads(1)
            .build()?;
        background::spawn(&background::OTLP, move || {
            runtime.block_on(work.run(stopped));
            // Whatever hangs, such as the look-up of a name, is left behind.
            runtime.shutdown_background();
            announce_end.send(()).unwrap_or_default();
        })?;
        Ok(Self { stop, ended })
    }

    /// Lets it export what there is, and waits for that, [`FLUSH_TIMEOUT`] at most.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        self.ended.await.unwrap_or_default();
    }
}

impl Work {
    /// Exports until it is stopped. A receiver that hangs holds up neither the other signal nor the end.
    async fn run(self, stopped: watch::Receiver<bool>) {
        let Self {
            resource,
            metrics,
            traces,
            tally,
        } = self;
        let metrics = async {
            if let Some(metrics) = metrics {
                metrics.run(&resource, &tally, stopped.clone()).await;
            }
        };
        let traces = async {
            if let Some(traces) = traces {
                traces.run(&resource, &tally).await;
            }
        };
        tokio::select! {
            ((), ()) = async { tokio::join!(metrics, traces) } => {}
            () = end_of_flush(stopped.clone()) => {
                tracing::warn!("the OTLP receiver has not taken everything in time");
            }
        }
    }
}

async fn end_of_flush(mut stopped: watch::Receiver<bool>) {
    stop(&mut stopped).await;
    sleep(FLUSH_TIMEOUT).await;
}

/// Completes when it is time to stop.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

impl Metrics {
    async fn run(self, resource: &Resource, tally: &Tally, mut stopped: watch::Receiver<bool>) {
        let start = unix_ns();
        let mut receiver = Receiver::new("metrics", self.target, &tally.metrics);
        let mut ticks = interval_at(Instant::now() + self.interval, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut more = true;
        while more {
            more = tokio::select! {
                _ = ticks.tick() => true,
                () = stop(&mut stopped) => false,
            };
            let mut snapshot = Snapshot::new(Times {
                start,
                // A clock that is set back tells of no time before the start.
                now: unix_ns().max(start),
            });
            (self.collect)(&mut |sample| snapshot.add(sample));
            // What is not taken is not sent again: the next message says all of it, and more.
            drop(
                receiver
                    .send(&snapshot.into_request(resource.clone()))
                    .await,
            );
        }
    }
}

impl Traces {
    async fn run(mut self, resource: &Resource, tally: &Tally) {
        let mut receiver = Receiver::new("traces", self.target, &tally.traces);
        while let Some(spans) = next_batch(&mut self.queue).await {
            let count = spans.len() as u64;
            let message = spans::request(spans, resource.clone());
            match receiver.send_with_retries(&message).await {
                Ok(refused) => {
                    tally.spans_refused.add(refused.min(count));
                    tally.spans_exported.add(count.saturating_sub(refused));
                }
                Err(_) => tally.spans_failed.add(count),
            }
        }
    }
}

/// The spans that come within a short time of the first, up to a full batch; none when no more will come.
async fn next_batch(queue: &mut mpsc::Receiver<Vec<Span>>) -> Option<Vec<Span>> {
    let mut spans = queue.recv().await?;
    let fill = async {
        while spans.len() < BATCH_SPANS
            && let Some(more) = queue.recv().await
        {
            spans.extend(more);
        }
    };
    timeout(BATCH_DELAY, fill).await.unwrap_or_default();
    Some(spans)
}

/// The receiver of one signal.
struct Receiver<'t> {
    signal: &'static str,
    client: Client,
    exports: &'t Exports,
    /// Whether the last message was taken. Its loss is logged once, until another is taken.
    is_taking: bool,
}

impl<'t> Receiver<'t> {
    fn new(signal: &'static str, target: Target, exports: &'t Exports) -> Self {
        Self {
            signal,
            client: Client::new(target),
            exports,
            is_taking: true,
        }
    }

    /// Returns how many data points or spans were refused, of a message that was taken.
    async fn send(&mut self, message: &impl Export) -> Result<u64, ExportError> {
        let sent = self.client.send(message).await;
        match &sent {
            Ok(refused) => self.taken(*refused),
            Err(error) => self.not_taken(error),
        }
        sent
    }

    async fn send_with_retries(&mut self, message: &impl Export) -> Result<u64, ExportError> {
        for pause in RETRY_PAUSES {
            match self.send(message).await {
                Err(error) if error.is_transient() => sleep(pause).await,
                sent => return sent,
            }
        }
        self.send(message).await
    }

    fn taken(&mut self, refused: u64) {
        self.exports.exported.add(1);
        if !self.is_taking {
            tracing::info!(
                signal = self.signal,
                "the OTLP receiver takes messages again"
            );
        }
        if refused > 0 {
            tracing::debug!(
                signal = self.signal,
                refused,
                "the OTLP receiver refused a part"
            );
        }
        self.is_taking = true;
    }

    fn not_taken(&mut self, error: &ExportError) {
        self.exports.failed.add(1);
        if self.is_taking {
            tracing::warn!(
                signal = self.signal,
                %error,
                "the OTLP receiver does not take messages; said once until it does"
            );
        }
        self.is_taking = false;
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
fn unix_ns() -> u64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// What is left to export when the process ends has this long.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// From the first span of a batch to its export.
const BATCH_DELAY: Duration = Duration::from_secs(1);
/// Some hundred kilobytes: receivers take 4 MiB.
const BATCH_SPANS: usize = 512;
/// Between the attempts to export a batch. Meanwhile the queue fills up, and what has no room is counted.
const RETRY_PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
