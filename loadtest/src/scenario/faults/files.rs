//! A full disk, too few file descriptors, and a collector that is not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::beside::beside;
use super::finding::Finding;
use super::frames;
use super::scrape::Scrape;
use super::stage::Stage;
use crate::admin;
use crate::error::Error;
use crate::figures::mebibytes;
use crate::servers::{Bidgate, Collector};

/// The disk under the file of telemetry fills up, and has room again.
pub(super) fn disk_full(stage: &Stage<'_>) -> Result<Finding, Error> {
    if !may_mount() {
        return Ok(Finding::skipped(
            "a small disk cannot be mounted here: it takes root",
        ));
    }
    let folder = tempfile::tempdir().map_err(Error::system("make a folder"))?;
    let disk = folder.path().display().to_string();
    let mount = format!("mount -t tmpfs -o size=256k tmpfs '{disk}' && exec \"$0\" \"$@\"");
    let words = ["unshare", "--mount", "sh", "-c", &mount];
    let file = format!("{disk}/events");
    let bidgate = stage.start_behind(
        &words,
        &[
            "--telemetry-sink",
            "file",
            "--telemetry-file",
            &file,
            "--telemetry-max-events",
            "10",
            "--telemetry-max-age-ms",
            "200",
            "--telemetry-retry-delay-ms",
            "100",
        ],
    )?;
    let seen_from_here = seen_from_here(&bidgate, folder.path());
    let filler = seen_from_here.join("filler");
    let before = Scrape::of(bidgate.admin)?;
    let (neighbours, full) = beside(stage, &bidgate, Duration::from_secs(5), || {
        thread::sleep(Duration::from_secs(1));
        // Writes until there is no room.
        let filled = fs::write(&filler, vec![0; 1 << 20]);
        let lost = |scrape: &Scrape| scrape.get(DROPPED_RETRIES) > 0.5;
        let full = Scrape::when(bidgate.admin, lost)?;
        fs::remove_file(&filler).map_err(Error::system("make room"))?;
        Ok((full, filled.is_err()))
    })?;
    let (full, filled) = full;
    let settled = |scrape: &Scrape| scrape.get("bidgate_telemetry_events_in_flight") < 0.5;
    let after = Scrape::when(bidgate.admin, settled)?;
    let written = events_written(&seen_from_here.join("events"))?;
    let mut finding = Finding::default();
    neighbours.told(&mut finding);
    finding.moved(&before, &full, &[DROPPED_RETRIES]);
    finding.moved(&full, &after, &[DELIVERED]);
    finding.expect(filled, "the disk is full");
    finding.expect(
        full.get(DROPPED_RETRIES) > 0.5,
        "what finds no room is counted as dropped",
    );
    finding.expect(
        after.get(DELIVERED) > full.get(DELIVERED),
        "delivery goes on when there is room",
    );
    finding.expect(
        after.telemetry_adds_up(),
        "offered is delivered, dropped and in flight",
    );
    let delivered = after.get(DELIVERED);
    finding.expect(
        written.whole && (written.events - delivered).abs() < 0.5,
        format!(
            "the file has each delivered event, in whole lines ({} of {delivered})",
            written.events
        ),
    );
    finding.lost(format!(
        "{:.0} records, counted as retry_exhausted; no reply",
        after.get(DROPPED_RETRIES)
    ));
    Ok(finding)
}

/// Whether a file system can be mounted that only one process sees. It goes with the process.
fn may_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// What the sidecar sees at a path.
fn seen_from_here(bidgate: &Bidgate, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", bidgate.process.id()));
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// What stands in a file of telemetry.
struct Written {
    events: f64,
    whole: bool,
}

fn events_written(file: &Path) -> Result<Written, Error> {
    let text = fs::read_to_string(file).map_err(Error::system("read the events"))?;
    let mut written = Written {
        events: 0.0,
        whole: text.ends_with('\n'),
    };
    for line in text.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(batch) => {
                let events = batch
                    .get("events")
                    .and_then(Value::as_array)
                    .map_or(0, Vec::len);
                written.events += f64::from(u32::try_from(events).unwrap_or(u32::MAX));
            }
            Err(_) => written.whole = false,
        }
    }
    Ok(written)
}

