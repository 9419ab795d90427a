//! What many auctions' differences have in common: counts by verdict and reason, and a few examples.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::difference::{Cause, Change, Difference, Effect, Kind};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{Palette, Tone, printable};
use crate::cli::verdict_table::{DETAIL_COLUMNS, ID_COLUMNS, verdict_word};
use crate::proto::Verdict;

/// Effects of one example that are shown.
const EFFECTS_SHOWN: usize = 3;

/// Characters of an auction's name that are shown.
const NAME_COLUMNS: usize = 40;

/// Counts and examples.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    examples_max: usize,
    /// Auctions by the verdicts before and after, the unchanged ones too.
    verdicts: BTreeMap<(Verdict, Verdict), u64>,
    /// Auctions with another verdict, other bids or reasons, only more warnings.
    verdict: u64,
    bids: u64,
    warnings: u64,
    causes: BTreeMap<Cause, Extent>,
    /// By change and first reason, in file order.
    examples: BTreeMap<(Change, Option<Cause>), Vec<Example>>,
}

/// How many are concerned.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    auctions: u64,
    bids: u64,
}

/// A changed auction.
#[derive(Clone, Debug)]
struct Example {
    line: u64,
    name: String,
    effects: Vec<Effect>,
}

impl Changes {
    /// Keeps up to `examples_max` examples for each way in which an auction changes.
    pub(super) fn new(examples_max: usize) -> Self {
        Self {
            examples_max,
            ..Self::default()
        }
    }

    /// Auctions of which another verdict, other bids or other reasons are told.
    pub(super) const fn changed(&self) -> u64 {
        self.verdict + self.bids
    }

    /// Counts an auction; without a difference its verdict is the same before and after.
    pub(super) fn count(
        &mut self,
        line: u64,
        name: &str,
        before: Verdict,
        difference: Option<Difference>,
    ) {
        let change = difference.as_ref().map(|difference| difference.change);
        let after = match change {
            Some(Change::Verdict(_, after)) => after,
            Some(Change::Bids | Change::Warnings) | None => before,
        };
        *self.verdicts.entry((before, after)).or_default() += 1;
        match change {
            Some(Change::Verdict(..)) => self.verdict += 1,
            Some(Change::Bids) => self.bids += 1,
            Some(Change::Warnings) => self.warnings += 1,
            None => {}
        }
        if let Some(difference) = difference {
            self.count_causes(&difference.effects);
            self.keep(line, name, difference);
        }
    }

    fn count_causes(&mut self, effects: &[Effect]) {
        let mut bids: BTreeMap<&Cause, u64> = BTreeMap::new();
        for effect in effects {
            *bids.entry(&effect.cause).or_default() += u64::from(effect.bid.is_some());
        }
        for (cause, bids) in bids {
            let extent = self.causes.entry(cause.clone()).or_default();
            extent.auctions += 1;
            extent.bids += bids;
        }
    }

    fn keep(&mut self, line: u64, name: &str, difference: Difference) {
        let first = difference.effects.first();
        let kind = (difference.change, first.map(|effect| effect.cause.clone()));
        let examples = self.examples.entry(kind).or_default();
        if examples.len() < self.examples_max {
            let mut effects = difference.effects;
            effects.truncate(EFFECTS_SHOWN);
            examples.push(Example {
                line,
                name: name.to_owned(),
                effects,
            });
        }
    }

    /// Takes over what `other` counted.
    pub(super) fn merge(&mut self, other: Self) {
        self.verdict += other.verdict;
        self.bids += other.bids;
        self.warnings += other.warnings;
        for (verdicts, count) in other.verdicts {
            *self.verdicts.entry(verdicts).or_default() += count;
        }
        for (cause, more) in other.causes {
            let extent = self.causes.entry(cause).or_default();
            extent.auctions += more.auctions;
            extent.bids += more.bids;
        }
        for (kind, more) in other.examples {
            let examples = self.examples.entry(kind).or_default();
            examples.extend(more);
            examples.sort_by_key(|example| example.line);
            examples.truncate(self.examples_max);
        }
    }

