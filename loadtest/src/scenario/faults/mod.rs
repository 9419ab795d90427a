//! Faults: each is brought about on a sidecar that serves, with figures of what callers saw, what moved in the metrics and
//! what was lost.

mod beside;
mod finding;
mod flood;
mod frames;
mod retrying;
mod scrape;
mod stage;

mod callers;
mod files;
mod malformed;
mod overload;
mod policy;
mod stop;
mod storms;

use std::io::{self, Write as _};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::BUILD;
use crate::error::Error;
use crate::interrupt;
use crate::servers::ServerArgs;
use finding::{Finding, Verdict, table};
use stage::Stage;

/// Which faults.
#[derive(Args, Clone, Debug)]
pub(crate) struct FaultsArgs {
    /// The faults to bring about [default: all]
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(FAULTS.map(|fault| fault.name)))]
    names: Vec<String>,
    /// Smaller and shorter, for machines that have other things to do
    #[arg(long)]
    short: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    servers: ServerArgs,
}

/// Something that goes wrong.
struct Fault {
    name: &'static str,
    happens: fn(&Stage<'_>) -> Result<Finding, Error>,
}

impl Fault {
    const fn new(name: &'static str, happens: fn(&Stage<'_>) -> Result<Finding, Error>) -> Self {
        Self { name, happens }
    }
}

/// In the order in which they are brought about. `docs/failures.md` names each.
const FAULTS: [Fault; 18] = [
    Fault::new("overload-2x", overload::twice),
    Fault::new("overload-10x", overload::tenfold),
    Fault::new("in-flight-full", overload::in_flight_full),
    Fault::new("slow-readers", callers::slow_readers),
    Fault::new("slow-writers", callers::slow_writers),
    Fault::new("half-open", callers::half_open),
    Fault::new("churn", storms::churn),
    Fault::new("resets", storms::resets),
    Fault::new("cancels", storms::cancels),
    Fault::new("malformed-http2", malformed::happens),
    Fault::new("policy-torn", policy::torn),
    Fault::new("disk-full", files::disk_full),
    Fault::new("descriptors-exhausted", files::descriptors_exhausted),
    Fault::new("collector-down", files::collector_down),
    Fault::new("sigterm-rolling", stop::rolling),
    Fault::new("sigint", stop::interrupted),
    Fault::new("sigkill", stop::killed),
    Fault::new("rest-saturated", storms::rest_saturated),
];

/// For `--json`.
#[derive(Debug, Serialize)]
struct Faults {
    scenario: &'static str,
    build: &'static str,
    short: bool,
    faults: Vec<Row>,
}

/// One fault and what came of it.
#[derive(Debug, Serialize)]
struct Row {
    fault: &'static str,
    seconds: f64,
    #[serde(flatten)]
    finding: Finding,
}

/// Runs the scenario. An error if one of the faults had effects that it should not have.
pub(crate) fn run(args: &FaultsArgs) -> Result<(), Error> {
    let stage = Stage::new(&args.servers, args.short)?;
    let mut rows = Vec::new();
    for fault in wanted(&args.names) {
        interrupt::check()?;
        drop(writeln!(io::stderr(), "{} ...", fault.name));
        let began = crate::clock::now();
        let finding = match (fault.happens)(&stage) {
            Err(error) if !interrupt::came() => Finding::broken(&error),
            finding => finding?,
        };
        rows.push(Row {
            fault: fault.name,
            seconds: began.elapsed().as_secs_f64(),
            finding,
        });
    }
    let failed = |row: &&Row| row.finding.verdict() == Verdict::Fail;
    let failures = rows.iter().filter(failed).count();
    publish(args, rows).map_err(Error::system("print the result"))?;
    if failures > 0 {
        return Err(Error::Faults(failures));
    }
    Ok(())
}

fn wanted(names: &[String]) -> impl Iterator<Item = &'static Fault> {
    FAULTS
        .iter()
        .filter(move |fault| names.is_empty() || names.iter().any(|name| name == fault.name))
}

fn publish(args: &FaultsArgs, rows: Vec<Row>) -> io::Result<()> {
    let table = table(rows.iter().map(|row| (row.fault, &row.finding)));
    let json = serde_json::to_string(&Faults {
        scenario: "faults",
        build: BUILD,
        short: args.short,
        faults: rows,
    })?;
    if args.json {
        writeln!(io::stdout(), "{json}")
    } else {
        writeln!(io::stdout(), "{table}\n{json}")
    }
}
