//! An open-loop load generator for bidgate (spec: performance §2). `README.md` says what each scenario measures.

mod admin;
mod client;
mod clock;
mod collector;
mod cores;
mod error;
mod figures;
mod interrupt;
mod messages;
mod noop;
mod plot;
mod process;
mod proto;
mod report;
mod scenario;
mod schedule;
mod servers;
mod tally;
mod target;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use collector::CollectorArgs;
use error::Error;
use noop::NoopArgs;
use scenario::faults::FaultsArgs;
use scenario::overhead::OverheadArgs;
use scenario::run::RunArgs;
use scenario::saturate::SaturateArgs;
use scenario::soak::SoakArgs;
use scenario::start::StartArgs;
use scenario::telemetry::TelemetryArgs;

/// An open-loop load generator for bidgate.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What bidgate costs on top of a stock server that does nothing
    Overhead(OverheadArgs),
    /// A long run at half of what bidgate can do: slow calls, memory
    Soak(SoakArgs),
    /// How soon bidgate is ready, and how large it is
    Start(StartArgs),
    /// Where bidgate stops keeping up, and what it does then
    Saturate(SaturateArgs),
    /// What telemetry adds to latency: to a collector that is healthy, dead or slow
    Telemetry(TelemetryArgs),
    /// What callers see of overload, bad callers, signals and full disks
    Faults(FaultsArgs),
    /// Any endpoint under any load
    Run(RunArgs),
    /// The stock server, for the scenario `overhead`
    NoopServer(NoopArgs),
    /// A collector of telemetry, for the scenarios `telemetry` and `soak`
    Collector(CollectorArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "loadtest: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    if !matches!(command, Command::NoopServer(_) | Command::Collector(_)) {
        interrupt::listen()?;
    }
    match command {
        Command::Overhead(args) => scenario::overhead::run(&args),
        Command::Soak(args) => scenario::soak::run(&args),
        Command::Start(args) => scenario::start::run(&args),
        Command::Saturate(args) => scenario::saturate::run(&args),
        Command::Telemetry(args) => scenario::telemetry::run(&args),
        Command::Faults(args) => scenario::faults::run(&args),
        Command::Run(args) => scenario::run::run(&args),
        Command::NoopServer(args) => noop::run(args),
        Command::Collector(args) => collector::run(args),
    }
}
