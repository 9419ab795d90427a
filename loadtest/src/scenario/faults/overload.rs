//! More load than a sidecar can take.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use super::finding::Finding;
use super::flood::{Flood, Offer, flood};
use super::scrape::Scrape;
use super::stage::{Stage, TIMEOUT};
use crate::client::{Load, Method, Pace};
use crate::error::Error;
use crate::figures::real;
use crate::scenario::{saturation, share_of_rate};
use crate::servers::Bidgate;

/// Twice what it can do.
pub(super) fn twice(stage: &Stage<'_>) -> Result<Finding, Error> {
    overload(stage, 2.0, GOODPUT_AT_2X)
}

/// Ten times what it can do.
pub(super) fn tenfold(stage: &Stage<'_>) -> Result<Finding, Error> {
    overload(stage, 10.0, GOODPUT_AT_10X)
}

/// Offers a multiple of what a closed loop finds to a sidecar whose evaluations are so expensive that the generator of
/// the load is not what gives out first.
fn overload(stage: &Stage<'_>, multiple: f64, goodput_min: f64) -> Result<Finding, Error> {
    let folder = tempfile::tempdir().map_err(Error::system("make a folder"))?;
    let policy = folder.path().join("policy.yaml");
    fs::write(&policy, expensive_policy()).map_err(Error::system("write a policy"))?;
    let bidgate = stage.start(&[
        "--policy-file",
        &policy.display().to_string(),
        TIMEOUT,
        BUDGET_MS,
    ])?;
    let capacity = capacity(stage, &bidgate)?;
    let before = Scrape::of(bidgate.admin)?;
    let memory = bidgate.process.memory()?.resident;
    let offer = Offer {
        calls_per_second: share_of_rate(capacity, multiple),
        connections: CONNECTIONS,
        deadline: DEADLINE,
        warm_up: Duration::from_secs(1),
        duration: stage.either(Duration::from_secs(10), Duration::from_secs(2)),
    };
    let seen = flood(bidgate.tcp(), &stage.messages, offer)?;
    let calm = |scrape: &Scrape| scrape.get("bidgate_in_flight") < 0.5;
    let after = Scrape::when(bidgate.admin, calm)?;
    let grown = bidgate.process.memory()?.peak.saturating_sub(memory);
    let mut finding = Finding::default();
    tell(&mut finding, &seen, capacity);
    let goodput = real(seen.answered) / seen.seconds / capacity;
    finding.expect(
        // A debug build receives as slowly as it judges.
        cfg!(debug_assertions) || goodput >= goodput_min,
        format!("goodput is {goodput_min} of what it can do ({goodput:.2})"),
    );
    finding.expect(
        cfg!(debug_assertions) || real(seen.sent) / seen.seconds >= capacity * multiple * 0.8,
        format!("the generator offers {multiple} times that"),
    );
    finding.expect(
        seen.broken == 0,
        format!("no call breaks ({})", seen.broken),
    );
    finding.expect(
        grown < MEMORY_MAX,
        format!("memory is bounded ({grown} bytes more)"),
    );
    finding.moved(
        &before,
        &after,
        &["bidgate_evaluations_total", "bidgate_shed_total"],
    );
    finding.lost(format!(
        "{} calls unanswered, none acknowledged",
        seen.late + seen.shed
    ));
    let again = capacity_of(&bidgate, stage, Duration::from_secs(1))?;
    finding.expect(
        again > capacity * 0.7,
        format!("afterwards it does what it did before ({again:.0} of {capacity:.0} calls/s)"),
    );
    Ok(finding)
}

fn tell(finding: &mut Finding, seen: &Flood, capacity: f64) {
    let after = |quantile| real(seen.answered_after.quantile_ns(quantile)) / 1e6;
    let per_second = |calls: u64| real(calls) / seen.seconds;
    finding.saw(format!(
        "{:.0} calls/s of {capacity:.0} it can do: {:.0}/s answered within {} ms, p50 {:.1} ms, p99 {:.1} ms",
        per_second(seen.sent),
        per_second(seen.answered),
        DEADLINE.as_millis(),
        after(0.5),
        after(0.99),
    ));
    if seen.shed > 0 {
        finding.saw(format!(
            "{:.0}/s refused with RESOURCE_EXHAUSTED, p50 {:.1} ms, p99 {:.1} ms",
            per_second(seen.shed),
            real(seen.shed_after.quantile_ns(0.5)) / 1e6,
            real(seen.shed_after.quantile_ns(0.99)) / 1e6,
        ));
    }
    finding.saw(format!(
        "{:.0}/s given up by their caller at the deadline",
        per_second(seen.late)
    ));
}

