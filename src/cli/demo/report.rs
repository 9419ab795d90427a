//! What the demo tells: a table for a person, an object for a machine.

use std::io::{self, Write};

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::burst::{Burst, CALLS};
use super::story::{Expectation, Told};
use super::traffic::CALLS_A_SECOND;
use crate::cli::latency::{Latencies, micros};
use crate::cli::serve::Listen;
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{Palette, Tone, printable};
use crate::cli::verdict_table::{bid_position, verdict_word};
use crate::proto::BidResult;

/// All that the demo found out.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    auctions: Vec<Told<'a>>,
    pub bursts: Vec<Burst>,
    listen: Addresses,
    pub page: Overview,
}

/// The page that shows how the demo's sidecar does.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    url: String,
    /// Its length, once it has answered.
    pub bytes: usize,
}

/// Where the demo's sidecar listens.
#[derive(Debug, Serialize)]
struct Addresses {
    grpc: String,
    unix: Option<String>,
    admin: String,
}

impl<'a> Report<'a> {
    pub(super) fn new(auctions: Vec<Told<'a>>, listen: &Listen) -> Self {
        let page = Overview {
            url: format!("http://{}/", listen.admin),
            bytes: 0,
        };
        let listen = Addresses {
            grpc: listen.grpc.to_string(),
            unix: listen
                .socket
                .as_ref()
                .map(|socket| format!("unix://{}", socket.display())),
            admin: format!("http://{}", listen.admin),
        };
        Self {
            auctions,
            bursts: Vec::new(),
            listen,
            page,
        }
    }

    /// True when every auction got the verdict its file expects.
    pub(super) fn as_expected(&self) -> bool {
        self.auctions.iter().all(Told::as_expected)
    }

    /// Prints each auction's verdict, and which of them nobody expected.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(super) fn print_auctions(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        self.auction_table().print(out, palette)?;
        self.print_surprises(out, palette)
    }

    /// Prints what the bursts were like.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(super) fn print_bursts(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        self.burst_table().print_below(out, palette)
    }

    fn auction_table(&self) -> Table<2> {
        let mut table = Table::new(["VERDICT", "AUCTION"]);
        for told in &self.auctions {
            let (tone, word) = verdict_word(told.reply.verdict());
            table.push([Cell::toned(tone, word), told.story.story.as_str().into()]);
            for why in reasons(told) {
                table.push(["".into(), Cell::toned(Tone::Quiet, why)]);
            }
        }
        table
    }

    fn burst_table(&self) -> Table<6> {
        let mut table = Table::new([
            "BURST",
            ">CALLS",
            ">CALL p50 us",
            ">p99 us",
            ">EVALUATION p50 us",
            ">p99 us",
        ]);
        for burst in &self.bursts {
            let at = |latencies: &Latencies, quantile| {
                Cell::from(micros(latencies.quantile_ns(quantile)))
            };
            table.push([
                burst.transport.into(),
                CALLS.to_string().into(),
                at(&burst.client, 0.5),
                at(&burst.client, 0.99),
                at(&burst.evaluation, 0.5),
                at(&burst.evaluation, 0.99),
            ]);
        }
        table
    }

    fn print_surprises(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        let mut table = Table::new(["NOT AS EXPECTED", "EXPECTED", "GATE", "REASON"]);
        for told in self.auctions.iter().filter(|told| !told.as_expected()) {
            let Expectation {
                verdict,
                gate,
                reason,
            } = &told.story.expect;
            let name = Cell::toned(Tone::Bad, &told.story.name);
            table.push([name, verdict.into(), gate.into(), reason.into()]);
        }
        table.print_below(out, palette)
    }

    /// Prints that the page answered.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(super) fn print_page(&self, out: &mut impl Write) -> io::Result<()> {
        let Overview { url, bytes } = &self.page;
        writeln!(out, "\nThe page at {url} answered with {bytes} bytes.")
    }

    /// Prints where the sidecar serves on and what to try.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(super) fn print_next_steps(&self, out: &mut impl Write) -> io::Result<()> {
        let Addresses { grpc, unix, admin } = &self.listen;
        writeln!(
            out,
            "\nServing until Ctrl-C. {CALLS_A_SECOND} calls a second go on, for the page to show.\n  page   {}\n  gRPC   {grpc}",
            self.page.url
        )?;
        if let Some(unix) = unix {
            writeln!(out, "         {unix}")?;
        }
        writeln!(
            out,
            "  admin  {admin}  /health/ready  /health/info  /metrics  /policy"
        )?;
        writeln!(
            out,
            "\nTry it (bytes are base64 in JSON):\n{}",
            grpcurl(grpc)
        )
    }
}

