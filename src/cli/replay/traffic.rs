//! A file of recorded traffic on its way through the lanes: progress, results, and what could not be judged.

use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::lanes::{self, Done, Lane};
use super::lines::Lines;
use super::source::{READ_BYTES, Source};
use crate::cli::{CliError, complain, input};

/// The file, opened.
pub(super) struct Traffic {
    name: Box<str>,
    lines: Lines<BufReader<Source>>,
    /// Of the file as it is stored. Shown on standard error, and only when that is a terminal.
    progress: ProgressBar,
}

/// What of a file could not be judged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unjudged {
    /// Lines that are no pairs.
    pub(super) lines: u64,
    /// Whether there is more that could not be read.
    pub(super) is_cut: bool,
}

impl Traffic {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// When nothing of it can be read.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let (file, size) = input::open(path)?;
        let progress = progress_bar(size);
        let source = Source::new(Box::new(progress.wrap_read(file)))
            .map_err(|cause| input::unreadable(path, cause))?;
        Ok(Self {
            name: input::name(path),
            lines: Lines::new(BufReader::with_capacity(READ_BYTES, source)),
            progress,
        })
    }

    /// Has every line judged, and prints what the lanes say in the order of the file. A line that is no pair is told
    /// and passed over; a file that cannot be read to its end is told, and what stands before counts.
    ///
    /// # Errors
    /// When standard output cannot be written, or engine and contract disagree.
    pub(super) fn replay(&mut self, lanes: &mut [impl Lane]) -> Result<Unjudged, CliError> {
        let Self {
            name,
            lines,
            progress,
        } = self;
        let mut unjudged = Unjudged::default();
        let mut out = BufWriter::new(io::stdout().lock());
        let read = lanes::run(lines, lanes, |done: Done| {
            for (line, problem) in &done.unusable {
                progress.suspend(|| complain(format_args!("{name}:{line}: {problem}")));
                unjudged.lines += 1;
            }
            out.write_all(&done.out).map_err(CliError::Write)
        })?;
        out.flush().map_err(CliError::Write)?;
        progress.finish_and_clear();
        if let Err(cause) = read {
            self.tell_cut(&cause);
            unjudged.is_cut = true;
        }
        Ok(unjudged)
    }

    fn tell_cut(&self, cause: &io::Error) {
        let source = self.lines.source().get_ref();
        complain(format_args!(
            "{}:{}: byte {} of the file: {}; the lines before count",
            self.name,
            self.lines.next_number(),
            source.position(),
            source.problem(cause)
        ));
    }
}

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
