//! What can be measured, one file each.

pub(crate) mod faults;
pub(crate) mod overhead;
pub(crate) mod run;
pub(crate) mod saturate;
pub(crate) mod soak;
pub(crate) mod start;
pub(crate) mod telemetry;

use std::num::NonZero;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use traffic::Shape;

use crate::client::{self, Endpoint, Load, Measured, Pace};
use crate::cores::Cores;
use crate::error::Error;
use crate::figures::Figures;
use crate::messages::Messages;
use crate::report::{Table, told};
use crate::servers::ServerArgs;

/// What is sent.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct TrafficArgs {
    /// The generated auctions
    #[arg(long, value_parser = shapes(), default_value = "typical")]
    pub(crate) shape: Shape,
    /// Seed of the auctions: the same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl TrafficArgs {
    pub(crate) fn messages(self) -> Messages {
        Messages::generate(self.shape, self.seed)
    }
}

fn shapes() -> impl clap::builder::TypedValueParser<Value = Shape> {
    PossibleValuesParser::new(Shape::ALL.map(Shape::name)).map(|name| {
        let shape = Shape::ALL.into_iter().find(|shape| shape.name() == name);
        shape.unwrap_or(Shape::Typical)
    })
}

/// A number with its unit: `500ms`, `30s`, `10m`. At most a day.
fn duration(text: &str) -> Result<Duration, BadDuration> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or(BadDuration)?;
    let (number, unit) = text.split_at_checked(unit_at).ok_or(BadDuration)?;
    let number: u64 = number.parse().map_err(|_error| BadDuration)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(BadDuration),
    };
    let duration = Duration::from_millis(number.checked_mul(millis).ok_or(BadDuration)?);
    let allowed = Duration::from_millis(1)..=Duration::from_hours(24);
    allowed
        .contains(&duration)
        .then_some(duration)
        .ok_or(BadDuration)
}

/// A text that is no duration of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BadDuration;

impl std::fmt::Display for BadDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("write a duration up to a day as 500ms, 30s, 10m or 24h")
    }
}

impl std::error::Error for BadDuration {}

/// What the figures of a run hold for.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Conditions {
    /// Figures of a debug build say nothing.
    build: &'static str,
    shape: &'static str,
    seed: u64,
    connections: usize,
    in_flight_per_connection: usize,
    server_threads: u16,
    pinned: bool,
}

impl Conditions {
    fn new(
        traffic: TrafficArgs,
        servers: &ServerArgs,
        cores: Option<&Cores>,
        (connections, in_flight_per_connection): (usize, usize),
    ) -> Self {
        Self {
            build: BUILD,
            shape: traffic.shape.name(),
            seed: traffic.seed,
            connections,
            in_flight_per_connection,
            server_threads: servers.threads,
            pinned: cores.is_some(),
        }
    }

    fn told(&self, messages: &Messages) -> Vec<String> {
        let Self {
            build,
            shape,
            connections,
            in_flight_per_connection,
            server_threads,
            pinned,
            ..
        } = self;
        let pinned = if *pinned {
            "on cores of its own"
        } else {
            "not pinned"
        };
        let bytes = messages.mean_bytes();
        let loads = format!(
            "{build} build; {shape} auctions, {bytes} bytes a message; {connections} connections, up to \
             {in_flight_per_connection} in flight on each; {server_threads} server thread(s), {pinned}"
        );
        vec![loads, COLUMNS.to_owned()]
    }
}

const COLUMNS: &str = "server, generator: CPU time per reply; others: cores that other processes used, which latencies suffer from; \
    lag: the generator's own lateness; wrong: replies with another verdict than expected";
pub(crate) const BUILD: &str = if cfg!(debug_assertions) {
    "debug"
} else {
    "release"
};

/// A bar on standard error, if that is a terminal.
fn progress(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg} {bar:30} {pos}/{len} {eta:>5}");
    let bar = ProgressBar::new(steps);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// An endpoint under the same load, again and again.
#[derive(Debug)]
struct Contender {
    name: &'static str,
    endpoint: Endpoint,
    rounds: Vec<Measured>,
}

impl Contender {
    const fn new(name: &'static str, endpoint: Endpoint) -> Self {
        Self {
            name,
            endpoint,
            rounds: Vec::new(),
        }
    }

    fn round(&mut self, load: &Load, messages: &Messages) -> Result<(), Error> {
        let measured = client::run(&self.endpoint, load, messages, &mut |_| {})?;
        if measured.tally.answered == 0 {
            return Err(Error::NothingAnswered(self.name));
        }
        self.rounds.push(measured);
        Ok(())
    }

    fn figures(&self) -> Vec<Figures> {
        self.rounds.iter().map(Figures::of).collect()
    }

    /// All rounds as if they were one; none if there was no round.
    fn together(&self) -> Option<Measured> {
        let (first, others) = self.rounds.split_first()?;
        let mut together = first.clone();
        for other in others {
            together.merge(other);
        }
        Some(together)
    }
}

/// The heads of [`row`].
fn load_table() -> Table {
    Table::new([
        "load",
        "replies/s",
        "server us",
        "generator us",
        "others",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "max us",
        "lag p99 us",
        "wrong",
        "errors",
        "valid",
    ])
}

fn row(table: &mut Table, name: impl Into<String>, figures: &Figures) {
    let latency = &figures.latency;
    table.row([
        name.into(),
        told(figures.replies_per_second, 0),
        told(figures.server_cpu_us_per_reply, 2),
        told(figures.generator_cpu_us_per_reply, 2),
        told(figures.others_cpu_share, 2),
        told(latency.p50_us, 0),
        told(latency.p99_us, 0),
        told(latency.p999_us, 0),
        told(latency.max_us, 0),
        told(figures.generator_lag.p99_us, 1),
        figures.unexpected_verdicts.to_string(),
        figures.errors.values().sum::<u64>().to_string(),
        if figures.valid { "yes" } else { "NO" }.to_owned(),
    ]);
}

/// Calls per second that an endpoint answers in a closed loop.
fn saturation(endpoint: &Endpoint, load: &Load, messages: &Messages) -> Result<f64, Error> {
    let measured = client::run(endpoint, load, messages, &mut |_| {})?;
    Ok(Figures::of(&measured).replies_per_second)
}

/// The share of a rate, at least one call a second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive and far below 2^53; the cast saturates"
)]
fn share_of_rate(calls_per_second: f64, share: f64) -> NonZero<u64> {
    NonZero::new((calls_per_second * share) as u64).unwrap_or(NonZero::<u64>::MIN)
}

const fn open(calls_per_second: NonZero<u64>) -> Pace {
    Pace::Open { calls_per_second }
}

/// What bidgate holds at a time by default. Loads that are not about shedding stay below it.
const MAX_IN_FLIGHT: usize = 1024;

/// As many calls on each connection as the server holds, so that a stall does not stop the schedule.
fn open_in_flight(connections: usize) -> usize {
    (MAX_IN_FLIGHT / connections.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in [
            "",
            "10",
            "m",
            "1.5s",
            "0s",
            "25h",
            "99999999999999999999s",
            "1\u{b5}s",
        ] {
            assert_eq!(duration(text), Err(BadDuration), "{text:?}");
        }
    }

    #[test]
    fn a_share_of_a_rate_is_a_rate() {
        assert_eq!(share_of_rate(61_000.0, 0.5).get(), 30_500);
        assert_eq!(share_of_rate(0.3, 0.5).get(), 1);
    }
}
