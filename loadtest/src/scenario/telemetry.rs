//! What telemetry adds to the latency of calls (spec: performance, P7).

use std::num::NonZero;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::overhead::ratio;
use super::{Conditions, Contender, TrafficArgs, duration, load_table, open, open_in_flight, row};
use super::{progress, saturation, share_of_rate};
use crate::admin;
use crate::client::{Load, Method, Pace};
use crate::cores::Cores;
use crate::error::Error;
use crate::figures::Figures;
use crate::messages::Messages;
use crate::plot::{Curve, Plot};
use crate::report::{Report, ReportArgs, Table, told};
use crate::servers::{Bidgate, Collector, ServerArgs};

/// How to compare.
#[derive(Args, Clone, Debug)]
pub(crate) struct TelemetryArgs {
    #[command(flatten)]
    traffic: TrafficArgs,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    report: ReportArgs,
    /// Connections to the server
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Calls per second [default: half of what a sidecar answers in a closed loop]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: Option<u64>,
    /// How often each sidecar is loaded, in turns with the others
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Of one round
    #[arg(long, default_value = "2s", value_parser = duration)]
    duration: Duration,
    /// Of each round, before it counts
    #[arg(long, default_value = "300ms", value_parser = duration)]
    warm_up: Duration,
}

/// For `--json`. Ratios are medians of the rounds' ratios, each by that of the sidecar without telemetry.
#[derive(Debug, Serialize)]
struct Telemetry {
    scenario: &'static str,
    /// P7: the collector answers at once.
    p99_ratio_healthy: Option<f64>,
    /// P7: nobody listens where the collector should be.
    p99_ratio_dead: Option<f64>,
    /// P7: the collector answers late.
    p99_ratio_slow: Option<f64>,
    cpu_ratio_healthy: Option<f64>,
    cpu_ratio_dead: Option<f64>,
    cpu_ratio_slow: Option<f64>,
    /// False if a generator could not keep its schedule, a call failed, a verdict was not the expected one, or
    /// telemetry did not do what its name says.
    valid: bool,
    conditions: Conditions,
    calls_per_second: u64,
    sidecars: Vec<Rounds>,
}

#[derive(Debug, Serialize)]
struct Rounds {
    name: &'static str,
    delivered: u64,
    dropped: u64,
    rounds: Vec<Figures>,
}

/// Runs the scenario.
pub(crate) fn run(args: &TelemetryArgs) -> Result<(), Error> {
    let binary = args.servers.binary()?;
    let cores = args.servers.cores()?;
    let messages = args.traffic.messages();
    let collectors = [Collector::start(Duration::ZERO)?, Collector::start(SLOW)?];
    let [healthy, slow] = &collectors;
    let dead = Collector::dead()?;
    let start = |flags: &[String]| Bidgate::start(&binary, &args.servers, cores.as_ref(), flags);
    let mut sidecars = [
        Sidecar::new("telemetry off", start(&[])?)?,
        Sidecar::new("healthy collector", start(&healthy.flags())?)?,
        Sidecar::new("dead collector", start(&dead.flags())?)?,
        Sidecar::new("slow collector", start(&slow.flags())?)?,
    ];
    let rate = args.measure(&mut sidecars, &messages)?;
    let report = args.report(&sidecars, rate, &messages, cores.as_ref())?;
    drop(sidecars);
    report.publish(&args.report)
}

/// A bidgate, and what it was seen to do.
#[derive(Debug)]
struct Sidecar {
    bidgate: Bidgate,
    contender: Contender,
}

impl Sidecar {
    fn new(name: &'static str, bidgate: Bidgate) -> Result<Self, Error> {
        let contender = Contender::new(name, bidgate.over_tcp(Method::Evaluate)?);
        Ok(Self { bidgate, contender })
    }

    /// The sum of a counter over its labels.
    fn counted(&self, family: &str) -> Result<u64, Error> {
        let page = admin::get(self.bidgate.admin, "/metrics");
        let page = page.map_err(Error::system("read /metrics"))?;
        Ok(sum_of(&page.body, family))
    }

    fn rounds(&self) -> Result<Rounds, Error> {
        Ok(Rounds {
            name: self.contender.name,
            delivered: self.counted("bidgate_telemetry_events_delivered_total")?,
            dropped: self.counted("bidgate_telemetry_events_dropped_total")?,
            rounds: self.contender.figures(),
        })
    }
}

