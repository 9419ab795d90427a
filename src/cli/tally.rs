//! What many replies have in common: counts, and the latency of the evaluations.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::error::CliError;
use super::latency::{Latencies, micros};
use super::table::{Cell, Table};
use super::terminal::{Palette, printable};
use super::verdict_table::{mode_word, verdict_word};
use crate::proto::{EvaluateResponse, GateMode, GateResult, GateStatus, Verdict};

/// Verdicts in the order of the contract; one that is missing here would not be counted.
const VERDICTS: [Verdict; 5] = [
    Verdict::Pass,
    Verdict::Fail,
    Verdict::NoBid,
    Verdict::NotEvaluated,
    Verdict::Error,
];

/// Characters of a name that are shown.
const NAME_COLUMNS: usize = 40;

/// Counts of many replies.
#[derive(Debug)]
pub(super) struct Tally {
    auctions: u64,
    verdicts: BTreeMap<Verdict, u64>,
    errors: BTreeMap<String, u64>,
    /// In the order in which the file first has them, which is policy order unless overrides differ in their gates.
    gates: Vec<GateTally>,
    evaluation: Latencies,
}

/// Counts of one gate in one mode.
#[derive(Debug, Default)]
struct GateTally {
    name: String,
    mode: GateMode,
    /// Line of the first auction that it judged, and its position in the policy there.
    first: (u64, usize),
    statuses: BTreeMap<GateStatus, u64>,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn new() -> Result<Self, CliError> {
        Ok(Self {
            auctions: 0,
            verdicts: BTreeMap::new(),
            errors: BTreeMap::new(),
            gates: Vec::new(),
            evaluation: Latencies::new()?,
        })
    }

    /// Counts the reply to the auction on a line.
    pub(super) fn count(&mut self, line: u64, reply: &EvaluateResponse, total_ns: u64) {
        self.auctions += 1;
        *self.verdicts.entry(reply.verdict()).or_default() += 1;
        if let Some(error) = &reply.error {
            count_name(&mut self.errors, &error.code);
        }
        for (position, result) in reply.gates.iter().enumerate() {
            let first = (line, position);
            self.gate(&result.name, result.mode(), first, |gate| {
                gate.count(result);
            });
        }
        self.evaluation.record_ns(total_ns);
    }

    /// Takes over what `other` counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.auctions += other.auctions;
        add_all(&mut self.verdicts, &other.verdicts);
        add_all(&mut self.errors, &other.errors);
        for gate in &other.gates {
            self.gate(&gate.name, gate.mode, gate.first, |own| own.merge(gate));
        }
        self.gates.sort_by_key(|gate| gate.first);
        self.evaluation.merge(&other.evaluation);
    }

    /// Has the counts of a gate changed, begun if there are none yet.
    fn gate(
        &mut self,
        name: &str,
        mode: GateMode,
        first: (u64, usize),
        change: impl FnOnce(&mut GateTally),
    ) {
        let is_it = |gate: &&mut GateTally| gate.name == name && gate.mode == mode;
        if let Some(gate) = self.gates.iter_mut().find(is_it) {
            return change(gate);
        }
        let mut gate = GateTally {
            name: name.to_owned(),
            mode,
            first,
            ..GateTally::default()
        };
        change(&mut gate);
        self.gates.push(gate);
    }

    /// Prints all counts.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(super) fn print(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        self.verdict_table().print(out, palette)?;
        self.status_table().print_below(out, palette)?;
        self.reason_table().print_below(out, palette)?;
        self.latency_table().print_below(out, palette)
    }

    fn verdict_table(&self) -> Table<3> {
        let mut table = Table::new(["VERDICT", ">AUCTIONS", ">SHARE"]);
        for verdict in VERDICTS {
            let count = self.verdicts.get(&verdict).copied().unwrap_or_default();
            let (tone, word) = verdict_word(verdict);
            table.push([
                Cell::toned(tone, word),
                count.to_string().into(),
                share(count, self.auctions).into(),
            ]);
        }
        table
    }

    fn status_table(&self) -> Table<7> {
        let mut table = Table::new([
            "GATE",
            "MODE",
            ">PASSED",
            ">FAILED",
            ">SKIPPED",
            ">ABORTED",
            ">TIMED OUT",
        ]);
        for gate in &self.gates {
            let count = |status| {
                Cell::from(
                    gate.statuses
                        .get(&status)
                        .copied()
                        .unwrap_or_default()
                        .to_string(),
                )
            };
            table.push([
                printable(&gate.name, NAME_COLUMNS).into(),
                mode_word(gate.mode).into(),
                count(GateStatus::Passed),
                count(GateStatus::Failed),
                count(GateStatus::Skipped),
                count(GateStatus::Aborted),
                count(GateStatus::TimedOut),
            ]);
        }
        table
    }

    /// Reasons of gates, and below them what made auctions impossible to judge.
    fn reason_table(&self) -> Table<4> {
        let mut table = Table::new(["GATE", "MODE", "REASON", ">AUCTIONS"]);
        let of_gates = self.gates.iter().flat_map(|gate| {
            let entries = gate.reasons.iter();
            entries.map(|entry| (gate.name.as_str(), mode_word(gate.mode), entry))
        });
        let of_errors = self.errors.iter().map(|entry| ("(not judged)", "", entry));
        for (gate, mode, (reason, count)) in of_gates.chain(of_errors) {
            let reason = printable(reason, NAME_COLUMNS);
            table.push([
                printable(gate, NAME_COLUMNS).into(),
                mode.into(),
                reason.into(),
                count.to_string().into(),
            ]);
        }
        table
    }

    fn latency_table(&self) -> Table<6> {
        let mut table = Table::new(["LATENCY us", ">p50", ">p90", ">p99", ">p99.9", ">max"]);
        let at = |quantile| Cell::from(micros(self.evaluation.quantile_ns(quantile)));
        table.push([
            "evaluation".into(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            micros(self.evaluation.max_ns()).into(),
        ]);
        table
    }
}

