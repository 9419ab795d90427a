//! Where bidgate stops keeping up, and what it does then.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::share_of_rate;
use super::{Conditions, TrafficArgs, duration, load_table, open, progress, row};
use crate::client::{self, Endpoint, Load, Method, Pace};
use crate::error::Error;
use crate::figures::{Figures, real};
use crate::messages::Messages;
use crate::plot::{Axis, Curve, Plot, told_micros};
use crate::report::{Report, ReportArgs};
use crate::servers::{Bidgate, ServerArgs};
use crate::tally::RESOURCE_EXHAUSTED;

/// How to push.
#[derive(Args, Clone, Debug)]
pub(crate) struct SaturateArgs {
    #[command(flatten)]
    traffic: TrafficArgs,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    report: ReportArgs,
    /// Connections to the server
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Calls in flight on each connection, at most
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=1000))]
    in_flight: u16,
    /// Calls that bidgate holds before it sheds
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_in_flight: u32,
    /// Of each step
    #[arg(long, default_value = "3s", value_parser = duration)]
    duration: Duration,
    /// Of each step, before it counts
    #[arg(long, default_value = "500ms", value_parser = duration)]
    warm_up: Duration,
    /// Call over the Unix socket
    #[arg(long)]
    unix: bool,
}

/// For `--json`.
#[derive(Debug, Serialize)]
struct Saturate {
    scenario: &'static str,
    /// Replies per second in a closed loop.
    saturation_calls_per_second: f64,
    /// The highest rate of the steps at which every call was answered and the p99 was within [`KNEE_FACTOR`] of the
    /// lowest step's.
    knee_calls_per_second: Option<u64>,
    max_in_flight: u32,
    conditions: Conditions,
    steps: Vec<Step>,
}

/// One rate.
#[derive(Clone, Debug, Serialize)]
struct Step {
    /// Of saturation.
    share: f64,
    calls_per_second: u64,
    /// Calls that the server refused with `RESOURCE_EXHAUSTED`.
    shed: u64,
    figures: Figures,
}

/// Runs the scenario.
pub(crate) fn run(args: &SaturateArgs) -> Result<(), Error> {
    let binary = args.servers.binary()?;
    let cores = args.servers.cores()?;
    let messages = args.traffic.messages();
    let flags = ["--max-in-flight".to_owned(), args.max_in_flight.to_string()];
    let bidgate = Bidgate::start(&binary, &args.servers, cores.as_ref(), &flags)?;
    let endpoint = if args.unix {
        bidgate.over_unix(Method::Evaluate)?
    } else {
        bidgate.over_tcp(Method::Evaluate)?
    };
    let closed = measure(&endpoint, &args.load(Pace::Closed), &messages)?;
    let steps = args.steps(&endpoint, closed.replies_per_second, &messages)?;
    drop(bidgate);
    let counts = (args.connections.into(), args.in_flight.into());
    let json = Saturate {
        scenario: "saturate",
        saturation_calls_per_second: closed.replies_per_second,
        knee_calls_per_second: knee(&steps),
        max_in_flight: args.max_in_flight,
        conditions: Conditions::new(args.traffic, &args.servers, cores.as_ref(), counts),
        steps,
    };
    let conditions = json.conditions.told(&messages);
    report(json, conditions).publish(&args.report)
}

impl SaturateArgs {
    fn steps(
        &self,
        endpoint: &Endpoint,
        saturation: f64,
        messages: &Messages,
    ) -> Result<Vec<Step>, Error> {
        let bar = progress(STEPS.len() as u64);
        let steps = STEPS.into_iter().map(|share| {
            let rate = share_of_rate(saturation, share);
            let figures = measure(endpoint, &self.load(open(rate)), messages)?;
            bar.inc(1);
            Ok(Step {
                share,
                calls_per_second: rate.get(),
                shed: figures
                    .errors
                    .get(RESOURCE_EXHAUSTED)
                    .copied()
                    .unwrap_or_default(),
                figures,
            })
        });
        let steps = steps.collect();
        bar.finish_and_clear();
        steps
    }

    fn load(&self, pace: Pace) -> Load {
        let connections = usize::from(self.connections);
        Load {
            pace,
            connections,
            in_flight: match pace {
                Pace::Closed => CLOSED_IN_FLIGHT.div_ceil(connections),
                Pace::Open { .. } => self.in_flight.into(),
            },
            warm_up: self.warm_up,
            duration: self.duration,
        }
    }
}

fn measure(endpoint: &Endpoint, load: &Load, messages: &Messages) -> Result<Figures, Error> {
    client::run(endpoint, load, messages, &mut |_| {}).map(|measured| Figures::of(&measured))
}

/// The last step before the first that fails.
fn knee(steps: &[Step]) -> Option<u64> {
    let base = steps.first()?.figures.latency.p99_us;
    let holds = |step: &&Step| {
        step.figures.errors.is_empty() && step.figures.latency.p99_us <= base * KNEE_FACTOR
    };
    steps
        .iter()
        .take_while(holds)
        .last()
        .map(|step| step.calls_per_second)
}

fn report(json: Saturate, conditions: Vec<String>) -> Report<Saturate> {
    let mut table = load_table();
    for step in &json.steps {
        let name = format!("{:.2}x = {} calls/s", step.share, step.calls_per_second);
        row(&mut table, name, &step.figures);
    }
    let knee = json.knee_calls_per_second;
    let knee = knee.map_or_else(|| "not found".to_owned(), |knee| format!("{knee} calls/s"));
    let shed: u64 = json.steps.iter().map(|step| step.shed).sum();
    let mut notes = conditions;
    notes.push(format!(
        "knee: {knee}; shed with RESOURCE_EXHAUSTED: {shed} calls in all"
    ));
    notes.push(
        "a step that is not valid is not the server's alone: the generator was late itself"
            .to_owned(),
    );
    Report {
        name: "saturate",
        title: format!(
            "bidgate up to four times what it can do ({:.0} calls/s)",
            json.saturation_calls_per_second
        ),
        table,
        notes,
        plots: vec![plot(&json.steps)],
        json,
    }
}

fn plot(steps: &[Step]) -> Plot {
    let curve = |name: &str, y: fn(&Figures) -> f64| {
        let points = steps
            .iter()
            .map(|step| (real(step.calls_per_second), y(&step.figures)));
        Curve::new(name, points.collect())
    };
    let last = steps.last().map_or(1, |step| step.calls_per_second);
    let curves = vec![
        curve("p50", |figures| figures.latency.p50_us),
        curve("p99", |figures| figures.latency.p99_us),
        curve("max", |figures| figures.latency.max_us),
    ];
    let lows = steps.iter().map(|step| step.figures.latency.p50_us);
    let highs = steps.iter().map(|step| step.figures.latency.max_us);
    Plot {
        title: "Latency of answered calls by offered rate".to_owned(),
        x: Axis::linear("calls per second", real(last)),
        y: Axis::decades(
            "latency",
            lows.fold(f64::MAX, f64::min),
            highs.fold(1.0, f64::max),
            told_micros,
        ),
        curves,
    }
}

/// Of what a closed loop finds.
const STEPS: [f64; 11] = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 4.0];
/// A queue that is ten times as long as at rest does not drain any more.
const KNEE_FACTOR: f64 = 10.0;
/// In all: what is needed to keep a server busy.
const CLOSED_IN_FLIGHT: usize = 128;
