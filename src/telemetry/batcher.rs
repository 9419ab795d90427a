//! Gathers events until a batch closes, and keeps track of what batches have told.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use uuid::{ContextV7, Timestamp, Uuid};

use super::batch::{Batch, Counts, Drops};
use super::json::{self, CountList, Head, Iso8601, Tail};
use super::ledger::Ledger;
use super::names::GateNames;
use super::seen::Seen;
use crate::callers::CallerId;
use crate::limits::{TELEMETRY_COUNTS_BYTES, TELEMETRY_EVENTS_BYTES};
use crate::metrics::Metrics;
use crate::policy::version;
use crate::verdict::Verdict;

/// When a batch closes, and who says so in it.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) sender: String,
    pub(super) boot_id: Uuid,
    pub(super) max_events: u64,
    pub(super) max_age: Duration,
}

/// What a batch tells of besides its events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'s> {
    pub(super) metrics: &'s Metrics,
    pub(super) ledger: &'s Ledger,
    pub(super) names: &'s GateNames,
}

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) clock: Instant,
    pub(super) unix_us: u64,
}

/// The open batch, and what those before it have told.
#[derive(Debug)]
pub(super) struct Batcher {
    rules: Rules,
    ids: ContextV7,
    /// Of the batch that closed last.
    seq: u64,
    /// When that was, or when there was last nothing to tell.
    since: Instant,
    /// Events of the open batch, as JSON with commas between them.
    json: Vec<u8>,
    events: u64,
    /// The policy of these events.
    policy: u64,
    told: Told,
    /// The first caller whose counts found no room in the batch that closed last: the next one begins with them.
    untold_from: Option<CallerId>,
}

/// What closed batches have told, those apart that are known to be lost: their part is told again.
#[derive(Debug)]
struct Told {
    /// By caller and verdict.
    counts: Vec<u64>,
    dropped: Drops,
}

impl Batcher {
    pub(super) fn new(rules: Rules, now: Instant) -> Self {
        Self {
            rules,
            ids: ContextV7::new(),
            seq: 0,
            since: now,
            json: Vec::new(),
            events: 0,
            policy: 0,
            told: Told {
                counts: vec![0; CELLS],
                dropped: Drops::default(),
            },
            untold_from: None,
        }
    }

    /// Events of the open batch.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Whether the open batch has all the events that it may have.
    pub(super) const fn is_full(&self) -> bool {
        self.events >= self.rules.max_events || self.json.len() >= TELEMETRY_EVENTS_BYTES
    }

    /// Whether the open batch takes this event. A batch is of one policy.
    pub(super) const fn takes(&self, seen: &Seen<'_>) -> bool {
        self.events == 0 || (self.policy == seen.policy() && !self.is_full())
    }

