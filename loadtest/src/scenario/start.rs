//! How soon bidgate is ready, and how large it is (spec: performance, P9).

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Args;
use serde::Serialize;

use super::progress;
use crate::error::Error;
use crate::figures::{mebibytes, median, real};
use crate::plot::{Axis, Curve, Plot};
use crate::report::{Report, ReportArgs, Table, told};
use crate::servers::{Bidgate, ServerArgs};

/// How often to start.
#[derive(Args, Clone, Debug)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    report: ReportArgs,
    /// Starts that count; one more comes before them and reads the binary from disk
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
}

/// For `--json`.
#[derive(Debug, Serialize)]
struct Start {
    scenario: &'static str,
    runs: u16,
    ready_ms_median: Option<f64>,
    ready_ms_max: f64,
    ready_ms: Vec<f64>,
    /// Resident memory of a server that has served nothing, MiB.
    idle_resident_mib: f64,
    binary_bytes: u64,
    /// None where there is no `strip`.
    stripped_bytes: Option<u64>,
}

/// Runs the scenario.
pub(crate) fn run(args: &StartArgs) -> Result<(), Error> {
    let binary = args.servers.binary()?;
    let cores = args.servers.cores()?;
    let start = || Bidgate::start(&binary, &args.servers, cores.as_ref(), &[]);
    let idle = start()?.process.memory()?.resident;
    let bar = progress(args.runs.into());
    let mut ready_ms = Vec::new();
    for _ in 0..args.runs {
        ready_ms.push(start()?.ready_after.as_secs_f64() * 1e3);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let json = Start {
        scenario: "start",
        runs: args.runs,
        ready_ms_median: median(ready_ms.iter().copied()),
        ready_ms_max: ready_ms.iter().copied().fold(0.0, f64::max),
        ready_ms,
        idle_resident_mib: mebibytes(idle),
        binary_bytes: size(&binary)?,
        stripped_bytes: stripped_size(&binary)?,
    };
    report(json).publish(&args.report)
}

fn report(json: Start) -> Report<Start> {
    let mut table = Table::new(["what", "figure"]);
    let stripped = json.stripped_bytes.map(mebibytes);
    for (name, figure) in [
        ("ready after, ms, median", json.ready_ms_median),
        ("ready after, ms, slowest", Some(json.ready_ms_max)),
        ("idle resident memory, MiB", Some(json.idle_resident_mib)),
        ("binary, MiB", Some(mebibytes(json.binary_bytes))),
        ("stripped binary, MiB", stripped),
    ] {
        table.row([name.to_owned(), told(figure, 2)]);
    }
    Report {
        name: "start",
        title: format!("From process start to ready, {} starts", json.runs),
        table,
        notes: vec!["asked every 200 us, each time on a new connection".to_owned()],
        plots: vec![plot(&json)],
        json,
    }
}

fn plot(json: &Start) -> Plot {
    let numbers = (1..).map(real);
    let points = numbers.zip(json.ready_ms.iter().copied());
    Plot {
        title: "Each start".to_owned(),
        x: Axis::linear("start", real(json.runs.into())),
        y: Axis::linear("ready after, ms", json.ready_ms_max * 1.2),
        curves: vec![Curve::new("ready", points.collect())],
    }
}

fn size(path: &Path) -> Result<u64, Error> {
    let metadata = fs::metadata(path);
    Ok(metadata.map_err(Error::system("read the binary"))?.len())
}

fn stripped_size(binary: &Path) -> Result<Option<u64>, Error> {
    let folder = tempfile::tempdir().map_err(Error::system("make a folder"))?;
    let stripped = folder.path().join("bidgate");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&stripped).arg(binary);
    match strip.status() {
        Ok(status) if status.success() => size(&stripped).map(Some),
        Ok(_) | Err(_) => Ok(None),
    }
}