    /// Prints counts and examples.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(super) fn print(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        writeln!(
            out,
            "{} of {} auctions change: {} their verdict, {} only which bids are rejected or why",
            self.changed(),
            self.auctions(),
            self.verdict,
            self.bids
        )?;
        if self.warnings > 0 {
            writeln!(out, "{} more with warnings alone", self.warnings)?;
        }
        self.verdict_table().print_below(out, palette)?;
        self.cause_table().print_below(out, palette)?;
        self.example_table().print_below(out, palette)
    }

    /// The same counts, for programs.
    pub(super) fn to_json(&self) -> Value {
        let verdicts = self.verdicts.iter().map(|(&(before, after), auctions)| {
            json!({ "before": before.as_str_name(), "after": after.as_str_name(), "auctions": auctions })
        });
        let reasons = self.causes.iter().map(|(cause, extent)| {
            json!({
                "effect": cause.kind.name(), "gate": cause.gate, "reason": cause.reason,
                "auctions": extent.auctions, "bids": extent.bids,
            })
        });
        json!({
            "auctions": self.auctions(),
            "changedVerdict": self.verdict,
            "changedBids": self.bids,
            "onlyWarned": self.warnings,
            "verdicts": verdicts.collect::<Vec<_>>(),
            "reasons": reasons.collect::<Vec<_>>(),
        })
    }

    fn auctions(&self) -> u64 {
        self.verdicts.values().sum()
    }

    /// A row for each verdict before that an auction has, a column for each after.
    fn verdict_table(&self) -> Table<6> {
        let heading = [
            "BEFORE / AFTER",
            ">PASS",
            ">FAIL",
            ">NO BID",
            ">NOT EVALUATED",
            ">ERROR",
        ];
        let mut table = Table::new(heading);
        for before in VERDICTS {
            if !self.verdicts.keys().any(|(from, _)| *from == before) {
                continue;
            }
            let [pass, fail, no_bid, not_evaluated, error] =
                VERDICTS.map(|after| self.verdict_cell(before, after));
            let (tone, word) = verdict_word(before);
            let word = Cell::toned(tone, word);
            table.push([word, pass, fail, no_bid, not_evaluated, error]);
        }
        table
    }

    fn verdict_cell(&self, before: Verdict, after: Verdict) -> Cell {
        let count = self.verdicts.get(&(before, after)).copied();
        let tone = if before == after {
            Tone::Quiet
        } else {
            verdict_word(after).0
        };
        Cell::toned(tone, count.unwrap_or_default().to_string())
    }

    fn cause_table(&self) -> Table<5> {
        let mut table = Table::new(["EFFECT", "GATE", "REASON", ">AUCTIONS", ">BIDS"]);
        for (cause, extent) in &self.causes {
            table.push([
                cause.kind.cell(),
                printable(&cause.gate, ID_COLUMNS).into(),
                printable(&cause.reason, DETAIL_COLUMNS).into(),
                extent.auctions.to_string().into(),
                extent.bids.to_string().into(),
            ]);
        }
        table
    }

    fn example_table(&self) -> Table<8> {
        let heading = [
            "EXAMPLE", ">LINE", "NAME", "BID", "EFFECT", "GATE", "REASON", "DETAIL",
        ];
        let mut table = Table::new(heading);
        for ((change, _), examples) in &self.examples {
            for example in examples {
                for (position, effect) in example.effects.iter().enumerate() {
                    let auction = example.cells(*change, position == 0);
                    table.push(row(auction, effect));
                }
            }
        }
        table
    }
}

/// Verdicts in the order of the contract; one that is missing here would not be shown.
const VERDICTS: [Verdict; 5] = [
    Verdict::Pass,
    Verdict::Fail,
    Verdict::NoBid,
    Verdict::NotEvaluated,
    Verdict::Error,
];

