//! A long run at half of what bidgate can do (spec: performance, P6 P8).

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::run::errors_told;
use super::{Conditions, TrafficArgs, duration, load_table, open, open_in_flight, progress, row};
use super::{saturation, share_of_rate};
use crate::admin;
use crate::client::{self, Load, Measured, Method, Pace};
use crate::error::Error;
use crate::figures::{Figures, mebibytes, real};
use crate::messages::Messages;
use crate::plot::{Axis, Curve, Plot};
use crate::report::{Report, ReportArgs, Table, told};
use crate::servers::{Bidgate, Collector, ServerArgs};

/// How long, and how wide.
#[derive(Args, Clone, Debug)]
pub(crate) struct SoakArgs {
    #[command(flatten)]
    traffic: TrafficArgs,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    report: ReportArgs,
    /// Connections to the server
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Of the part that counts
    #[arg(long, default_value = "10m", value_parser = duration)]
    duration: Duration,
    /// Before that; memory is compared with that at its end
    #[arg(long, default_value = "5s", value_parser = duration)]
    warm_up: Duration,
    /// Call over the Unix socket
    #[arg(long)]
    unix: bool,
    /// Ten seconds, on a machine that may have other things to do
    #[arg(long, conflicts_with = "duration")]
    short: bool,
}

/// For `--json`.
#[derive(Debug, Serialize)]
struct Soak {
    scenario: &'static str,
    /// P6: of the calls that were due, those that took longer than 15 ms or were never answered.
    share_above_15_ms: f64,
    /// Of the calls, those that the generator itself sent more than 15 ms late: what of the above is not the server's.
    share_sent_15_ms_late: f64,
    /// P8: the most that was ever resident, MiB.
    peak_resident_mib: f64,
    /// P8: from the first second to the last, MiB.
    growth_mib: f64,
    scrapes: usize,
    failed_scrapes: usize,
    valid: bool,
    conditions: Conditions,
    calls_per_second: u64,
    figures: Figures,
    resident_mib: Vec<f64>,
}

/// Runs the scenario.
pub(crate) fn run(args: &SoakArgs) -> Result<(), Error> {
    let binary = args.servers.binary()?;
    let cores = args.servers.cores()?;
    let messages = args.traffic.messages();
    let collector = Collector::start(Duration::ZERO)?;
    let mut flags = collector.flags();
    if args.short {
        // Or a machine with other things to do makes verdicts of timeouts.
        flags.extend(["--policy-timeout-ms", "10000"].map(str::to_owned));
    }
    let bidgate = Bidgate::start(&binary, &args.servers, cores.as_ref(), &flags)?;
    let rate = share_of_rate(args.saturation(&bidgate, &messages)?, LOAD_SHARE);
    let mut watch = Watch::default();
    let measured = args.soak(&bidgate, &messages, &args.load(open(rate)), &mut watch)?;
    let peak = bidgate.process.memory()?.peak;
    drop(bidgate);
    let counts = (
        args.connections.into(),
        open_in_flight(args.connections.into()),
    );
    let conditions = Conditions::new(args.traffic, &args.servers, cores.as_ref(), counts);
    let json = watch.json(&measured, conditions, rate.get(), peak);
    let complaint = json.complaint();
    report(json, &measured, conditions.told(&messages)).publish(&args.report)?;
    complaint.map_or(Ok(()), |complaint| Err(Error::Soak(complaint)))
}

impl Soak {
    /// What a run of any length on any machine must not show.
    fn complaint(&self) -> Option<String> {
        let errors = &self.figures.errors;
        if !errors.is_empty() {
            return Some(format!("calls failed: {errors:?}"));
        }
        if self.failed_scrapes > 0 {
            return Some(format!("{} scrapes failed", self.failed_scrapes));
        }
        if self.growth_mib > GROWTH_MIB_MAX {
            return Some(format!("memory grew by {:.1} MiB", self.growth_mib));
        }
        None
    }
}

impl SoakArgs {
    /// Calls per second in a closed loop.
    fn saturation(&self, bidgate: &Bidgate, messages: &Messages) -> Result<f64, Error> {
        let load = Load {
            in_flight: CLOSED_IN_FLIGHT.div_ceil(self.connections.into()),
            duration: SATURATION_DURATION,
            warm_up: SATURATION_WARM_UP,
            ..self.load(Pace::Closed)
        };
        saturation(&self.endpoint(bidgate)?, &load, messages)
    }

    fn soak(
        &self,
        bidgate: &Bidgate,
        messages: &Messages,
        load: &Load,
        watch: &mut Watch,
    ) -> Result<Measured, Error> {
        let bar = progress(load.duration.as_secs());
        bar.set_message("soak");
        let endpoint = self.endpoint(bidgate)?;
        let measured = client::run(&endpoint, load, messages, &mut |_elapsed| {
            watch.look(bidgate);
            bar.inc(1);
        });
        bar.finish_and_clear();
        measured
    }

