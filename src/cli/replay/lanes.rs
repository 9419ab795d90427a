//! All cores on one file: a thread that reads, lanes that judge, and the caller, who gets results in file order.
//!
//! Batches are dealt to the lanes in turn and collected in the same turn, so order needs no sorting; every queue has a
//! limit, so memory does not grow with the file.

use std::io::{self, BufRead};
use std::panic;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::lines::{Batch, Lines};
use super::pairs::{LineProblem, Pair};
use crate::cli::CliError;

/// Batches that wait before a lane, and behind it: one is at hand when the lane is done with another.
const QUEUED: usize = 2;

/// Judges pairs, on a thread of its own.
pub(super) trait Lane: Send {
    /// Judges the pair on a line. What is to be printed of it goes behind `out`.
    ///
    /// # Errors
    /// When engine and contract disagree: that ends the replay.
    fn pair(&mut self, line: u64, pair: &Pair<'_>, out: &mut Vec<u8>) -> Result<(), CliError>;
}

/// What a lane made of a batch.
#[derive(Default)]
pub(super) struct Done {
    /// To be printed.
    pub(super) out: Vec<u8>,
    /// Lines that are no pairs.
    pub(super) unusable: Vec<(u64, LineProblem)>,
}

/// Reads all of `lines`, has them judged by `lanes`, and delivers what these made of them in the order of the file.
/// When the file cannot be read on, everything before that is delivered, then the inner error returned.
///
/// # Errors
/// The first of a lane or of `deliver`, which ends the replay.
pub(super) fn run<L: Lane, R: BufRead + Send>(
    lines: &mut Lines<R>,
    lanes: &mut [L],
    deliver: impl FnMut(Done) -> Result<(), CliError>,
) -> Result<io::Result<()>, CliError> {
    thread::scope(|scope| {
        let mut inboxes = Vec::new();
        let mut outboxes = Vec::new();
        for lane in lanes {
            let (inbox, batches) = sync_channel(QUEUED);
            let (results, outbox) = sync_channel(QUEUED);
            scope.spawn(move || work(lane, &batches, &results));
            inboxes.push(inbox);
            outboxes.push(outbox);
        }
        let reader = scope.spawn(move || deal(lines, &inboxes));
        let delivered = collect(&outboxes, deliver);
        // Whether or not all is delivered: lanes that nobody asks end, and with them the reader.
        drop(outboxes);
        delivered?;
        Ok(reader
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic)))
    })
}

/// Deals batches to the lanes in turn, until the file ends or nobody takes them.
fn deal<R: BufRead>(lines: &mut Lines<R>, inboxes: &[SyncSender<Batch>]) -> io::Result<()> {
    for inbox in inboxes.iter().cycle() {
        let mut batch = Batch::default();
        let read = lines.fill(&mut batch);
        let is_taken = batch.is_empty() || inbox.send(batch).is_ok();
        if !is_taken || !read? {
            break;
        }
    }
    Ok(())
}

/// Judges one batch after another, until there are no more, nobody asks for the results, or something is amiss.
fn work<L: Lane>(
    lane: &mut L,
    batches: &Receiver<Batch>,
    results: &SyncSender<Result<Done, CliError>>,
) {
    for batch in batches {
        let done = judge(lane, &batch);
        let is_last = done.is_err();
        if results.send(done).is_err() || is_last {
            break;
        }
    }
}

fn judge<L: Lane>(lane: &mut L, batch: &Batch) -> Result<Done, CliError> {
    let mut done = Done::default();
    for (number, line) in batch.lines() {
        match line.map_or(Err(LineProblem::TooLong), Pair::read) {
            Ok(pair) => lane.pair(number, &pair, &mut done.out)?,
            Err(problem) => done.unusable.push((number, problem)),
        }
    }
    Ok(done)
}

/// Collects results in the turn in which batches were dealt: the first lane without one has got no batch, nor has any
/// behind it.
fn collect(
    outboxes: &[Receiver<Result<Done, CliError>>],
    mut deliver: impl FnMut(Done) -> Result<(), CliError>,
) -> Result<(), CliError> {
    for outbox in outboxes.iter().cycle() {
        let Ok(done) = outbox.recv() else { break };
        deliver(done?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Judges nothing and says on which line each pair stands.
    struct Numbering;

    impl Lane for Numbering {
        fn pair(&mut self, line: u64, _: &Pair<'_>, out: &mut Vec<u8>) -> Result<(), CliError> {
            out.extend_from_slice(format!("{line}\n").as_bytes());
            Ok(())
        }
    }

    struct Refusing;

    impl Lane for Refusing {
        fn pair(&mut self, _: u64, _: &Pair<'_>, _: &mut Vec<u8>) -> Result<(), CliError> {
            Err(CliError::StdinTwice)
        }
    }

    const LINE: &str = "{\"name\":\"n\",\"request\":{}}\n";

    #[test]
    fn results_come_in_the_order_of_the_file_by_any_number_of_lanes() {
        let text = LINE.repeat(20_000);
        for count in [1, 2, 7] {
            let mut lanes: Vec<_> = std::iter::repeat_with(|| Numbering).take(count).collect();
            let mut told = Vec::new();
            let deliver = |done: Done| {
                told.extend(done.out);
                Ok(())
            };
            let read = run(&mut Lines::new(text.as_bytes()), &mut lanes, deliver);
            read.unwrap().unwrap();
            let expected: String = (1..=20_000).map(|line| format!("{line}\n")).collect();
            assert_eq!(String::from_utf8(told).unwrap(), expected);
        }
    }

    #[test]
    fn a_file_without_end_ends_with_those_who_take_its_results() {
        let endless = || Lines::new(BufReader::new(io::repeat(b'\n')));
        let gone = || CliError::Write(io::ErrorKind::BrokenPipe.into());
        let ended = run(&mut endless(), &mut [Numbering, Numbering], |_| Err(gone()));
        assert!(ended.is_err_and(|error| error.is_broken_pipe()));
    }

    #[test]
    fn an_error_of_a_lane_ends_the_replay() {
        let text = LINE.repeat(20_000);
        let mut lines = Lines::new(text.as_bytes());
        let ended = run(&mut lines, &mut [Refusing, Refusing], |_| Ok(()));
        assert!(ended.is_err());
    }
}
