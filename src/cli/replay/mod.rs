//! `bidgate replay`: recorded traffic, one pair a line, by one policy or by two.

mod against;
mod changes;
mod counts;
mod difference;
mod lanes;
mod lines;
mod pairs;
mod source;
mod traffic;
mod zstd;

use std::io::{self, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::Outcome;
use super::error::CliError;
use super::judge::{OfflinePolicy, PolicyArgs};
use super::tally::Tally;
use super::terminal::Palette;
use against::{Comparing, Side};
use changes::Changes;
use counts::{Counting, Printing};
use traffic::{Traffic, Unjudged};

/// Shown below the help of this command.
pub const EXAMPLES: &str = "\
Each line is an object with name, request and response; a response that is null or left out is a no-bid. Optional are
agent_id and tool, which select overrides, and elapsed_us, tmax_ms and latency_ms. A recorded started_at_unix_us is passed
over: how long ago that is says nothing about the auction. The file may be compressed with gzip or zstd, whatever its name.

The policy's timeout_ms and holdback do not apply: neither how busy this machine is nor chance says anything about a bid.
With --against every auction is judged by the policy in force, which is --policy or the default, and by the one to try. Told
are the auctions whose verdict changes, those that keep it with other bids rejected or for other reasons, and what gates of
the policy to try that only warn would reject. --json then prints one object for each auction of these three, with name,
line, change (verdict, bids or warnings), before and after, and a last line with nothing but the summary.

Exit code: 0 every line was judged, and with --against the same bids may go out; 1 with --against, something changes;
2 something could not be judged or read.

Examples:
  bidgate replay auctions.ndjson.zst
  bidgate replay - --json --jobs 2 < auctions.ndjson > verdicts.ndjson
  bidgate replay auctions.ndjson.gz --policy policy.yaml --against stricter.yaml";

/// What `bidgate replay` is told.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Pairs, one JSON object a line: plain, gzip or zstd; `-` reads standard input
    file: PathBuf,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Policy to try, or whole configuration file, in YAML: tell what it changes
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// With --against, examples of each way in which auctions change
    #[arg(long, value_name = "N", default_value_t = 3, requires = "against")]
    examples: u16,
    /// Print one object a line: each reply as proto JSON with the name of its pair, or with --against each change
    #[arg(long)]
    json: bool,
    /// Threads that judge, 1 for latencies that no other disturbs [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroU16>,
}

/// Judges every line of a file.
///
/// # Errors
/// When the file cannot be opened, a policy is wrong, or standard output cannot be written. A line that is no pair is
/// told, counted and passed over.
pub fn run(args: &ReplayArgs) -> Result<Outcome, CliError> {
    match &args.against {
        Some(against) => args.compare(against),
        None if args.json => args.print(),
        None => args.count(),
    }
}

impl ReplayArgs {
    fn count(&self) -> Result<Outcome, CliError> {
        let policy = OfflinePolicy::from(self.policy.load()?);
        let mut lanes = self.lanes(|| Counting::new(&policy))?;
        let unjudged = Traffic::open(&self.file)?.replay(&mut lanes)?;
        let mut tally = Tally::new()?;
        for lane in &lanes {
            tally.merge(&lane.tally);
        }
        print(unjudged, |out, palette| tally.print(out, palette))?;
        Ok(unjudged.outcome(Outcome::Yes))
    }

    fn print(&self) -> Result<Outcome, CliError> {
        let policy = OfflinePolicy::from(self.policy.load()?);
        let mut lanes = self.lanes(|| Printing::new(&policy))?;
        let unjudged = Traffic::open(&self.file)?.replay(&mut lanes)?;
        Ok(unjudged.outcome(Outcome::Yes))
    }

    fn compare(&self, against: &Path) -> Result<Outcome, CliError> {
        let before = Side::open(self.policy.file()).map_err(CliError::Policy)?;
        let after = Side::open(Some(against)).map_err(CliError::Policy)?;
        let mut changes = Changes::new(self.examples.into());
        let mut lanes =
            self.lanes(|| Comparing::new(&before, &after, self.json, changes.clone()))?;
        let unjudged = Traffic::open(&self.file)?.replay(&mut lanes)?;
        for lane in lanes {
            changes.merge(lane.changes);
        }
        if self.json {
            let summary = Summary {
                policy_before: before.version(),
                policy_after: after.version(),
                changes: changes.to_json(),
                unusable_lines: unjudged.lines,
                read_to_end: !unjudged.is_cut,
            };
            summary.print()?;
        } else {
            print(unjudged, |out, palette| changes.print(out, palette))?;
        }
        Ok(unjudged.outcome(if changes.changed() == 0 {
            Outcome::Yes
        } else {
            Outcome::No
        }))
    }

    /// As many as there are threads to judge.
    fn lanes<L>(&self, lane: impl FnMut() -> Result<L, CliError>) -> Result<Vec<L>, CliError> {
        let jobs = self.jobs.map(|jobs| usize::from(jobs.get()));
        let jobs = jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        std::iter::repeat_with(lane).take(jobs).collect()
    }
}

impl Unjudged {
    /// `judged` when there is nothing that could not be judged.
    const fn outcome(self, judged: Outcome) -> Outcome {
        if self.lines == 0 && !self.is_cut {
            judged
        } else {
            Outcome::CouldNotJudge
        }
    }

    fn print(self, out: &mut impl Write) -> io::Result<()> {
        if self.lines > 0 {
            let lines = if self.lines == 1 { "line" } else { "lines" };
            writeln!(out, "\n{} unusable {lines} passed over", self.lines)?;
        }
        if self.is_cut {
            writeln!(out, "\nthe file could not be read to its end")?;
        }
        Ok(())
    }
}

fn print(
    unjudged: Unjudged,
    counts: impl FnOnce(&mut io::StdoutLock<'static>, Palette) -> io::Result<()>,
) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let palette = Palette::of(&out);
    counts(&mut out, palette)
        .and_then(|()| unjudged.print(&mut out))
        .map_err(CliError::Write)
}

/// The last line of `--against` with `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    policy_before: &'a str,
    policy_after: &'a str,
    #[serde(flatten)]
    changes: Value,
    unusable_lines: u64,
    read_to_end: bool,
}

impl Summary<'_> {
    fn print(&self) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", json!({ "summary": self })).map_err(CliError::Write)
    }
}