/// The sum of the samples of a counter on a page of metrics.
fn sum_of(page: &str, family: &str) -> u64 {
    let samples = page.lines().filter_map(|line| line.strip_prefix(family));
    let samples = samples.filter(|sample| sample.starts_with([' ', '{']));
    samples
        .filter_map(|sample| sample.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

impl TelemetryArgs {
    /// Loads the sidecars in turns, and returns the rate.
    fn measure(&self, sidecars: &mut [Sidecar; 4], messages: &Messages) -> Result<u64, Error> {
        let [off, ..] = sidecars;
        let rate = match self.rate.and_then(NonZero::new) {
            Some(rate) => rate,
            None => share_of_rate(self.saturation(off, messages)?, LOAD_SHARE),
        };
        let bar = progress(u64::from(self.rounds) * 4);
        for _ in 0..self.rounds {
            for Sidecar { contender, .. } in &mut *sidecars {
                bar.set_message(contender.name);
                contender.round(&self.load(open(rate)), messages)?;
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(rate.get())
    }

    /// Calls per second in a closed loop.
    fn saturation(&self, sidecar: &Sidecar, messages: &Messages) -> Result<f64, Error> {
        let closed = Load {
            in_flight: CLOSED_IN_FLIGHT,
            ..self.load(Pace::Closed)
        };
        saturation(&sidecar.contender.endpoint, &closed, messages)
    }

    fn load(&self, pace: Pace) -> Load {
        let connections = self.connections.into();
        Load {
            pace,
            connections,
            in_flight: open_in_flight(connections),
            warm_up: self.warm_up,
            duration: self.duration,
        }
    }

    fn report(
        &self,
        sidecars: &[Sidecar; 4],
        rate: u64,
        messages: &Messages,
        cores: Option<&Cores>,
    ) -> Result<Report<Telemetry>, Error> {
        let connections = self.connections.into();
        let counts = (connections, open_in_flight(connections));
        let conditions = Conditions::new(self.traffic, &self.servers, cores, counts);
        let json = json(sidecars, conditions, rate)?;
        let curves = sidecars.iter().filter_map(|Sidecar { contender, .. }| {
            let tally = contender.together()?.tally;
            Some(Curve::percentiles(contender.name, &tally.latency))
        });
        let mut notes = conditions.told(messages);
        notes.push(format!(
            "{} rounds of each, in turns; the slow collector answers after {SLOW:?}",
            self.rounds
        ));
        Ok(Report {
            name: "telemetry",
            title: format!("bidgate at {rate} calls/s, with telemetry and without"),
            table: table(sidecars, &json),
            notes,
            plots: vec![Plot::percentiles("Latency", curves.collect())],
            json,
        })
    }
}

fn json(sidecars: &[Sidecar; 4], conditions: Conditions, rate: u64) -> Result<Telemetry, Error> {
    let [off, healthy, dead, slow] = sidecars;
    let p99 = |sidecar: &Sidecar| {
        let p99 = |figures: &Figures| Some(figures.latency.p99_us);
        ratio(&sidecar.contender, &off.contender, p99)
    };
    let cpu = |sidecar: &Sidecar| {
        let cpu = |figures: &Figures| figures.server_cpu_us_per_reply;
        ratio(&sidecar.contender, &off.contender, cpu)
    };
    let rounds = sidecars.iter().map(Sidecar::rounds);
    let rounds: Vec<_> = rounds.collect::<Result<_, _>>()?;
    Ok(Telemetry {
        scenario: "telemetry",
        p99_ratio_healthy: p99(healthy),
        p99_ratio_dead: p99(dead),
        p99_ratio_slow: p99(slow),
        cpu_ratio_healthy: cpu(healthy),
        cpu_ratio_dead: cpu(dead),
        cpu_ratio_slow: cpu(slow),
        valid: is_valid(&rounds),
        conditions,
        calls_per_second: rate,
        sidecars: rounds,
    })
}

fn is_valid(sidecars: &[Rounds]) -> bool {
    let [off, healthy, dead, slow] = sidecars else {
        return false;
    };
    let as_named = off.delivered == 0 && healthy.delivered > 0 && dead.delivered == 0;
    let lossy = dead.dropped > 0 && slow.dropped > healthy.dropped;
    let mut rounds = sidecars.iter().flat_map(|sidecar| &sidecar.rounds);
    as_named && lossy && rounds.all(Figures::is_sound)
}

fn table(sidecars: &[Sidecar; 4], json: &Telemetry) -> Table {
    let mut table = load_table();
    for Sidecar { contender, .. } in sidecars {
        if let Some(together) = contender.together() {
            row(&mut table, contender.name, &Figures::of(&together));
        }
    }
    for (name, ratio) in [
        ("P7 p99_ratio_healthy", json.p99_ratio_healthy),
        ("P7 p99_ratio_dead", json.p99_ratio_dead),
        ("P7 p99_ratio_slow", json.p99_ratio_slow),
        ("   cpu_ratio_healthy", json.cpu_ratio_healthy),
    ] {
        table.row([name.to_owned(), told(ratio, 3)]);
    }
    for rounds in &json.sidecars {
        let Rounds {
            name,
            delivered,
            dropped,
            ..
        } = rounds;
        table.row([format!(
            "   {name}: {delivered} delivered, {dropped} dropped"
        )]);
    }
    table
}

const LOAD_SHARE: f64 = 0.5;
/// On each connection: what is needed to keep a server busy.
const CLOSED_IN_FLIGHT: usize = 16;
/// What the slow collector waits before it answers: a link across an ocean on a bad day.
const SLOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_summed_over_its_labels() {
        let page = "# TYPE a_total counter\na_total{r=\"x y\"} 3\na_total{r=\"z\"} 4\na_total_more 9\nb 1\n";
        assert_eq!(sum_of(page, "a_total"), 7);
        assert_eq!(sum_of(page, "b"), 1);
    }
}
