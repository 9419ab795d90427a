//! `bidgate audit`: whether an audit log is as it was written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Outcome;
use super::error::{CliError, Named};
use super::policy::print_json;
use crate::audit::{Digest, Ending, Head, Scan, scan_file};
use crate::document::visible;

/// Shown below the help.
pub const EXAMPLES: &str = "Examples:
  bidgate audit verify audit.ndjson
  bidgate audit verify audit.ndjson.1 audit.ndjson --partial";

/// Shown below the help of `verify`.
const VERIFY_EXAMPLES: &str = "\
Exit code: 0 intact, 1 broken, 2 a file cannot be read.

A chain that was cut at its end, or written anew as a whole, is intact by itself. A head that was kept elsewhere finds
that: from /health/info, or from the lines `audit` of the log.

Examples:
  bidgate audit verify audit.ndjson
  bidgate audit verify audit.ndjson.1 audit.ndjson --partial";

/// What to do with an audit log.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Find the first line that was removed, altered or moved
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
}

/// What `bidgate audit verify` is told.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The files of one chain, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take a chain that does not begin with seq 1: rotation has removed what stood before
    #[arg(long)]
    partial: bool,
    /// A line that must be there: its seq and its SHA-256; may be repeated
    #[arg(long, value_name = "SEQ:SHA256", value_parser = head)]
    expect: Vec<Head>,
    /// Print the outcome as one JSON object
    #[arg(long)]
    json: bool,
}

fn head(text: &str) -> Result<Head, String> {
    let wrong = || "must be a seq and a SHA-256, such as 12:9f86d0..".to_owned();
    let (seq, sha256) = text.split_once(':').ok_or_else(wrong)?;
    Ok(Head {
        seq: seq.parse().map_err(|_no_number| wrong())?,
        sha256: sha256.parse()?,
    })
}

/// Runs the command. Answers go to `out`.
///
/// # Errors
/// When a file cannot be read, or `out` not be written.
pub fn run(command: &AuditCommand, out: &mut impl Write) -> Result<Outcome, CliError> {
    let AuditCommand::Verify(args) = command;
    let report = verify(args)?;
    let outcome = match report.problem {
        None => Outcome::Yes,
        Some(_) => Outcome::No,
    };
    if args.json {
        print_json(&report, out)?;
    } else {
        print(&report, out)?;
    }
    Ok(outcome)
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    intact: bool,
    lines: u64,
    /// Writes that broke off and are recorded.
    torn: u64,
    first: Option<End>,
    last: Option<End>,
    /// Of the last line that follows.
    sha256: Option<Digest>,
    /// What that line tells.
    last_event: Option<String>,
    problem: Option<Problem>,
}

#[derive(Debug, Serialize)]
struct End {
    seq: u64,
    at: String,
}

#[derive(Debug, Serialize)]
struct Problem {
    /// None where it is with the chain as a whole.
    file: Option<String>,
    /// Counted from 1.
    line: Option<u64>,
    /// Where that line begins, counted from 0.
    byte: Option<u64>,
    problem: String,
}

fn verify(args: &VerifyArgs) -> Result<Report, CliError> {
    let mut report = Report::default();
    let mut missing = args.expect.clone();
    let mut before = None;
    for file in in_order(&args.files)? {
        let scan = read(&file, before, &mut |head| {
            missing.retain(|one| *one != head);
        })?;
        report.add(&scan);
        before = (report.lines > 0).then_some(scan.head);
        report.problem = problem(&file, &scan);
        if report.problem.is_some() {
            return Ok(report);
        }
    }
    let begins = report.first.as_ref().map_or(1, |first| first.seq);
    report.problem = if begins > 1 && !args.partial {
        Some(Problem::of_the_chain(format!(
            "begins with seq {begins}: name the files before it too, or say --partial if rotation has removed them"
        )))
    } else {
        missing.first().map(|head| {
            let Head { seq, sha256 } = head;
            Problem::of_the_chain(format!(
                "has no line {seq} of SHA-256 {sha256}: it was cut before that line, or written anew"
            ))
        })
    };
    report.intact = report.problem.is_none();
    Ok(report)
}

/// The files by the numbers of their first lines. One without lines comes last.
fn in_order(files: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut numbered = Vec::with_capacity(files.len());
    for file in files {
        let first = read(file, None, &mut |_| {})?.first;
        numbered.push((first.map_or(u64::MAX, |(seq, _)| seq), file.clone()));
    }
    numbered.sort_by_key(|(seq, _)| *seq);
    Ok(numbered.into_iter().map(|(_, file)| file).collect())
}

fn read(file: &Path, before: Option<Head>, each: &mut dyn FnMut(Head)) -> Result<Scan, CliError> {
    scan_file(file, before, each)
        .map_err(|error| CliError::Read(Named::boxed(file.display().to_string(), error)))
}

fn problem(file: &Path, scan: &Scan) -> Option<Problem> {
    let (place, problem) = match scan.end {
        Ending::Whole => return None,
        Ending::Broken(found) => (Some(found.place), found.fault.to_string()),
        Ending::Torn { place, .. } => (
            Some(place),
            "is no line: a write broke off, which the next start records, or it was altered"
                .to_owned(),
        ),
        Ending::Unterminated => (
            None,
            "ends without a line feed: a write broke off, which the next start mends, or it was cut"
                .to_owned(),
        ),
    };
    Some(Problem {
        file: Some(file.display().to_string()),
        line: place.map(|place| place.line),
        byte: place.map(|place| place.byte),
        problem,
    })
}

impl Problem {
    const fn of_the_chain(problem: String) -> Self {
        Self {
            file: None,
            line: None,
            byte: None,
            problem,
        }
    }
}

impl Report {
    fn add(&mut self, scan: &Scan) {
        self.lines += scan.lines;
        self.torn += scan.torn;
        if self.first.is_none() {
            let first = scan.first.clone();
            self.first = first.map(|(seq, at)| End { seq, at });
        }
        if let Some((at, event)) = scan.last.clone() {
            let Head { seq, sha256 } = scan.head;
            self.last = Some(End { seq, at });
            self.sha256 = Some(sha256);
            self.last_event = Some(event);
        }
    }
}

fn print(report: &Report, out: &mut impl Write) -> Result<(), CliError> {
    let written = match &report.problem {
        None => print_intact(report, out),
        Some(problem) => print_problem(problem, out),
    };
    written.map_err(CliError::Write)
}

fn print_intact(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let (Some(first), Some(last)) = (&report.first, &report.last) else {
        return writeln!(out, "intact: no lines");
    };
    let lines = report.lines;
    writeln!(
        out,
        "intact: {lines} lines, seq {} to {}",
        first.seq, last.seq
    )?;
    writeln!(out, "from {} to {}", visible(&first.at), visible(&last.at))?;
    if report.torn > 0 {
        writeln!(
            out,
            "{} torn by a write that broke off, and recorded",
            report.torn
        )?;
    }
    let event = report.last_event.as_deref().unwrap_or_default();
    writeln!(out, "last event: {}", visible(event))?;
    let sha256 = report.sha256.unwrap_or_default();
    writeln!(out, "head: {}:{sha256}", last.seq)
}

fn print_problem(problem: &Problem, out: &mut impl Write) -> io::Result<()> {
    let file = problem.file.as_deref().unwrap_or("the chain");
    write!(out, "broken: {}", visible(file))?;
    if let (Some(line), Some(byte)) = (problem.line, problem.byte) {
        write!(out, ":{line} (byte {byte})")?;
    }
    writeln!(out, " {}", problem.problem)
}
