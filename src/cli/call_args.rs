//! One call as the command line puts it: two files, and what else a caller of the RPC says.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::input::{self, Place};
use super::terminal::{Palette, Tone};
use crate::evaluate::Call;
use crate::proto::{EvaluateResponse, EvaluationError};
use crate::verdict::Payload;
use crate::wire::{self, WireError};

/// A call.
#[derive(Args, Clone, Debug)]
pub(super) struct CallArgs {
    /// OpenRTB bid request, JSON; `-` reads standard input
    request: PathBuf,
    /// OpenRTB bid response, JSON; `-` reads standard input; left out or empty is a no-bid
    response: Option<PathBuf>,
    /// Who produced the bid
    #[arg(long, value_name = "ID", default_value = "check", value_parser = agent_id)]
    agent_id: String,
    /// The integration or exchange the bid goes to
    #[arg(long, value_name = "NAME", default_value = "", value_parser = tool)]
    tool: String,
    /// Time already spent on the auction, in microseconds
    #[arg(long, value_name = "US")]
    elapsed_us: Option<u64>,
    /// When the bid request reached the bidder, in microseconds since the Unix epoch
    #[arg(long, value_name = "US")]
    started_at_unix_us: Option<u64>,
    /// The exchange's time limit in milliseconds; overrides the bid request's tmax
    #[arg(long, value_name = "MS")]
    tmax_ms: Option<u32>,
    /// The bidder's own latency in milliseconds
    #[arg(long, value_name = "MS")]
    latency_ms: Option<f64>,
}

/// Refuses what the RPC would refuse (spec: contract §1).
fn agent_id(value: &str) -> Result<String, WireError> {
    wire::check_agent_id(value).map(|()| value.to_owned())
}

/// Refuses what the RPC would refuse (spec: contract §1).
fn tool(value: &str) -> Result<String, WireError> {
    wire::check_tool(value).map(|()| value.to_owned())
}

/// The payloads, as they are in their files.
#[derive(Debug)]
pub(super) struct Payloads {
    request: Vec<u8>,
    response: Vec<u8>,
}

impl CallArgs {
    /// Reads the files.
    ///
    /// # Errors
    /// When a file cannot be read, or both are standard input.
    pub(super) fn read(&self) -> Result<Payloads, CliError> {
        let response = self.response.as_deref();
        if input::is_stdin(&self.request) && response.is_some_and(input::is_stdin) {
            return Err(CliError::StdinTwice);
        }
        let request = input::read(&self.request)?;
        let response = response.map(input::read).transpose()?.unwrap_or_default();
        Ok(Payloads { request, response })
    }

    pub(super) fn call<'a>(&'a self, payloads: &'a Payloads) -> Call<'a> {
        Call {
            agent_id: &self.agent_id,
            tool: &self.tool,
            bid_request: &payloads.request,
            bid_response: &payloads.response,
            started_at_unix_us: self.started_at_unix_us,
            elapsed_us: self.elapsed_us,
            tmax_ms: self.tmax_ms,
            latency_ms: self.latency_ms,
            ..Call::default()
        }
    }

    /// Says what could not be judged, and shows the place in the caller's own file.
    pub(super) fn print_error(
        &self,
        payloads: &Payloads,
        reply: &EvaluateResponse,
        out: &mut impl Write,
        palette: Palette,
    ) -> io::Result<()> {
        let Some(error) = &reply.error else {
            return Ok(());
        };
        writeln!(
            out,
            "\n{}: {}",
            palette.paint(Tone::Heading, &error.code),
            error.message
        )?;
        match self.at_fault(payloads, error) {
            Some((path, bytes)) => print_place(path, bytes, error, out, palette),
            None => Ok(()),
        }
    }

    fn at_fault<'a>(
        &'a self,
        payloads: &'a Payloads,
        error: &EvaluationError,
    ) -> Option<(&'a Path, &'a [u8])> {
        if error.payload == Payload::BidRequest.name() {
            Some((&self.request, &payloads.request))
        } else if error.payload == Payload::BidResponse.name() {
            let response = self.response.as_deref();
            response.map(|path| (path, payloads.response.as_slice()))
        } else {
            None
        }
    }
}

fn print_place(
    path: &Path,
    bytes: &[u8],
    error: &EvaluationError,
    out: &mut impl Write,
    palette: Palette,
) -> io::Result<()> {
    let place = Place::find(
        bytes,
        usize::try_from(error.byte_offset).unwrap_or(usize::MAX),
    );
    let name = input::name(path);
    writeln!(
        out,
        "  --> {name}:{}:{} (byte {})",
        place.line, place.column, error.byte_offset
    )?;
    writeln!(out, "   | {}", place.excerpt)?;
    writeln!(
        out,
        "   | {}{}",
        " ".repeat(place.caret),
        palette.paint(Tone::Bad, "^")
    )
}
