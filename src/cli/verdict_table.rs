//! A reply as a person reads it: the verdict at a glance, then who decided what, then which bids and why.

use std::io::{self, Write};

use super::latency::{micros, micros_of_ms};
use super::table::{Cell, Table};
use super::terminal::{Palette, Tone, printable};
use crate::openrtb::NoBidReason;
use crate::proto::{
    BidResult, EvaluateResponse, Finding, GateMode, GateResult, GateStatus, Verdict,
};

/// Characters of an id that are shown.
pub(super) const ID_COLUMNS: usize = 24;
/// Characters of a detail that are shown.
pub(super) const DETAIL_COLUMNS: usize = 48;
/// Characters of a policy digest that tell policies apart.
const DIGEST_COLUMNS: usize = 12;

/// Prints the verdict on one auction.
///
/// # Errors
/// When `out` cannot be written.
pub(super) fn print(
    reply: &EvaluateResponse,
    total_ns: u64,
    out: &mut impl Write,
    palette: Palette,
) -> io::Result<()> {
    headline(reply, total_ns, out, palette)?;
    gates(&reply.gates).print_below(out, palette)?;
    bids(&reply.bids).print_below(out, palette)
}

/// Prints the verdict as a whole.
pub(super) fn headline(
    reply: &EvaluateResponse,
    total_ns: u64,
    out: &mut impl Write,
    palette: Palette,
) -> io::Result<()> {
    let (tone, word) = verdict_word(reply.verdict());
    write!(out, "{}", palette.paint(tone, word))?;
    if !reply.passed {
        write!(out, "  {}", no_bid_reason(reply.nbr))?;
    }
    write!(
        out,
        "  policy {}",
        printable(&short_digest(&reply.policy_version), DIGEST_COLUMNS)
    )?;
    writeln!(out, "  {} us", micros(total_ns))
}

/// The verdict in capitals, and how it is meant.
pub(super) const fn verdict_word(verdict: Verdict) -> (Tone, &'static str) {
    match verdict {
        Verdict::Pass => (Tone::Good, "PASS"),
        Verdict::Fail => (Tone::Bad, "FAIL"),
        Verdict::NoBid => (Tone::Quiet, "NO BID"),
        Verdict::NotEvaluated => (Tone::Caution, "NOT EVALUATED"),
        Verdict::Error => (Tone::Bad, "ERROR"),
        Verdict::Unspecified => (Tone::Bad, "UNSPECIFIED"),
    }
}

fn no_bid_reason(nbr: u32) -> String {
    let name = NoBidReason::ALL
        .iter()
        .find(|reason| reason.code() == nbr)
        .map(|reason| reason.name());
    match (nbr, name) {
        (0, _) => "nbr 0 (not every bid was rejected)".to_owned(),
        (code, Some(name)) => format!("nbr {code} ({name})"),
        (code, None) => format!("nbr {code}"),
    }
}

/// The part of a digest that a person compares.
fn short_digest(version: &str) -> String {
    version.chars().take(DIGEST_COLUMNS).collect()
}

fn gates(results: &[GateResult]) -> Table<6> {
    let mut table = Table::new(["", "GATE", "MODE", "STATUS", "REASON", ">LATENCY us"]);
    for result in results {
        let (tone, mark, status) = gate_status(result);
        table.push([
            Cell::toned(tone, mark),
            printable(&result.name, ID_COLUMNS).into(),
            mode_word(result.mode()).into(),
            Cell::toned(tone, status),
            printable(&result.reason, DETAIL_COLUMNS).into(),
            Cell::toned(Tone::Quiet, micros_of_ms(result.latency_ms)),
        ]);
    }
    table
}

/// How a gate ended: a mark for the eye, and the word.
pub(super) fn gate_status(result: &GateResult) -> (Tone, &'static str, &'static str) {
    let failed = if result.passed {
        (Tone::Caution, "!")
    } else {
        (Tone::Bad, "x")
    };
    let ((tone, mark), status) = match result.status() {
        GateStatus::Passed => ((Tone::Good, "ok"), "passed"),
        GateStatus::Failed => (failed, "failed"),
        GateStatus::Skipped => ((Tone::Quiet, "-"), "skipped"),
        GateStatus::Aborted => ((Tone::Quiet, "."), "aborted"),
        GateStatus::TimedOut => (failed, "timed out"),
        GateStatus::Unspecified => ((Tone::Bad, "?"), "unspecified"),
    };
    (tone, mark, status)
}

/// What the gate's findings do to the auction, in a word.
pub(super) const fn mode_word(mode: GateMode) -> &'static str {
    match mode {
        GateMode::Enforce => "enforce",
        GateMode::Warn => "warn",
        GateMode::Holdback => "holdback",
        GateMode::Unspecified => "unspecified",
    }
}