/// Ready to paste into a shell. The payloads are short enough for `base64` not to break their lines.
fn grpcurl(address: &str) -> String {
    let request = r#"{"imp":[{"id":"1","bidfloor":0.5}]}"#;
    let response = r#"{"seatbid":[{"bid":[{"impid":"2"}]}]}"#;
    format!(
        "  grpcurl -plaintext -d '{{\"agent_id\":\"me\",\n  \
         \"bid_response\":\"'$(echo '{response}' | base64)'\",\n  \
         \"bid_request\":\"'$(echo '{request}' | base64)'\"}}' \\\n  \
         {address} bidgate.v1.BidGateService/Evaluate"
    )
}

/// Which bids may not go out and why; without such a bid, what decided. Indented below the story.
fn reasons(told: &Told<'_>) -> Vec<String> {
    let of_bids: Vec<_> = told.rejected().flat_map(rejections).collect();
    match (of_bids.is_empty(), told.gate(), told.reason()) {
        (false, _, _) => of_bids,
        (true, _, "") => Vec::new(),
        (true, "", reason) => vec![format!("  {reason}")],
        (true, gate, reason) => vec![format!("  {gate:GATE_COLUMNS$}  {reason}")],
    }
}

/// Each finding that rejects the bid: gate, reason, and which bid it is.
fn rejections(bid: &BidResult) -> impl Iterator<Item = String> {
    let failing = bid.findings.iter().filter(|finding| !finding.note);
    failing.map(|finding| {
        format!(
            "  {:GATE_COLUMNS$}  {:REASON_COLUMNS$}  {} {}",
            finding.gate,
            finding.reason,
            bid_position(bid),
            printable(&bid.bid_id, ID_COLUMNS)
        )
    })
}

/// As wide as the longest name of a gate, and as the longest reason of a bid that is rejected.
const GATE_COLUMNS: usize = 14;
const REASON_COLUMNS: usize = 26;
/// Characters of a bid's id that are shown.
const ID_COLUMNS: usize = 24;

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Told", 7)?;
        object.serialize_field("name", &self.story.name)?;
        object.serialize_field("story", &self.story.story)?;
        object.serialize_field("verdict", self.reply.verdict().as_str_name())?;
        object.serialize_field("gate", self.gate())?;
        object.serialize_field("reason", self.reason())?;
        object.serialize_field(
            "rejected_bids",
            &self.rejected().map(bid_position).collect::<Vec<_>>(),
        )?;
        object.serialize_field("as_expected", &self.as_expected())?;
        object.end()
    }
}

impl Serialize for Burst {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Burst", 6)?;
        object.serialize_field("transport", self.transport)?;
        object.serialize_field("calls", &CALLS)?;
        object.serialize_field("call_p50_ns", &self.client.quantile_ns(0.5))?;
        object.serialize_field("call_p99_ns", &self.client.quantile_ns(0.99))?;
        object.serialize_field("evaluation_p50_ns", &self.evaluation.quantile_ns(0.5))?;
        object.serialize_field("evaluation_p99_ns", &self.evaluation.quantile_ns(0.99))?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::story;
    use crate::proto::{EvaluateResponse, Finding, Verdict};

    /// The narrowest terminal that people use.
    const COLUMNS: usize = 80;

    #[test]
    fn the_auctions_fit_a_terminal() {
        let stories = story::bundled().unwrap();
        let auctions = stories.iter().map(|story| Told {
            story,
            reply: widest_reply(),
        });
        let report = Report {
            auctions: auctions.collect(),
            bursts: Vec::new(),
            listen: Addresses {
                grpc: "127.0.0.1:50051".to_owned(),
                unix: None,
                admin: "http://127.0.0.1:8080".to_owned(),
            },
            page: Overview {
                url: "http://127.0.0.1:8080/".to_owned(),
                bytes: 0,
            },
        };
        let mut out = Vec::new();
        report
            .auction_table()
            .print(&mut out, Palette::PLAIN)
            .unwrap();
        report.print_next_steps(&mut out).unwrap();
        for line in String::from_utf8(out).unwrap().lines() {
            assert!(line.len() <= COLUMNS, "{} columns: {line}", line.len());
        }
    }

    fn widest_reply() -> EvaluateResponse {
        let finding = Finding {
            gate: "audienceSafety".to_owned(),
            reason: "price_above_floor_multiple".to_owned(),
            ..Finding::default()
        };
        let bid = BidResult {
            bid_id: "b-1013".to_owned(),
            findings: vec![finding],
            ..BidResult::default()
        };
        EvaluateResponse {
            verdict: Verdict::NotEvaluated.into(),
            bids: vec![bid],
            ..EvaluateResponse::default()
        }
    }
}
