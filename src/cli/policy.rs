//! `bidgate policy`: checks and shows policies without serving.
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::explain;
use super::terminal::Palette;
use super::{CliError, Outcome};
use crate::config::{self, Config};
use crate::document::{Document, Problems};
use crate::policy::Policy;

/// Shown below the help.
pub const EXAMPLES: &str = "Examples:
  bidgate policy validate bidgate.yaml
  bidgate policy explain request.json response.json --policy policy.yaml
  bidgate policy print > policy.yaml";

/// What to do with a policy.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Check a policy file, or the policy of a configuration file; exit 1 if anything is wrong
    Validate {
        /// A policy, or a configuration with a policy: YAML
        file: PathBuf,
        /// Print the outcome as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print a policy as it judges, defaults filled in, as YAML
    Print {
        /// A policy, or a configuration with a policy [default: the built-in policy]
        file: Option<PathBuf>,
    },
    /// Say of one auction what each gate decided, by which options, and why
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::ExplainArgs),
    /// Print the JSON Schema of a policy file, for editors and other tools
    Schema,
}

/// Runs the command. Answers go to `out`, problems to `err`.
///
/// # Errors
/// When `out` or `err` cannot be written to, or a payload or policy to explain cannot be read.
pub fn run(
    command: &PolicyCommand,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<Outcome, CliError> {
    match command {
        PolicyCommand::Validate { file, json: false } => {
            report(open(file), out, err, |policy, out| {
                writeln!(out, "ok {}", policy.version())?;
                let mut gates = policy.gate_names().iter();
                gates.try_for_each(|gate| writeln!(out, "  {gate}"))
            })
        }
        PolicyCommand::Validate { file, json: true } => report_json(open(file), out),
        PolicyCommand::Print { file: Some(file) } => report(open(file), out, err, print),
        PolicyCommand::Explain(args) => explain::run(args, out, Palette::of(&io::stdout())),
        PolicyCommand::Schema => print_json(&Policy::schema(), out),
        PolicyCommand::Print { file: None } => report(Ok(Policy::default()), out, err, print),
    }
}

/// The policy of a file.
pub(super) fn open(file: &Path) -> Result<Policy, Problems> {
    PolicyFile::open(file)?.compile()
}

/// A file with a policy, read once and compiled as often as needed: it may be a pipe.
#[derive(Clone, Debug)]
pub(super) struct PolicyFile {
    document: Document,
    folder: PathBuf,
}

impl PolicyFile {
    pub(super) fn open(file: &Path) -> Result<Self, Problems> {
        Ok(Self {
            document: Document::open(file)?,
            folder: file.parent().unwrap_or_else(|| Path::new("")).to_owned(),
        })
    }

    /// The policy of a whole configuration, or a bare one, which has no key of a configuration.
    pub(super) fn compile(&self) -> Result<Policy, Problems> {
        let document = self.document.clone();
        if document.has_key(config::is_root_key) {
            Config::from_document(document, &self.folder).map(|config| config.policy)
        } else {
            document.read(Policy::compile)
        }
    }
}

/// Prints a value as JSON.
pub(super) fn print_json(
    value: &impl Serialize,
    out: &mut impl Write,
) -> Result<Outcome, CliError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(CliError::Json)?;
    writeln!(out).map_err(CliError::Write)?;
    Ok(Outcome::Yes)
}

fn print(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "# policy_version: {}\n{}",
        policy.version(),
        policy.effective().to_yaml()
    )
}

fn report(
    policy: Result<Policy, Problems>,
    out: &mut impl Write,
    err: &mut impl Write,
    show: impl FnOnce(&Policy, &mut dyn Write) -> io::Result<()>,
) -> Result<Outcome, CliError> {
    match policy {
        Ok(policy) => show(&policy, out).map(|()| Outcome::Yes),
        Err(problems) => write!(err, "{problems}").map(|()| Outcome::No),
    }
    .map_err(CliError::Write)
}

fn report_json(
    policy: Result<Policy, Problems>,
    out: &mut impl Write,
) -> Result<Outcome, CliError> {
    let (report, code) = match policy {
        Ok(policy) => {
            let gates: Vec<&str> = policy.gate_names().iter().map(|name| &**name).collect();
            (
                json!({ "ok": true, "policy_version": policy.version(), "gates": gates }),
                Outcome::Yes,
            )
        }
        Err(Problems(problems)) => {
            let problems = problems
                .iter()
                .map(|p| json!({ "place": p.place, "path": p.path, "message": p.message }));
            (
                json!({ "ok": false, "problems": problems.collect::<Vec<_>>() }),
                Outcome::No,
            )
        }
    };
    writeln!(out, "{report}").map_err(CliError::Write)?;
    Ok(code)
}
