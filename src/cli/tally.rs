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
    /// In policy order.
    gates: Vec<GateTally>,
    evaluation: Latencies,
}

/// Counts of one gate in one mode.
#[derive(Debug, Default)]
struct GateTally {
    name: String,
    mode: GateMode,
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

    pub(super) fn count(&mut self, reply: &EvaluateResponse, total_ns: u64) {
        self.auctions += 1;
        *self.verdicts.entry(reply.verdict()).or_default() += 1;
        if let Some(error) = &reply.error {
            count_name(&mut self.errors, &error.code);
        }
        for result in &reply.gates {
            self.count_gate(result);
        }
        self.evaluation.record_ns(total_ns);
    }

    fn count_gate(&mut self, result: &GateResult) {
        if !self.gates.iter().any(|gate| gate.counts(result)) {
            self.gates.push(GateTally {
                name: result.name.clone(),
                mode: result.mode(),
                ..GateTally::default()
            });
        }
        if let Some(gate) = self.gates.iter_mut().find(|gate| gate.counts(result)) {
            gate.count(result);
        }
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
    fn counts(&self, result: &GateResult) -> bool {
        self.name == result.name && self.mode == result.mode()
    }

    fn count(&mut self, result: &GateResult) {
        *self.statuses.entry(result.status()).or_default() += 1;
        if !result.reason.is_empty() {
            count_name(&mut self.reasons, &result.reason);
        }
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
    fn gates_keep_the_order_of_the_policy() {
        let gate = |name: &str| GateResult {
            name: name.to_owned(),
            reason: "no_bids".to_owned(),
            ..Default::default()
        };
        let reply = EvaluateResponse {
            gates: vec![gate("tmaxGuard"), gate("impidMatch"), gate("adomainVerify")],
            ..Default::default()
        };
        let mut tally = Tally::new().unwrap();
        tally.count(&reply, 10);
        tally.count(&reply, 20);
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
