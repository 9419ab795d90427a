//! `bidgate replay`: a file of pairs, one JSON object a line.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::check::{self, OutOfRange};
use super::error::CliError;
use super::judge::{Judge, PolicyArgs};
use super::reply_json::{ReplyJson, ReplyReader};
use super::tally::Tally;
use super::terminal::Palette;
use super::{Outcome, complain, input};
use crate::evaluate::Call;

/// Shown below the help of this command.
pub const EXAMPLES: &str = "\
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

/// Who produced a bid when the line does not say.
const AGENT_ID: &str = "replay";

/// Bytes of a line. Pairs are some kilobytes, block lists and all; a longer line is no pair but another format.
const LINE_BYTES_MAX: u64 = 64 << 20;

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
        Report::Json(ReplyReader::new()?)
    } else {
        Report::Counts
    };
    let (source, size) = input::open(&args.file)?;
    let progress = progress_bar(size);
    replay.lines(
        BufReader::with_capacity(1 << 16, progress.wrap_read(source)),
        args,
        &report,
        &progress,
    )?;
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
    fn lines(
        &mut self,
        source: impl Read,
        args: &ReplayArgs,
        report: &Report,
        progress: &ProgressBar,
    ) -> Result<(), CliError> {
        let mut lines = Lines {
            source: BufReader::new(source),
            bytes: Vec::new(),
            number: 0,
        };
        let mut out = io::BufWriter::new(io::stdout().lock());
        while let Some(line) = lines
            .next()
            .map_err(|cause| input::unreadable(&args.file, cause))?
        {
            match line {
                Ok([]) => {}
                Ok(bytes) => match Pair::read(bytes) {
                    Ok(pair) => self.pair(&pair, report, &mut out)?,
                    Err(problem) => self.pass_over(&args.file, lines.number, &problem, progress),
                },
                Err(problem) => self.pass_over(&args.file, lines.number, &problem, progress),
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
                    name: &pair.name,
                    reply: reader.read(judged.encoded)?,
                };
                serde_json::to_writer(&mut *out, &named).map_err(CliError::Json)?;
                out.write_all(b"\n").map_err(CliError::Write)?;
            }
        }
        Ok(())
    }

    fn pass_over(
        &mut self,
        file: &Path,
        number: u64,
        problem: &LineProblem,
        progress: &ProgressBar,
    ) {
        self.unusable += 1;
        progress.suspend(|| complain(format_args!("{}:{number}: {problem}", input::name(file))));
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

/// One line of the file. The payloads stay as they are written: what a parser would make of them is not what is judged.
#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    request: &'a RawValue,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    agent_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool: Option<Cow<'a, str>>,
}

impl<'a> Pair<'a> {
    fn read(line: &'a [u8]) -> Result<Self, LineProblem> {
        let pair: Self = serde_json::from_slice(line).map_err(LineProblem::Json)?;
        check::agent_id(pair.agent_id()).map_err(LineProblem::Field)?;
        check::tool(pair.tool()).map_err(LineProblem::Field)?;
        Ok(pair)
    }

    fn agent_id(&self) -> &str {
        self.agent_id.as_deref().unwrap_or(AGENT_ID)
    }

    fn tool(&self) -> &str {
        self.tool.as_deref().unwrap_or_default()
    }

    fn call(&self) -> Call<'_> {
        Call {
            agent_id: self.agent_id(),
            tool: self.tool(),
            bid_request: self.request.get().as_bytes(),
            bid_response: self
                .response
                .map_or(b"", |response| response.get().as_bytes()),
            ..Call::default()
        }
    }
}

/// Why a line is no pair.
#[derive(Debug)]
enum LineProblem {
    TooLong,
    Json(serde_json::Error),
    Field(OutOfRange),
}

impl std::fmt::Display for LineProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {LINE_BYTES_MAX} bytes"),
            Self::Json(cause) => write!(f, "{cause}"),
            Self::Field(range) => write!(f, "{range}"),
        }
    }
}

/// The lines of a file, one in memory at a time.
struct Lines<R> {
    source: BufReader<R>,
    bytes: Vec<u8>,
    /// Of the line read last, from 1.
    number: u64,
}

impl<R: Read> Lines<R> {
    /// The next line without its end and surrounding blanks; none at the end of the file.
    fn next(&mut self) -> io::Result<Option<Result<&[u8], LineProblem>>> {
        self.bytes.clear();
        let read = self
            .source
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut self.bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if !self.bytes.ends_with(b"\n") && self.source.skip_until(b'\n')? > 0 {
            return Ok(Some(Err(LineProblem::TooLong)));
        }
        Ok(Some(Ok(self.bytes.trim_ascii())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_taken_byte_for_byte() {
        let line = br#"{"name":"n","response":"{\"not\": unwrapped}","request":{ "id" : 1.0e0,"im\u0070":[] }}"#;
        let pair = Pair::read(line).unwrap();
        assert_eq!(
            pair.call().bid_request,
            br#"{ "id" : 1.0e0,"im\u0070":[] }"#
        );
        assert_eq!(pair.call().bid_response, br#""{\"not\": unwrapped}""#);
        assert_eq!((pair.call().agent_id, pair.call().tool), ("replay", ""));
    }

    #[test]
    fn a_response_that_is_null_or_missing_is_a_no_bid() {
        for line in [
            r#"{"name":"n","request":{},"response":null}"#,
            r#"{"name":"n","request":{}}"#,
        ] {
            assert_eq!(
                Pair::read(line.as_bytes()).unwrap().call().bid_response,
                b""
            );
        }
    }

    #[test]
    fn a_line_that_the_rpc_would_refuse_is_unusable() {
        let problem = Pair::read(br#"{"name":"n","request":{},"agent_id":""}"#)
            .err()
            .unwrap();
        assert_eq!(problem.to_string(), "agent_id must have 1 to 200 bytes");
    }

    #[test]
    fn lines_are_numbered_and_the_last_needs_no_end() {
        let mut lines = Lines {
            source: BufReader::new(&b"a\r\n\nb"[..]),
            bytes: Vec::new(),
            number: 0,
        };
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push(line.unwrap().to_vec());
        }
        assert_eq!(
            (seen, lines.number),
            (vec![b"a".to_vec(), b"".to_vec(), b"b".to_vec()], 3)
        );
    }
}