fn bids(results: &[BidResult]) -> Table<9> {
    let mut table = Table::new([
        "",
        "BID",
        "ID",
        "IMPID",
        "GATE",
        "REASON",
        "DETAIL",
        "LOSS REASON",
        "NON-BID",
    ]);
    for bid in results {
        let primary = bid.findings.iter().position(|finding| !finding.note);
        for (position, finding) in bid.findings.iter().enumerate() {
            table.push(finding_row(bid, finding, primary == Some(position)));
        }
    }
    table
}

/// The mark tells the primary reason, `x`, from those that fail the bid as well, `+`, and from notes, `!`.
fn finding_row(bid: &BidResult, finding: &Finding, is_primary: bool) -> [Cell; 9] {
    let (tone, mark) = match (finding.note, is_primary) {
        (true, _) => (Tone::Caution, "!"),
        (false, true) => (Tone::Bad, "x"),
        (false, false) => (Tone::Bad, "+"),
    };
    [
        Cell::toned(tone, mark),
        bid_position(bid).into(),
        printable(&bid.bid_id, ID_COLUMNS).into(),
        printable(&bid.impid, ID_COLUMNS).into(),
        printable(&finding.gate, ID_COLUMNS).into(),
        Cell::toned(tone, printable(&finding.reason, DETAIL_COLUMNS)),
        printable(&finding.detail, DETAIL_COLUMNS).into(),
        if finding.note {
            "note".into()
        } else {
            code(finding.loss_reason, &finding.loss_reason_name).into()
        },
        if finding.note {
            "".into()
        } else {
            code(finding.nonbid_status, &finding.nonbid_status_name).into()
        },
    ]
}

/// Where a bid stands in its response: seatbid index, bid index.
pub(super) fn bid_position(bid: &BidResult) -> String {
    format!("{}/{}", bid.seatbid_index, bid.bid_index)
}

/// A code with its name, if it has one.
pub(super) fn code(code: u32, name: &str) -> String {
    format!("{code} {name}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        let rejected = |gate: &str, reason: &str, detail: &str| Finding {
            gate: gate.to_owned(),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
            loss_reason: 3,
            loss_reason_name: "Invalid Bid Response".to_owned(),
            nonbid_status: 102,
            nonbid_status_name: "Error - Invalid Bid Response".to_owned(),
            note: false,
        };
        let noted = Finding {
            gate: "bcatCompliance".to_owned(),
            reason: "unknown_category".to_owned(),
            note: true,
            ..Default::default()
        };
        vec![
            rejected("impidMatch", "impid_unknown", "9"),
            rejected("bidSanity", "price_negative", "-1"),
            noted,
        ]
    }

    fn rejected() -> EvaluateResponse {
        let gate =
            |name: &str, mode: GateMode, status: GateStatus, reason: &str, latency_ms| GateResult {
                name: name.to_owned(),
                mode: mode.into(),
                passed: mode != GateMode::Enforce,
                status: status.into(),
                reason: reason.to_owned(),
                latency_ms,
                ..Default::default()
            };
        EvaluateResponse {
            verdict: Verdict::Fail.into(),
            nbr: 1,
            policy_version: "0123456789abcdef".to_owned(),
            gates: vec![
                gate(
                    "tmaxGuard",
                    GateMode::Enforce,
                    GateStatus::Skipped,
                    "start_unknown",
                    0.000_041,
                ),
                gate(
                    "adomainVerify",
                    GateMode::Warn,
                    GateStatus::Failed,
                    "adomain_missing",
                    0.000_522,
                ),
                gate(
                    "impidMatch",
                    GateMode::Enforce,
                    GateStatus::Failed,
                    "impid_unknown",
                    0.000_310,
                ),
                gate(
                    "bcatCompliance",
                    GateMode::Enforce,
                    GateStatus::Aborted,
                    "",
                    0.0,
                ),
            ],
            bids: vec![BidResult {
                bid_index: 1,
                bid_id: "b-1".to_owned(),
                impid: "9".to_owned(),
                findings: findings(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn a_rejected_auction_is_told_in_three_steps() {
        let mut out = Vec::new();
        print(&rejected(), 4_321, &mut out, Palette::PLAIN).unwrap();
        let expected = "\
FAIL  nbr 1 (Technical Error)  policy 0123456789ab  4.321 us

   GATE            MODE     STATUS   REASON           LATENCY us
-  tmaxGuard       enforce  skipped  start_unknown         0.041
!  adomainVerify   warn     failed   adomain_missing       0.522
x  impidMatch      enforce  failed   impid_unknown         0.310
.  bcatCompliance  enforce  aborted                        0.000

   BID  ID   IMPID  GATE            REASON            DETAIL  LOSS REASON             NON-BID
x  0/1  b-1  9      impidMatch      impid_unknown     9       3 Invalid Bid Response  102 Error - Invalid Bid Response
+  0/1  b-1  9      bidSanity       price_negative    -1      3 Invalid Bid Response  102 Error - Invalid Bid Response
!  0/1  b-1  9      bcatCompliance  unknown_category          note
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
