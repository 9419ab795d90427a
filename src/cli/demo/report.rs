//! What the demo tells: a table for a person, an object for a machine.

use std::io::{self, Write};

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::burst::{Burst, CALLS};
use super::story::{Expectation, Told};
use crate::cli::latency::{Latencies, micros};
use crate::cli::serve::Listen;
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{Palette, Tone, printable};
use crate::cli::verdict_table::{bid_position, verdict_word};

/// All that the demo found out.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    auctions: Vec<Told<'a>>,
    pub bursts: Vec<Burst>,
    listen: Addresses,
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

    fn auction_table(&self) -> Table<5> {
        let mut table = Table::new(["AUCTION", "VERDICT", "GATE", "REASON", "REJECTED BIDS"]);
        for told in &self.auctions {
            let (tone, word) = verdict_word(told.reply.verdict());
            table.push([
                told.story.story.as_str().into(),
                Cell::toned(tone, word),
                told.gate().into(),
                told.reason().into(),
                rejected_bids(told).into(),
            ]);
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

    /// Prints where the sidecar serves on and what to try.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(super) fn print_next_steps(&self, out: &mut impl Write) -> io::Result<()> {
        let Addresses { grpc, unix, admin } = &self.listen;
        writeln!(out, "\nServing until Ctrl-C.\n  gRPC   {grpc}")?;
        if let Some(unix) = unix {
            writeln!(out, "         {unix}")?;
        }
        writeln!(
            out,
            "  admin  {admin}/health/ready  {admin}/health/info  {admin}/metrics  {admin}/policy"
        )?;
        writeln!(
            out,
            "\nTry it (bytes are base64 in JSON):\n{}",
            grpcurl(grpc)
        )
    }
}

/// Ready to paste into a shell.
fn grpcurl(address: &str) -> String {
    let request = r#"{"id":"r1","imp":[{"id":"1","bidfloor":0.5}],"bcat":["IAB25"]}"#;
    let response = r#"{"id":"r1","seatbid":[{"bid":[{"id":"b1","impid":"2","price":1.1}]}]}"#;
    format!(
        "  grpcurl -plaintext -d '{{\"agent_id\":\"me\",\"bid_request\":\"'$(printf %s '{request}' | base64 -w0)'\",\
         \"bid_response\":\"'$(printf %s '{response}' | base64 -w0)'\"}}' \\\n    {address} bidgate.v1.BidGateService/Evaluate"
    )
}

fn rejected_bids(told: &Told<'_>) -> String {
    let bids = told.rejected().map(|bid| {
        format!(
            "{} {}",
            bid_position(bid),
            printable(&bid.bid_id, ID_COLUMNS)
        )
    });
    bids.collect::<Vec<_>>().join(", ")
}

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
