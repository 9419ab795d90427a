//! Instructions of one evaluation, counted by callgrind: a regression shows here on a machine too noisy for a clock.
//! See `benches/README.md`.
//!
//! The bench starts itself under valgrind, twice for each shape with different numbers of rounds. The difference is
//! rounds and nothing else, whatever the compiler inlines. Valgrind shows every machine the same CPU, and the clock
//! goes by looks, so the count depends on the sources and the compiler alone.

#[expect(dead_code, reason = "a part of what the benches share")]
mod measure;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};

use measure::{AUCTIONS, Judge, SEED, SteadyClock};
use serde::{Deserialize, Serialize};
use traffic::Shape;

/// Rounds over all auctions of a shape in the shorter and in the longer run.
const ROUNDS: [usize; 2] = [2, 4];
/// A count this much above the recorded one fails.
const GROWTH_MAX: f64 = 0.03;
/// Run by hand after an intended change, and committed with it.
const RECORD: &str = "cargo bench --bench instructions -- --record";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [mode, shape, rounds] = arguments.as_slice()
        && mode == "--rounds"
    {
        run(shape, rounds.parse()?);
        return Ok(ExitCode::SUCCESS);
    }
    if !measure::is_for_real() {
        for shape in Shape::ALL {
            run(shape.name(), 1);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/record/instructions.json");
    let counted = Record::count()?;
    if arguments.iter().any(|argument| argument == "--record") {
        std::fs::write(path, serde_json::to_string_pretty(&counted)? + "\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let recorded: Record = serde_json::from_slice(&std::fs::read(path)?)?;
    Ok(counted.compare(&recorded))
}

/// What is counted: evaluations to encoded reply, every auction of the shape in each round.
fn run(shape: &str, rounds: usize) {
    let mut judge = Judge::new();
    for shape in Shape::ALL.into_iter().filter(|it| it.name() == shape) {
        let pairs = traffic::pairs(shape, SEED, AUCTIONS);
        judge.assert_right(&pairs);
        for pair in std::iter::repeat_n(&pairs, rounds).flatten() {
            black_box(judge.reply(&measure::call(pair), &SteadyClock::default()));
        }
    }
}

/// Instructions per evaluation, and what they depend on besides the sources.
#[derive(Deserialize, Serialize)]
struct Record {
    rustc: String,
    valgrind: String,
    typical: u64,
    multi: u64,
    large: u64,
}

impl Record {
    fn count() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            rustc: version(&std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()))?,
            valgrind: version("valgrind")?,
            typical: per_evaluation(Shape::Typical)?,
            multi: per_evaluation(Shape::Multi)?,
            large: per_evaluation(Shape::Large)?,
        })
    }

    /// Fails when an evaluation costs more than recorded.
    fn compare(&self, recorded: &Self) -> ExitCode {
        let pairs = [
            ("typical", self.typical, recorded.typical),
            ("multi", self.multi, recorded.multi),
            ("large", self.large, recorded.large),
        ];
        let growths = pairs.map(|(shape, counted, recorded)| {
            let growth = growth(counted, recorded);
            measure::print(&format!(
                "{shape}: {counted} instructions per evaluation, recorded {recorded}, {:+.1} %",
                growth * 100.0
            ));
            growth
        });
        if self.rustc != recorded.rustc {
            measure::print(&format!(
                "not compared: the record is of {}, this is {}; record the commit before the change with `{RECORD}`",
                recorded.rustc, self.rustc
            ));
            return ExitCode::SUCCESS;
        }
        if growths.iter().all(|&growth| growth <= GROWTH_MAX) {
            return ExitCode::SUCCESS;
        }
        measure::print(&format!(
            "more than {:.0} % above the record; if it is meant, run `{RECORD}` and commit the file",
            GROWTH_MAX * 100.0
        ));
        ExitCode::FAILURE
    }
}

fn per_evaluation(shape: Shape) -> Result<u64, Box<dyn Error>> {
    let [short, long] = ROUNDS;
    let counted = instructions(shape, long)? - instructions(shape, short)?;
    let evaluations = (long - short) * AUCTIONS;
    Ok(counted / evaluations as u64)
}

/// Instructions of a whole run.
fn instructions(shape: Shape, rounds: usize) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--rounds", shape.name(), &rounds.to_string()])
        .output()
        .map_err(|error| format!("cannot start valgrind: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report
        .lines()
        .filter_map(|line| line.split_once("Collected : "))
        .find_map(|(_, count)| count.trim().parse().ok());
    match collected {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!("valgrind did not count:\n{report}").into()),
    }
}

fn version(program: &str) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn growth(counted: u64, recorded: u64) -> f64 {
    counted as f64 / recorded as f64 - 1.0
}