impl Example {
    /// Which auction it is; told once, in the first of its rows.
    fn cells(&self, change: Change, is_first: bool) -> [Cell; 3] {
        if is_first {
            [
                change.words().into(),
                self.line.to_string().into(),
                printable(&self.name, NAME_COLUMNS).into(),
            ]
        } else {
            ["", "", ""].map(Cell::from)
        }
    }
}

fn row([change, line, name]: [Cell; 3], effect: &Effect) -> [Cell; 8] {
    let bid = effect.bid.map(|(seatbid, bid)| format!("{seatbid}/{bid}"));
    [
        change,
        line,
        name,
        bid.unwrap_or_default().into(),
        effect.cause.kind.cell(),
        printable(&effect.cause.gate, ID_COLUMNS).into(),
        printable(&effect.cause.reason, DETAIL_COLUMNS).into(),
        printable(&effect.detail, DETAIL_COLUMNS).into(),
    ]
}

impl Change {
    fn words(self) -> String {
        match self {
            Self::Verdict(before, after) => {
                format!("{} -> {}", verdict_word(before).1, verdict_word(after).1)
            }
            Self::Bids => "same verdict".to_owned(),
            Self::Warnings => "only warned".to_owned(),
        }
    }
}

impl Kind {
    /// As in `--json`.
    const fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::LetThrough => "letThrough",
            Self::OtherReason => "otherReason",
            Self::NotJudged => "notJudged",
            Self::Judged => "judged",
            Self::Warned => "wouldReject",
        }
    }

    fn cell(self) -> Cell {
        let (tone, words) = match self {
            Self::Rejected => (Tone::Bad, "rejected"),
            Self::LetThrough => (Tone::Good, "let through"),
            Self::OtherReason => (Tone::Plain, "other reason"),
            Self::NotJudged => (Tone::Caution, "not judged"),
            Self::Judged => (Tone::Plain, "judged"),
            Self::Warned => (Tone::Caution, "would reject"),
        };
        Cell::toned(tone, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(reason: &str, bid: u32) -> Effect {
        Effect {
            cause: Cause {
                kind: Kind::Rejected,
                gate: "g".to_owned(),
                reason: reason.to_owned(),
            },
            detail: String::new(),
            bid: Some((0, bid)),
        }
    }

    fn failing(reason: &str) -> Difference {
        Difference {
            change: Change::Verdict(Verdict::Pass, Verdict::Fail),
            effects: vec![rejected(reason, 0), rejected(reason, 1)],
        }
    }

    fn counted(lines: &[u64]) -> Changes {
        let mut changes = Changes::new(2);
        for &line in lines {
            let difference = Some(failing("r"));
            changes.count(line, &format!("n{line}"), Verdict::Pass, difference);
        }
        changes.count(100, "same", Verdict::Fail, None);
        changes
    }

    #[test]
    fn counts_add_up_and_the_first_examples_of_the_file_are_kept() {
        let mut changes = counted(&[2, 5, 6]);
        changes.merge(counted(&[1, 3]));
        let mut out = Vec::new();
        changes.print(&mut out, Palette::PLAIN).unwrap();
        let expected = "\
5 of 7 auctions change: 5 their verdict, 0 only which bids are rejected or why

BEFORE / AFTER  PASS  FAIL  NO BID  NOT EVALUATED  ERROR
PASS               0     5       0              0      0
FAIL               0     2       0              0      0

EFFECT    GATE  REASON  AUCTIONS  BIDS
rejected  g     r              5    10

EXAMPLE       LINE  NAME  BID  EFFECT    GATE  REASON  DETAIL
PASS -> FAIL     1  n1    0/0  rejected  g     r
                          0/1  rejected  g     r
PASS -> FAIL     2  n2    0/0  rejected  g     r
                          0/1  rejected  g     r
";
        let told = String::from_utf8(out).unwrap();
        let told: Vec<_> = told.lines().map(str::trim_end).collect();
        assert_eq!(told, expected.lines().collect::<Vec<_>>());
    }
}
