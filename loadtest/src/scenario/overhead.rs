//! What bidgate costs on top of a server that does nothing (spec: performance, P3 P3u P4 P5).

use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use super::{Conditions, Contender, TrafficArgs, duration, load_table, open, open_in_flight, row};
use super::{progress, share_of_rate};
use crate::client::{Load, Method, Pace};
use crate::cores::Cores;
use crate::error::Error;
use crate::figures::{Figures, median};
use crate::messages::Messages;
use crate::noop::Flavour;
use crate::plot::{Curve, Plot};
use crate::report::{Report, ReportArgs, Table, told};
use crate::servers::{Bidgate, ServerArgs, Stock, stock_args};

/// How to compare.
#[derive(Args, Clone, Debug)]
pub(crate) struct OverheadArgs {
    #[command(flatten)]
    traffic: TrafficArgs,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    report: ReportArgs,
    /// The tokio runtime of the stock server
    #[arg(long, value_enum, default_value_t = Flavour::CurrentThread)]
    stock_runtime: Flavour,
    /// Connections to the server
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Calls in flight on each connection while CPU time is measured
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    in_flight: u16,
    /// How often each load is run, in turns with the others
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Of one round
    #[arg(long, default_value = "2s", value_parser = duration)]
    duration: Duration,
    /// Of each round, before it counts
    #[arg(long, default_value = "300ms", value_parser = duration)]
    warm_up: Duration,
}

/// For `--json`. Ratios are medians of the rounds' ratios.
#[derive(Debug, Serialize)]
struct Overhead {
    scenario: &'static str,
    /// P3: server CPU per unary `Evaluate`, by that of a stock server that does nothing.
    cpu_ratio: Option<f64>,
    /// P4: p99 of the same pair, open loop at half of what the stock server can do.
    p99_ratio: Option<f64>,
    /// P5: evaluations per CPU second, on a stream by unary, over TCP.
    stream_ratio: Option<f64>,
    /// P3u: server CPU per unary `Evaluate` over a Unix socket, by that of the stock server over TCP.
    uds_vs_tcp_empty_ratio: Option<f64>,
    /// P5 over a Unix socket.
    stream_ratio_unix: Option<f64>,
    /// P3 in the open loop of P4.
    cpu_ratio_open_loop: Option<f64>,
    /// P3u likewise.
    uds_vs_tcp_empty_ratio_open_loop: Option<f64>,
    /// False if a generator could not keep its schedule, a call failed or a verdict was not the expected one.
    valid: bool,
    conditions: Conditions,
    stock_runtime: &'static str,
    open_loop_calls_per_second: u64,
    closed_loop: Vec<Rounds>,
    open_loop: Vec<Rounds>,
}

#[derive(Debug, Serialize)]
struct Rounds {
    name: &'static str,
    rounds: Vec<Figures>,
}

/// Runs the scenario.
pub(crate) fn run(args: &OverheadArgs) -> Result<(), Error> {
    let binary = args.servers.binary()?;
    let cores = args.servers.cores()?;
    let messages = args.traffic.messages();
    let stock = Stock::start(
        stock_args(&args.servers, args.stock_runtime),
        cores.as_ref(),
    )?;
    let bidgate = Bidgate::start(&binary, &args.servers, cores.as_ref(), &[])?;
    let results = Results::measure(args, &messages, &stock, &bidgate)?;
    drop((stock, bidgate));
    results
        .report(args, &messages, cores.as_ref())
        .publish(&args.report)
}

/// The rounds of both kinds of load.
#[derive(Debug)]
struct Results {
    closed: [Contender; 5],
    open: [Contender; 3],
    open_loop_calls_per_second: u64,
}

impl Results {
    fn measure(
        args: &OverheadArgs,
        messages: &Messages,
        stock: &Stock,
        bidgate: &Bidgate,
    ) -> Result<Self, Error> {
        let tcp = bidgate.over_tcp(Method::Evaluate)?;
        let unix = bidgate.over_unix(Method::Evaluate)?;
        let mut closed = [
            Contender::new("stock no-op, TCP", stock.endpoint()?),
            Contender::new("Evaluate, TCP", tcp.clone()),
            Contender::new("Evaluate, Unix", unix.clone()),
            Contender::new(
                "EvaluateStream, TCP",
                bidgate.over_tcp(Method::EvaluateStream)?,
            ),
            Contender::new(
                "EvaluateStream, Unix",
                bidgate.over_unix(Method::EvaluateStream)?,
            ),
        ];
        let bar = progress(u64::from(args.rounds) * 8);
        in_turns(&mut closed, args, Pace::Closed, messages, &bar)?;
        let [noop, ..] = &closed;
        let saturation = median(noop.figures().iter().map(|round| round.replies_per_second));
        let rate = share_of_rate(saturation.unwrap_or_default(), OPEN_LOOP_SHARE);
        let mut paced = [
            Contender::new("stock no-op, TCP", stock.endpoint()?),
            Contender::new("Evaluate, TCP", tcp),
            Contender::new("Evaluate, Unix", unix),
        ];
        in_turns(&mut paced, args, open(rate), messages, &bar)?;
        bar.finish_and_clear();
        Ok(Self {
            closed,
            open: paced,
            open_loop_calls_per_second: rate.get(),
        })
    }