impl GateTally {
    fn count(&mut self, result: &GateResult) {
        *self.statuses.entry(result.status()).or_default() += 1;
        if !result.reason.is_empty() {
            count_name(&mut self.reasons, &result.reason);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        add_all(&mut self.statuses, &other.statuses);
        add_all(&mut self.reasons, &other.reasons);
    }
}

fn add_all<K: Clone + Ord>(counts: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *counts.entry(key.clone()).or_default() += count;
    }
}

fn count_name(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => drop(counts.insert(name.to_owned(), 1)),
    }
}

/// Percent with one decimal.
fn share(count: u64, of: u64) -> String {
    let per_mille = (count * 1000).checked_div(of).unwrap_or_default();
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_with_one_decimal() {
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(7, 7), "100.0%");
        assert_eq!(share(0, 0), "0.0%");
    }

    #[test]
    fn merged_counts_are_in_the_order_of_the_file() {
        let reply = |gates: &[&str]| EvaluateResponse {
            gates: gates.iter().map(|&name| named(name)).collect(),
            ..Default::default()
        };
        let (mut one, mut other) = (Tally::new().unwrap(), Tally::new().unwrap());
        other.count(1, &reply(&["a", "b"]), 1);
        one.count(2, &reply(&["c", "b"]), 1);
        one.merge(&other);
        let order = one.gates.iter().map(|gate| gate.name.as_str());
        assert_eq!(order.collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!((one.auctions, one.gates[1].reasons["no_bids"]), (2, 2));
    }

    fn named(gate: &str) -> GateResult {
        GateResult {
            name: gate.to_owned(),
            reason: "no_bids".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn gates_keep_the_order_of_the_policy() {
        let reply = EvaluateResponse {
            gates: ["tmaxGuard", "impidMatch", "adomainVerify"]
                .map(named)
                .to_vec(),
            ..Default::default()
        };
        let mut tally = Tally::new().unwrap();
        tally.count(1, &reply, 10);
        tally.count(2, &reply, 20);
        let counted: Vec<_> = tally
            .gates
            .iter()
            .map(|gate| (gate.name.as_str(), gate.reasons["no_bids"]))
            .collect();
        assert_eq!(
            counted,
            [("tmaxGuard", 2), ("impidMatch", 2), ("adomainVerify", 2)]
        );
    }
}
