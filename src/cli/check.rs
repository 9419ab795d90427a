//! `bidgate check`: one pair of payloads from two files.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::input::{self, Place};
use super::judge::{Judge, PolicyArgs};
use super::reply_json::ReplyReader;
use super::terminal::{Palette, Tone};
use super::{Outcome, verdict_table};
use crate::evaluate::Call;
use crate::proto::{EvaluateResponse, EvaluationError, Verdict};
use crate::verdict::Payload;
use crate::wire::{self, WireError};

/// Shown below the help of this command.
pub const EXAMPLES: &str = "\
The policy's timeout_ms does not apply: how busy this machine is says nothing about a bid.
Exit code: 0 passed, 1 failed, 2 could not judge.

Examples:
  bidgate check request.json response.json
  bidgate check request.json - --elapsed-us 42000 < response.json";

/// What `bidgate check` is told.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// OpenRTB bid request, JSON; `-` reads standard input
    request: PathBuf,
    /// OpenRTB bid response, JSON; `-` reads standard input; left out or empty is a no-bid
    response: Option<PathBuf>,
    /// Who produced the bid
    #[arg(long, value_name = "ID", default_value = "check", value_parser = agent_id)]
    agent_id: String,
    /// The integration or exchange the bid goes to
    #[arg(long, value_name = "NAME", default_value = "", value_parser = tool)]
    tool: String,
    /// Time already spent on the auction, in microseconds
    #[arg(long, value_name = "US")]
    elapsed_us: Option<u64>,
    /// When the bid request reached the bidder, in microseconds since the Unix epoch
    #[arg(long, value_name = "US")]
    started_at_unix_us: Option<u64>,
    /// The exchange's time limit in milliseconds; overrides the bid request's tmax
    #[arg(long, value_name = "MS")]
    tmax_ms: Option<u32>,
    /// The bidder's own latency in milliseconds
    #[arg(long, value_name = "MS")]
    latency_ms: Option<f64>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Print the reply as proto JSON
    #[arg(long)]
    json: bool,
}

/// Refuses what the RPC would refuse (spec: contract §1).
fn agent_id(value: &str) -> Result<String, WireError> {
    wire::check_agent_id(value).map(|()| value.to_owned())
}

/// Refuses what the RPC would refuse (spec: contract §1).
fn tool(value: &str) -> Result<String, WireError> {
    wire::check_tool(value).map(|()| value.to_owned())
}

/// Judges one pair and prints the verdict.
///
/// # Errors
/// When a file cannot be read, or standard output not written.
pub fn run(args: &CheckArgs) -> Result<Outcome, CliError> {
    let pair = Pair::read(args)?;
    let mut judge = Judge::new(args.policy.load()?)?;
    let judged = judge.judge(&pair.call(args));
    let reply = judged.reply()?;
    let mut out = io::stdout().lock();
    if args.json {
        let json = ReplyReader::new()?.read(judged.encoded)?;
        serde_json::to_writer_pretty(&mut out, &json).map_err(CliError::Json)?;
        writeln!(out).map_err(CliError::Write)?;
    } else {
        let palette = Palette::of(&out);
        verdict_table::print(&reply, judged.total_ns, &mut out, palette)
            .map_err(CliError::Write)?;
        pair.print_error(&reply, args, &mut out, palette)
            .map_err(CliError::Write)?;
    }
    Ok(outcome(&reply))
}

fn outcome(reply: &EvaluateResponse) -> Outcome {
    match (reply.verdict(), reply.passed) {
        (Verdict::Error | Verdict::Unspecified, _) => Outcome::CouldNotJudge,
        (_, true) => Outcome::Yes,
        (_, false) => Outcome::No,
    }
}

/// The payloads, as they are in their files.
struct Pair {
    request: Vec<u8>,
    response: Vec<u8>,
}

impl Pair {
    fn read(args: &CheckArgs) -> Result<Self, CliError> {
        let response = args.response.as_deref();
        if input::is_stdin(&args.request) && response.is_some_and(input::is_stdin) {
            return Err(CliError::StdinTwice);
        }
        let request = input::read(&args.request)?;
        let response = response.map(input::read).transpose()?.unwrap_or_default();
        Ok(Self { request, response })
    }

    fn call<'a>(&'a self, args: &'a CheckArgs) -> Call<'a> {
        Call {
            agent_id: &args.agent_id,
            tool: &args.tool,
            bid_request: &self.request,
            bid_response: &self.response,
            started_at_unix_us: args.started_at_unix_us,
            elapsed_us: args.elapsed_us,
            tmax_ms: args.tmax_ms,
            latency_ms: args.latency_ms,
            ..Call::default()
        }
    }

    /// Says what could not be judged, and shows the place in the caller's own file.
    fn print_error(
        &self,
        reply: &EvaluateResponse,
        args: &CheckArgs,
        out: &mut impl Write,
        palette: Palette,
    ) -> io::Result<()> {
        let Some(error) = &reply.error else {
            return Ok(());
        };
        writeln!(
            out,
            "\n{}: {}",
            palette.paint(Tone::Heading, &error.code),
            error.message
        )?;
        match self.at_fault(error, args) {
            Some((path, bytes)) => print_place(path, bytes, error, out, palette),
            None => Ok(()),
        }
    }

    fn at_fault<'a>(
        &'a self,
        error: &EvaluationError,
        args: &'a CheckArgs,
    ) -> Option<(&'a Path, &'a [u8])> {
        if error.payload == Payload::BidRequest.name() {
            Some((&args.request, &self.request))
        } else if error.payload == Payload::BidResponse.name() {
            args.response
                .as_deref()
                .map(|path| (path, self.response.as_slice()))
        } else {
            None
        }
    }
}

fn print_place(
    path: &Path,
    bytes: &[u8],
    error: &EvaluationError,
    out: &mut impl Write,
    palette: Palette,
) -> io::Result<()> {
    let place = Place::find(
        bytes,
        usize::try_from(error.byte_offset).unwrap_or(usize::MAX),
    );
    let name = input::name(path);
    writeln!(
        out,
        "  --> {name}:{}:{} (byte {})",
        place.line, place.column, error.byte_offset
    )?;
    writeln!(out, "   | {}", place.excerpt)?;
    writeln!(
        out,
        "   | {}{}",
        " ".repeat(place.caret),
        palette.paint(Tone::Bad, "^")
    )
}