    /// Whether the open batch has waited for long enough.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= self.rules.max_age
    }

    /// Whether the batch that closed last had no room for all counts.
    pub(super) const fn has_more_to_tell(&self) -> bool {
        self.untold_from.is_some()
    }

    /// Adds an event that the open batch takes.
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        json::append_event(&mut self.json, seen);
        self.events += 1;
        self.policy = seen.policy();
    }

    /// Closes the open batch; none when there is nothing to tell.
    ///
    /// The counts are read here and not with each event: a worker counts an evaluation before it offers the record, so
    /// what stands in a batch is in the counts of this one or of one before.
    pub(super) fn close(&mut self, sources: Sources<'_>, now: Moment) -> Option<Batch> {
        self.since = now.clock;
        let (counts, untold_from) = self.counts(sources.metrics);
        self.untold_from = untold_from;
        let dropped = sources.ledger.dropped().without(&self.told.dropped);
        if self.events == 0 && counts.cells.is_empty() && dropped == Drops::default() {
            return None;
        }
        let id = self.next_id(now.unix_us);
        let batch = Batch {
            id,
            seq: self.seq + 1,
            body: self.body(id, sources, (&counts, dropped), now.unix_us),
            events: self.events,
            counts,
            dropped,
        };
        self.tell(&batch);
        Some(batch)
    }

    fn tell(&mut self, batch: &Batch) {
        self.seq = batch.seq;
        self.events = 0;
        self.json.clear();
        self.told.dropped = self.told.dropped.plus(&batch.dropped);
        self.told.add(&batch.counts);
    }

    /// Takes back what a lost batch would have told: the next one to be closed tells it.
    pub(super) fn take_back(&mut self, lost: &Batch) {
        self.told.dropped = self.told.dropped.without(&lost.dropped);
        self.told.remove(&lost.counts);
    }

    /// What was evaluated and not told, of as many callers as a batch has room for, and the first of those behind them.
    fn counts(&self, metrics: &Metrics) -> (Counts, Option<CallerId>) {
        let (mut counts, mut room) = (Counts::default(), TELEMETRY_COUNTS_BYTES);
        let callers = metrics.callers();
        let (before, after): (Vec<_>, Vec<_>) =
            callers.known().partition(|id| Some(*id) < self.untold_from);
        for caller in after.into_iter().chain(before) {
            let entry_bytes = json::count_bytes_max(callers.names(caller));
            for (cell, n) in self.untold(caller, metrics) {
                if room < entry_bytes {
                    return (counts, Some(caller));
                }
                room -= entry_bytes;
                counts.cells.push((cell, n));
            }
        }
        (counts, None)
    }

    fn untold(&self, caller: CallerId, metrics: &Metrics) -> impl Iterator<Item = (usize, u64)> {
        Verdict::ALL.into_iter().filter_map(move |verdict| {
            let cell = cell(caller, verdict);
            let told = self.told.counts.get(cell).copied().unwrap_or_default();
            let n = metrics.evaluations(caller, verdict) - told;
            (n > 0).then_some((cell, n))
        })
    }

    fn body(
        &self,
        batch_id: Uuid,
        sources: Sources<'_>,
        (counts, dropped): (&Counts, Drops),
        unix_us: u64,
    ) -> Bytes {
        let policy = if self.events == 0 {
            sources.names.latest()
        } else {
            self.policy
        };
        let head = Head {
            batch_id,
            sender: &self.rules.sender,
            boot_id: self.rules.boot_id,
            seq: self.seq + 1,
            sent_at: Iso8601 { unix_us },
            policy_version: &version(policy),
        };
        let callers = sources.metrics.callers();
        let mut list = CountList::default();
        for (cell, n) in &counts.cells {
            let (caller, verdict) = of_cell(*cell);
            list.add(callers.names(caller), verdict, *n);
        }
        let tail = Tail {
            counts: list,
            dropped,
        };
        json::body(&head, &self.json, &tail).into()
    }

    fn next_id(&self, unix_us: u64) -> Uuid {
        let nanos = u32::try_from(unix_us % 1_000_000 * 1000).unwrap_or_default();
        Uuid::new_v7(Timestamp::from_unix(&self.ids, unix_us / 1_000_000, nanos))
    }
}

impl Told {
    fn add(&mut self, counts: &Counts) {
        for (cell, n) in &counts.cells {
            if let Some(told) = self.counts.get_mut(*cell) {
                *told += n;
            }
        }
    }

    fn remove(&mut self, counts: &Counts) {
        for (cell, n) in &counts.cells {
            if let Some(told) = self.counts.get_mut(*cell) {
                *told -= n;
            }
        }
    }
}

/// Cells of callers and verdicts.
const CELLS: usize = CallerId::COUNT * Verdict::ALL.len();

const fn cell(caller: CallerId, verdict: Verdict) -> usize {
    caller.index() * Verdict::ALL.len() + verdict as usize
}

fn of_cell(cell: usize) -> (CallerId, Verdict) {
    let caller = CallerId::from_index(cell / Verdict::ALL.len());
    let verdict = Verdict::ALL.get(cell % Verdict::ALL.len());
    (caller, verdict.copied().unwrap_or(Verdict::Error))
}
