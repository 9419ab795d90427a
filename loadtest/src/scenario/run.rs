//! Any endpoint under any load.

use std::num::NonZero;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{TrafficArgs, duration, load_table, open, progress, row};
use crate::client::{self, Endpoint, Load, Method, Pace};
use crate::error::Error;
use crate::figures::Figures;
use crate::plot::{Curve, Plot};
use crate::report::{Report, ReportArgs};
use crate::target::Target;

/// What to send, and where.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// A bidgate with the default policy: `http://127.0.0.1:50051` or `unix:///path`
    #[arg(long)]
    target: Target,
    /// Calls per second, on a fixed schedule [default: a closed loop, as fast as the server answers]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: Option<u64>,
    /// Call `EvaluateStream`, one stream on each connection
    #[arg(long)]
    stream: bool,
    #[command(flatten)]
    traffic: TrafficArgs,
    #[command(flatten)]
    report: ReportArgs,
    /// Connections to the server
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Calls in flight on each connection: all the time in a closed loop, at most in an open one
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1000))]
    in_flight: u16,
    /// Of the part that counts
    #[arg(long, default_value = "10s", value_parser = duration)]
    duration: Duration,
    /// Before that
    #[arg(long, default_value = "1s", value_parser = duration)]
    warm_up: Duration,
}

/// For `--json`.
#[derive(Debug, Serialize)]
struct Run {
    scenario: &'static str,
    target: String,
    method: &'static str,
    shape: &'static str,
    seed: u64,
    connections: u16,
    in_flight_per_connection: u16,
    /// None in a closed loop.
    calls_per_second: Option<u64>,
    figures: Figures,
}

/// Runs the scenario.
pub(crate) fn run(args: &RunArgs) -> Result<(), Error> {
    let messages = args.traffic.messages();
    let bar = progress(args.duration.as_secs());
    bar.set_message(args.target.to_string());
    let measured = client::run(&args.endpoint(), &args.load(), &messages, &mut |_| {
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    let figures = Figures::of(&measured);
    let mut table = load_table();
    row(&mut table, args.method_name(), &figures);
    let curve = Curve::percentiles(args.method_name(), &measured.tally.latency);
    let report = Report {
        name: "run",
        title: format!("{} under load: {}", args.target, args.told()),
        table,
        notes: errors_told(&figures),
        plots: vec![Plot::percentiles("Latency", vec![curve])],
        json: args.json(figures),
    };
    report.publish(&args.report)
}

impl RunArgs {
    fn endpoint(&self) -> Endpoint {
        Endpoint {
            target: self.target.clone(),
            method: if self.stream {
                Method::EvaluateStream
            } else {
                Method::Evaluate
            },
            cpu: None,
        }
    }

    fn load(&self) -> Load {
        Load {
            pace: self.rate.and_then(NonZero::new).map_or(Pace::Closed, open),
            connections: self.connections.into(),
            in_flight: self.in_flight.into(),
            warm_up: self.warm_up,
            duration: self.duration,
        }
    }

    const fn method_name(&self) -> &'static str {
        if self.stream {
            "EvaluateStream"
        } else {
            "Evaluate"
        }
    }

    fn told(&self) -> String {
        let shape = self.traffic.shape.name();
        let pace = match self.rate {
            Some(rate) => format!("open loop at {rate} calls/s"),
            None => "closed loop".to_owned(),
        };
        format!("{pace}, {shape} auctions, {} connections", self.connections)
    }

    fn json(&self, figures: Figures) -> Run {
        Run {
            scenario: "run",
            target: self.target.to_string(),
            method: self.method_name(),
            shape: self.traffic.shape.name(),
            seed: self.traffic.seed,
            connections: self.connections,
            in_flight_per_connection: self.in_flight,
            calls_per_second: self.rate,
            figures,
        }
    }
}

/// A line for each kind of error.
pub(super) fn errors_told(figures: &Figures) -> Vec<String> {
    let errors = figures.errors.iter();
    errors
        .map(|(name, count)| format!("error {name}: {count}"))
        .collect()
}