    fn report(
        &self,
        args: &OverheadArgs,
        messages: &Messages,
        cores: Option<&Cores>,
    ) -> Report<Overhead> {
        let counts = (args.connections.into(), args.in_flight.into());
        let conditions = Conditions::new(args.traffic, &args.servers, cores, counts);
        let json = self.json(args, conditions);
        let rate = self.open_loop_calls_per_second;
        let curves = self.open.iter().filter_map(|contender| {
            let tally = contender.together()?.tally;
            Some(Curve::percentiles(contender.name, &tally.latency))
        });
        let title =
            format!("Latency, open loop at {rate} calls/s (half of what the stock server can do)");
        let mut notes = conditions.told(messages);
        notes.push(format!(
            "stock server: tonic, {} runtime, system allocator; {} rounds of each load, in turns",
            args.stock_runtime.name(),
            args.rounds
        ));
        notes.push(
            "latencies of a closed loop are those of a full queue: compare the open loop's"
                .to_owned(),
        );
        Report {
            name: "overhead",
            title: "bidgate and a stock tonic server that does nothing".to_owned(),
            table: self.table(&json),
            notes,
            plots: vec![Plot::percentiles(title, curves.collect())],
            json,
        }
    }

    fn table(&self, json: &Overhead) -> Table {
        let mut table = load_table();
        for (pace, contenders) in [("closed", self.closed.as_slice()), ("open", &self.open)] {
            for contender in contenders {
                let name = format!("{pace} {}", contender.name);
                if let Some(together) = contender.together() {
                    row(&mut table, name, &Figures::of(&together));
                }
            }
        }
        for (name, ratio) in [
            ("P3  cpu_ratio", json.cpu_ratio),
            ("P3u uds_vs_tcp_empty_ratio", json.uds_vs_tcp_empty_ratio),
            (
                "P3u in the open loop",
                json.uds_vs_tcp_empty_ratio_open_loop,
            ),
            ("P4  p99_ratio", json.p99_ratio),
            ("P5  stream_ratio", json.stream_ratio),
        ] {
            table.row([name.to_owned(), told(ratio, 3)]);
        }
        table
    }

    fn json(&self, args: &OverheadArgs, conditions: Conditions) -> Overhead {
        let [noop, tcp, unix, stream_tcp, stream_unix] = &self.closed;
        let [open_noop, open_tcp, open_unix] = &self.open;
        let cpu = |figures: &Figures| figures.server_cpu_us_per_reply;
        Overhead {
            scenario: "overhead",
            cpu_ratio: ratio(tcp, noop, cpu),
            p99_ratio: ratio(open_tcp, open_noop, |figures| Some(figures.latency.p99_us)),
            // Evaluations per CPU second are the inverse of CPU time per evaluation.
            stream_ratio: ratio(tcp, stream_tcp, cpu),
            uds_vs_tcp_empty_ratio: ratio(unix, noop, cpu),
            stream_ratio_unix: ratio(unix, stream_unix, cpu),
            cpu_ratio_open_loop: ratio(open_tcp, open_noop, cpu),
            uds_vs_tcp_empty_ratio_open_loop: ratio(open_unix, open_noop, cpu),
            valid: self.closed.iter().chain(&self.open).all(is_valid),
            conditions,
            stock_runtime: args.stock_runtime.name(),
            open_loop_calls_per_second: self.open_loop_calls_per_second,
            closed_loop: self.closed.iter().map(rounds).collect(),
            open_loop: self.open.iter().map(rounds).collect(),
        }
    }
}

impl OverheadArgs {
    fn load(&self, pace: Pace) -> Load {
        let connections = self.connections.into();
        Load {
            pace,
            connections,
            in_flight: match pace {
                Pace::Closed => self.in_flight.into(),
                Pace::Open { .. } => open_in_flight(connections),
            },
            warm_up: self.warm_up,
            duration: self.duration,
        }
    }
}

/// A, B, C, A, B, C ...: whatever changes on the machine changes for all.
fn in_turns(
    contenders: &mut [Contender],
    args: &OverheadArgs,
    pace: Pace,
    messages: &Messages,
    bar: &ProgressBar,
) -> Result<(), Error> {
    for _ in 0..args.rounds {
        for contender in &mut *contenders {
            bar.set_message(contender.name);
            contender.round(&args.load(pace), messages)?;
            bar.inc(1);
        }
    }
    Ok(())
}

/// The median of the ratios of each round.
pub(super) fn ratio(
    above: &Contender,
    below: &Contender,
    figure: impl Fn(&Figures) -> Option<f64>,
) -> Option<f64> {
    let rounds = above.figures().into_iter().zip(below.figures());
    median(rounds.filter_map(|(above, below)| Some(figure(&above)? / figure(&below)?)))
}

fn is_valid(contender: &Contender) -> bool {
    let rounds = contender.figures();
    rounds.iter().all(Figures::is_sound)
}

fn rounds(contender: &Contender) -> Rounds {
    Rounds {
        name: contender.name,
        rounds: contender.figures(),
    }
}

/// P4: half of what the stock server can do.
const OPEN_LOOP_SHARE: f64 = 0.5;