/// Calls per second in a closed loop.
fn capacity(stage: &Stage<'_>, bidgate: &Bidgate) -> Result<f64, Error> {
    capacity_of(
        bidgate,
        stage,
        stage.either(Duration::from_secs(3), Duration::from_secs(1)),
    )
}

fn capacity_of(bidgate: &Bidgate, stage: &Stage<'_>, duration: Duration) -> Result<f64, Error> {
    let load = Load {
        pace: Pace::Closed,
        connections: CONNECTIONS,
        in_flight: 8,
        warm_up: Duration::from_millis(300),
        duration,
    };
    saturation(&bidgate.over_tcp(Method::Evaluate)?, &load, &stage.messages)
}

/// The default gates, and others that only take time.
fn expensive_policy() -> String {
    let mut policy = "gates:\n".to_owned();
    for gate in [
        "tmaxGuard",
        "impidMatch",
        "adomainVerify",
        "bidSanity",
        "audienceSafety",
        "bcatCompliance",
    ] {
        writeln!(policy, "  - {{ name: {gate} }}").unwrap_or_default();
    }
    for number in 0..EXPENSIVE_GATES {
        writeln!(
            policy,
            "  - {{ name: slow{number}, expression: '!request.bcat.exists(a, request.bcat.exists(b, a == b && b == \"none\" || b == \"nine\" || b == \"no\" || b == \"not\"))' }}"
        )
        .unwrap_or_default();
    }
    policy
}

/// Slots that are taken by callers who dawdle: the next call is refused at once.
pub(super) fn in_flight_full(stage: &Stage<'_>) -> Result<Finding, Error> {
    const SLOTS: u16 = 64;
    let bidgate = stage.start(&["--max-in-flight", &SLOTS.to_string()])?;
    let before = Scrape::of(bidgate.admin)?;
    let mut dawdlers = super::frames::Caller::connect(bidgate.tcp())?;
    dawdlers.open_calls(SLOTS.into())?;
    let full = |scrape: &Scrape| scrape.get("bidgate_in_flight") >= f64::from(SLOTS);
    let taken = Scrape::when(bidgate.admin, full)?;
    let offer = Offer {
        calls_per_second: share_of_rate(500.0, 1.0),
        connections: 2,
        deadline: Duration::from_secs(1),
        warm_up: Duration::ZERO,
        duration: Duration::from_secs(2),
    };
    let seen = flood(bidgate.tcp(), &stage.messages, offer)?;
    let free = |scrape: &Scrape| scrape.get("bidgate_in_flight") < 0.5;
    drop(dawdlers);
    let after = Scrape::when(bidgate.admin, free)?;
    let again = flood(bidgate.tcp(), &stage.messages, offer)?;
    let p99_ms = real(seen.shed_after.quantile_ns(0.99)) / 1e6;
    let mut finding = Finding::default();
    finding.saw(format!(
        "{} of {} calls refused with RESOURCE_EXHAUSTED, p99 {p99_ms:.1} ms; all answered once the slots are free",
        seen.shed, seen.sent
    ));
    finding.moved(&before, &taken, &["bidgate_in_flight"]);
    finding.moved(&before, &after, &["bidgate_shed_total"]);
    finding.expect(
        seen.shed == seen.sent && seen.sent > 0,
        "every call is refused",
    );
    finding.expect(p99_ms < 100.0, "a refusal comes at once");
    let counted = after.get("bidgate_shed_total") - before.get("bidgate_shed_total");
    finding.expect(
        (counted - real(seen.shed)).abs() < 0.5,
        "each refusal is counted",
    );
    finding.expect(again.answered == again.sent, "free slots are taken again");
    finding.lost(format!("{} calls refused, none acknowledged", seen.shed));
    Ok(finding)
}

/// So many that an evaluation takes some hundred microseconds, or in a debug build some milliseconds.
const EXPENSIVE_GATES: usize = if cfg!(debug_assertions) { 6 } else { 40 };
/// The default; a debug build is some ten times slower.
const BUDGET_MS: &str = if cfg!(debug_assertions) { "60" } else { "15" };
const CONNECTIONS: usize = 4;
/// What a bidder has left for its check, generously.
const DEADLINE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 100 });
/// Of what a closed loop finds: the rest is spent on receiving calls that are given up.
const GOODPUT_AT_2X: f64 = 0.7;
const GOODPUT_AT_10X: f64 = 0.4;
/// What waits in the windows of all connections and is answered, with room to spare.
const MEMORY_MAX: u64 = 64 << 20;
