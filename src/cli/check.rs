//! `bidgate check`: one pair of payloads from two files.

use std::io::{self, Write as _};

use clap::Args;

use super::call_args::CallArgs;
use super::error::CliError;
use super::judge::{Judge, PolicyArgs};
use super::terminal::Palette;
use super::{Outcome, verdict_table};
use crate::evaluate::Call;
use crate::proto::{EvaluateResponse, Verdict};
use crate::reply_json::ReplyReader;

/// Shown below the help of this command.
pub const EXAMPLES: &str = "\
The policy's timeout_ms and holdback do not apply: neither how busy this machine is nor chance says anything about a bid.
Exit code: 0 passed, 1 failed, 2 could not judge.

Examples:
  bidgate check request.json response.json
  bidgate check request.json - --elapsed-us 42000 < response.json
  bidgate check request.json response.json --filtered > filtered.json";

/// What `bidgate check` is told.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    call: CallArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Print the reply as proto JSON
    #[arg(long)]
    json: bool,
    /// Print what may go to the exchange, byte for byte, and nothing else: the bid response without its rejected bids,
    /// or a no-bid; with --json, in base64 within the reply. Every gate has its word, also behind one that fails
    #[arg(long)]
    filtered: bool,
}

/// Judges one pair and prints the verdict.
///
/// # Errors
/// When a file cannot be read, or standard output not written.
pub fn run(args: &CheckArgs) -> Result<Outcome, CliError> {
    let payloads = args.call.read()?;
    let mut judge = Judge::new(args.policy.load()?)?;
    let call = Call {
        want_filtered_response: args.filtered,
        ..args.call.call(&payloads)
    };
    let judged = judge.judge(&call);
    let reply = judged.reply()?;
    let mut out = io::stdout().lock();
    if args.json {
        let reader = ReplyReader::new().map_err(CliError::Contract)?;
        let json = reader.read(judged.encoded).map_err(CliError::Reply)?;
        serde_json::to_writer_pretty(&mut out, &json).map_err(CliError::Json)?;
        writeln!(out).map_err(CliError::Write)?;
    } else if args.filtered {
        out.write_all(&reply.filtered_response)
            .map_err(CliError::Write)?;
        let mut err = io::stderr().lock();
        let palette = Palette::of(&err);
        args.call
            .print_error(&payloads, &reply, &mut err, palette)
            .map_err(CliError::Write)?;
    } else {
        let palette = Palette::of(&out);
        verdict_table::print(&reply, judged.total_ns, &mut out, palette)
            .map_err(CliError::Write)?;
        args.call
            .print_error(&payloads, &reply, &mut out, palette)
            .map_err(CliError::Write)?;
    }
    Ok(outcome(&reply))
}

/// Passed, failed, or could not judge.
pub(super) fn outcome(reply: &EvaluateResponse) -> Outcome {
    match (reply.verdict(), reply.passed) {
        (Verdict::Error | Verdict::Unspecified, _) => Outcome::CouldNotJudge,
        (_, true) => Outcome::Yes,
        (_, false) => Outcome::No,
    }
}
