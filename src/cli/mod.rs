//! The command line (spec: contract §4): what a person or a script says, and what they are told.

pub mod audit;
pub mod check;
pub mod demo;
pub mod explain;
pub mod healthcheck;
pub mod policy;
pub mod replay;
pub mod serve;

mod admin;
mod call_args;
mod error;
mod input;
mod judge;
mod latency;
mod table;
mod tally;
mod terminal;
mod verdict_table;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::CliError;

use crate::config::ServeArgs;
use crate::document::{holds_key, without_keys};

/// The last check before a bid leaves the bidder: a gRPC sidecar that judges OpenRTB bid responses.
#[derive(Debug, Parser)]
#[command(name = "bidgate", version, after_help = "Begin with: bidgate demo")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the process can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the sidecar: gRPC for bidders, HTTP for operators
    #[command(after_help = "Example:\n  bidgate serve")]
    Serve(ServeArgs),
    /// Start a sidecar on loopback and show it judging a dozen bundled auctions
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::DemoArgs),
    /// Judge one bid response and print the verdict
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArgs),
    /// Judge a file of request and response pairs and print what was counted
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::ReplayArgs),
    /// Check, show or explain a policy
    #[command(subcommand, after_help = policy::EXAMPLES)]
    Policy(policy::PolicyCommand),
    /// Verify an audit log
    #[command(subcommand, after_help = audit::EXAMPLES)]
    Audit(audit::AuditCommand),
    /// Ask a running sidecar whether it serves
    #[command(after_help = healthcheck::EXAMPLES)]
    Healthcheck(healthcheck::HealthcheckArgs),
}

impl Cli {
    /// The command line of this process. One that cannot be understood is told, without the keys that it may hold.
    ///
    /// # Errors
    /// The exit code: help that was asked for is not a failure.
    pub fn of_process() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            let told = error.render().to_string();
            if holds_key(&told) {
                complain(format_args!("{}", without_keys(told.trim_end())));
            } else {
                // There is nobody to tell when that fails.
                error.print().unwrap_or_default();
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        })
    }
}

/// How a command ended, when it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and the answer is yes: exit code 0.
    Yes,
    /// Done, and the answer is no: exit code 1.
    No,
    /// Something that was given could not be judged: exit code 2.
    CouldNotJudge,
}

/// Turns the answer of a command into the exit code of the process; an error is told on standard error.
#[must_use]
pub fn exit_code(answer: Result<Outcome, CliError>) -> ExitCode {
    match answer {
        Ok(Outcome::Yes) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Ok(Outcome::CouldNotJudge) => ExitCode::from(2),
        Err(error) => {
            tell(&error);
            ExitCode::from(2)
        }
    }
}

/// A reader who has gone (`bidgate replay --json FILE | head`) needs no message.
fn tell(error: &CliError) {
    if !error.is_broken_pipe() {
        complain(format_args!(
            "bidgate: {}",
            without_keys(&error.to_string())
        ));
    }
}

/// Writes a line to standard error. There is nobody to tell when that fails.
fn complain(line: std::fmt::Arguments<'_>) {
    drop(writeln!(io::stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_parses_without_ambiguity() {
        Cli::command().debug_assert();
    }
}
