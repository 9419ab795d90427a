//! `bidgate replay`: a file of pairs, one JSON object a line.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::error::CliError;
use super::judge::{Judge, PolicyArgs};
use super::pairs::{LineProblem, Pair, Pairs};
use super::tally::Tally;
use super::terminal::Palette;
use super::{Outcome, complain, input};
use crate::reply_json::{ReplyJson, ReplyReader};

/// Shown below the help of this command.
pub const EXAMPLES: &str = "\
The policy's timeout_ms and holdback do not apply: neither how busy this machine is nor chance says anything about a bid.
Each line is {\"name\", \"request\", \"response\", optional \"agent_id\", \"tool\"}; a response that is null or left out is a no-bid.
Exit code: 0 every line was judged, 2 some line was unusable.

Examples:
  bidgate replay auctions.ndjson
  zcat auctions.ndjson.gz | bidgate replay - --json > verdicts.ndjson";

/// What `bidgate replay` is told.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Pairs, one JSON object a line; `-` reads standard input
    file: PathBuf,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Print one reply a line as proto JSON, with the name of its pair
    #[arg(long)]
    json: bool,
}

/// Judges every line of a file.
///
/// # Errors
/// When the file cannot be read, or standard output not written. A line that is no pair is told, counted and passed over.
pub fn run(args: &ReplayArgs) -> Result<Outcome, CliError> {
    let mut replay = Replay {
        judge: Judge::new(args.policy.load()?)?,
        tally: Tally::new()?,
        unusable: 0,
    };
    let report = if args.json {
        Report::Json(ReplyReader::new().map_err(CliError::Contract)?)
    } else {
        Report::Counts
    };
    let (source, size) = input::open(&args.file)?;
    let progress = progress_bar(size);
    replay.file(source, args, &report, &progress)?;
    progress.finish_and_clear();
    if matches!(report, Report::Counts) {
        replay.print_counts().map_err(CliError::Write)?;
    }
    Ok(if replay.unusable == 0 {
        Outcome::Yes
    } else {
        Outcome::CouldNotJudge
    })
}

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 16;

/// Shown on standard error, and only when that is a terminal.
fn progress_bar(size: Option<u64>) -> ProgressBar {
    let template = match size {
        Some(_) => "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
        None => "{spinner} {bytes}  {bytes_per_sec}",
    };
    let bar = ProgressBar::new(size.unwrap_or_default());
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// What standard output gets.
enum Report {
    /// Counts, at the end.
    Counts,
    /// One reply a line.
    Json(ReplyReader),
}

struct Replay {
    judge: Judge,
    tally: Tally,
    unusable: u64,
}

impl Replay {
    fn file(
        &mut self,
        source: impl Read,
        args: &ReplayArgs,
        report: &Report,
        progress: &ProgressBar,
    ) -> Result<(), CliError> {
        let mut pairs = Pairs::new(BufReader::with_capacity(
            READ_BYTES,
            progress.wrap_read(source),
        ));
        let mut out = BufWriter::new(io::stdout().lock());
        while let Some(pair) = pairs
            .next()
            .map_err(|cause| input::unreadable(&args.file, cause))?
        {
            match pair {
                Ok(pair) => self.pair(&pair, report, &mut out)?,
                Err(problem) => self.pass_over(&args.file, pairs.line(), &problem, progress),
            }
        }
        out.flush().map_err(CliError::Write)
    }

    fn pair(
        &mut self,
        pair: &Pair<'_>,
        report: &Report,
        out: &mut impl Write,
    ) -> Result<(), CliError> {
        let judged = self.judge.judge(&pair.call());
        match report {
            Report::Counts => self.tally.count(&judged.reply()?, judged.total_ns),
            Report::Json(reader) => {
                let named = Named {
                    name: pair.name(),
                    reply: reader.read(judged.encoded).map_err(CliError::Reply)?,
                };
                serde_json::to_writer(&mut *out, &named).map_err(CliError::Json)?;
                out.write_all(b"\n").map_err(CliError::Write)?;
            }
        }
        Ok(())
    }

    fn pass_over(&mut self, file: &Path, line: u64, problem: &LineProblem, progress: &ProgressBar) {
        self.unusable += 1;
        progress.suspend(|| complain(format_args!("{}:{line}: {problem}", input::name(file))));
    }

    fn print_counts(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let palette = Palette::of(&out);
        self.tally.print(&mut out, palette)?;
        if self.unusable > 0 {
            let lines = if self.unusable == 1 { "line" } else { "lines" };
            writeln!(out, "\n{} unusable {lines} passed over", self.unusable)?;
        }
        Ok(())
    }
}

/// One reply of `--json`: the pair's name, then all fields of the reply.
#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(flatten)]
    reply: ReplyJson,
}