/// Callers take all file descriptors that there are.
pub(super) fn descriptors_exhausted(stage: &Stage<'_>) -> Result<Finding, Error> {
    let words = ["sh", "-c", "ulimit -n 96; exec \"$0\" \"$@\""];
    let bidgate = stage.start_behind(&words, &[])?;
    let before = Scrape::of(bidgate.admin)?;
    let (neighbours, seen) = beside(stage, &bidgate, Duration::from_secs(3), || {
        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            callers.push(frames::Caller::connect(bidgate.tcp())?);
        }
        let mut live = 0;
        for _ in 0..HEALTH_CHECKS {
            live += u32::from(
                admin::get(bidgate.admin, "/health/live").is_ok_and(|page| page.status == 200),
            );
            thread::sleep(Duration::from_millis(50));
        }
        Ok((Scrape::of(bidgate.admin)?, live, callers))
    })?;
    let (full, live, callers) = seen;
    drop(callers);
    let gone = |scrape: &Scrape| scrape.same(&before, "bidgate_connections_open");
    let after = Scrape::when(bidgate.admin, gone)?;
    let mut again = frames::Caller::connect(bidgate.tcp())?;
    let refused = full.get(REFUSED);
    let mut finding = Finding::default();
    finding.saw(format!("{refused:.0} of {CALLERS} connections closed at once; {live} of {HEALTH_CHECKS} health checks answered"));
    neighbours.told(&mut finding);
    finding.moved(&before, &full, &[REFUSED, "process_open_fds"]);
    finding.expect(refused > 0.5, "connections are refused and counted");
    finding.expect(live == HEALTH_CHECKS, "health stays alive");
    finding.expect(full.get("process_max_fds") < 97.0, "descriptors are few");
    finding.expect(gone(&after), "no connection is left");
    finding.expect(again.is_alive(), "connections are accepted again");
    Ok(finding)
}

/// The collector of telemetry is not there.
pub(super) fn collector_down(stage: &Stage<'_>) -> Result<Finding, Error> {
    let collector = Collector::dead()?;
    let flags = collector.flags();
    let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    flags.extend([
        "--telemetry-max-events",
        "5",
        "--telemetry-max-age-ms",
        "100",
        "--telemetry-retry-delay-ms",
        "100",
    ]);
    flags.extend([
        "--telemetry-max-pending-batches",
        "4",
        "--telemetry-ring-records",
        "64",
    ]);
    let bidgate = stage.start(&flags)?;
    let before = Scrape::of(bidgate.admin)?;
    let memory = bidgate.process.memory()?.resident;
    let duration = stage.either(Duration::from_secs(30), Duration::from_secs(3));
    let (neighbours, adds_up) = beside(stage, &bidgate, duration, || {
        let mut adds_up = true;
        for _ in 0..20 {
            adds_up &= Scrape::of(bidgate.admin)?.telemetry_adds_up();
            thread::sleep(duration / 25);
        }
        Ok(adds_up)
    })?;
    let settled = |scrape: &Scrape| scrape.get("bidgate_telemetry_events_in_flight") < 0.5;
    let after = Scrape::when(bidgate.admin, settled)?;
    let grown = bidgate.process.memory()?.peak.saturating_sub(memory);
    let dropped = after.get("bidgate_telemetry_events_dropped_total");
    let mut finding = Finding::default();
    neighbours.told(&mut finding);
    finding.saw(format!("memory {:.1} MiB higher", mebibytes(grown)));
    finding.moved(
        &before,
        &after,
        &[
            DROPPED_RETRIES,
            "bidgate_telemetry_events_dropped_total{reason=\"ring_full\"}",
            "bidgate_telemetry_retries_total",
        ],
    );
    finding.expect(adds_up && after.telemetry_adds_up(), "every scrape adds up");
    finding.expect(dropped > 0.5, "what is not delivered is counted as dropped");
    finding.expect(grown < 32 << 20, "memory is bounded");
    finding.lost(format!("{dropped:.0} records, counted by reason; no reply"));
    Ok(finding)
}

const DROPPED_RETRIES: &str = "bidgate_telemetry_events_dropped_total{reason=\"retry_exhausted\"}";
const DELIVERED: &str = "bidgate_telemetry_events_delivered_total";
const REFUSED: &str = "bidgate_connections_refused_total";
const CALLERS: usize = 300;
const HEALTH_CHECKS: u32 = 20;