    fn endpoint(&self, bidgate: &Bidgate) -> Result<client::Endpoint, Error> {
        if self.unix {
            bidgate.over_unix(Method::Evaluate)
        } else {
            bidgate.over_tcp(Method::Evaluate)
        }
    }

    fn load(&self, pace: Pace) -> Load {
        Load {
            pace,
            connections: self.connections.into(),
            in_flight: open_in_flight(self.connections.into()),
            warm_up: self.warm_up,
            duration: if self.short { SHORT } else { self.duration },
        }
    }
}

/// What was seen of the server, second by second.
#[derive(Clone, Debug, Default)]
struct Watch {
    resident_mib: Vec<f64>,
    failed_scrapes: usize,
}

impl Watch {
    fn look(&mut self, bidgate: &Bidgate) {
        let scraped = admin::get(bidgate.admin, "/metrics");
        let scraped = scraped.is_ok_and(|page| page.status == 200 && !page.body.is_empty());
        self.failed_scrapes += usize::from(!scraped);
        if let Ok(memory) = bidgate.process.memory() {
            self.resident_mib.push(mebibytes(memory.resident));
        }
    }

    fn json(self, measured: &Measured, conditions: Conditions, rate: u64, peak: u64) -> Soak {
        let figures = Figures::of(measured);
        let tally = &measured.tally;
        let share = |count: u64, of: u64| real(count) / real(of.max(1));
        let first = self.resident_mib.first().copied().unwrap_or_default();
        let last = self.resident_mib.last().copied().unwrap_or_default();
        Soak {
            scenario: "soak",
            share_above_15_ms: share(tally.latency.count_above(SLOW_NS), tally.latency.count()),
            share_sent_15_ms_late: share(tally.lag.count_above(SLOW_NS), tally.lag.count()),
            peak_resident_mib: mebibytes(peak),
            growth_mib: last - first,
            scrapes: self.resident_mib.len(),
            failed_scrapes: self.failed_scrapes,
            valid: figures.is_sound() && self.failed_scrapes == 0,
            conditions,
            calls_per_second: rate,
            figures,
            resident_mib: self.resident_mib,
        }
    }
}

fn report(json: Soak, measured: &Measured, conditions: Vec<String>) -> Report<Soak> {
    let mut table = load_table();
    row(&mut table, "Evaluate", &json.figures);
    let mut notes = vec![summary(&json)];
    notes.extend(conditions);
    notes.extend(errors_told(&json.figures));
    let curves = vec![
        Curve::percentiles("call", &measured.tally.latency),
        Curve::percentiles("of that, the generator's own lateness", &measured.tally.lag),
    ];
    Report {
        name: "soak",
        title: format!(
            "bidgate at {} calls/s, half of what it can do",
            json.calls_per_second
        ),
        table,
        notes,
        plots: vec![Plot::percentiles("Latency", curves), memory_plot(&json)],
        json,
    }
}

fn summary(json: &Soak) -> String {
    let mut table = Table::new(["what", "figure"]);
    for (name, figure, digits) in [
        ("P6 share above 15 ms", json.share_above_15_ms, 8),
        (
            "   sent 15 ms late by the generator",
            json.share_sent_15_ms_late,
            8,
        ),
        ("P8 peak resident, MiB", json.peak_resident_mib, 1),
        ("P8 growth, MiB", json.growth_mib, 2),
    ] {
        table.row([name.to_owned(), told(figure, digits)]);
    }
    table.to_string()
}

fn memory_plot(json: &Soak) -> Plot {
    let seconds = (1..).map(real);
    let points: Vec<_> = seconds.zip(json.resident_mib.iter().copied()).collect();
    let last = points.last().map_or(1.0, |point| point.0);
    Plot {
        title: "Resident memory".to_owned(),
        x: Axis::linear("second", last),
        y: Axis::linear("MiB", json.peak_resident_mib * 1.3),
        curves: vec![Curve::new("resident", points)],
    }
}

/// From the first second after warm-up. An allocator that settles takes a few; a leak of a byte a call takes more in an hour.
const GROWTH_MIB_MAX: f64 = 8.0;
const SHORT: Duration = Duration::from_secs(10);
/// P6: longer than this, and an exchange has moved on.
const SLOW_NS: u64 = 15_000_000;
const LOAD_SHARE: f64 = 0.5;
/// In all: what is needed to keep a server busy.
const CLOSED_IN_FLIGHT: usize = 128;
const SATURATION_DURATION: Duration = Duration::from_secs(3);
const SATURATION_WARM_UP: Duration = Duration::from_secs(1);
