//! `bidgate policy explain`: one auction, gate by gate, with the options that decided.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::call_args::CallArgs;
use super::error::CliError;
use super::judge::{Judge, PolicyArgs};
use super::policy::print_json;
use super::terminal::{Palette, Tone, printable};
use super::verdict_table::{self, DETAIL_COLUMNS, ID_COLUMNS};
use super::{Outcome, check};
use crate::document::Effective;
use crate::policy::Policy;
use crate::proto::{BidResult, EvaluateResponse, Finding, GateMode, GateResult, GateStatus};
use crate::verdict::Reason;

/// Shown below the help of this command.
pub const EXAMPLES: &str = "\
Options at their default are marked. The policy's timeout_ms and holdback do not apply.
Exit code: 0 passed, 1 failed, 2 could not judge.

Examples:
  bidgate policy explain request.json response.json
  bidgate policy explain request.json response.json --policy policy.yaml --json";

/// What `bidgate policy explain` is told.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    #[command(flatten)]
    call: CallArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Print the explanation as one JSON object
    #[arg(long)]
    json: bool,
}

/// Judges one pair and explains the verdict.
///
/// # Errors
/// When a file cannot be read, the policy is wrong, or `out` cannot be written.
pub(super) fn run(
    args: &ExplainArgs,
    out: &mut impl Write,
    palette: Palette,
) -> Result<Outcome, CliError> {
    let payloads = args.call.read()?;
    let policy = args.policy.load()?;
    let call = args.call.call(&payloads);
    let effective = policy.effective_for(call.agent_id, call.tool).clone();
    let mut judge = Judge::new(policy)?;
    let judged = judge.judge(&call);
    let reply = judged.reply()?;
    let explanation = Explanation::new(&reply, &effective);
    if args.json {
        print_json(&explanation, out)?;
    } else {
        verdict_table::headline(&reply, judged.total_ns, out, palette)
            .and_then(|()| explanation.print(out, palette))
            .and_then(|()| args.call.print_error(&payloads, &reply, out, palette))
            .map_err(CliError::Write)?;
    }
    Ok(check::outcome(&reply))
}

/// Why a reply is what it is.
#[derive(Debug, Serialize)]
struct Explanation<'r> {
    policy_version: &'r str,
    verdict: &'static str,
    passed: bool,
    nbr: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'r str>,
    /// What the policy says outside its gates.
    options: Vec<Choice<'r>>,
    gates: Vec<Decision<'r>>,
}

/// An option, as it judged.
#[derive(Debug, Serialize)]
struct Choice<'r> {
    option: &'r str,
    value: &'r Effective,
    /// Whether it is what a policy that says nothing has.
    default: bool,
}

/// What one gate decided.
#[derive(Debug, Serialize)]
struct Decision<'r> {
    gate: &'r str,
    #[serde(skip)]
    tone: Tone,
    #[serde(skip)]
    mark: &'static str,
    status: &'static str,
    mode: &'static str,
    reason: &'r str,
    because: String,
    options: Vec<Choice<'r>>,
    findings: Vec<Fired<'r>>,
}

/// A rule that a bid fell under.
#[derive(Debug, Serialize)]
struct Fired<'r> {
    seatbid_index: u32,
    bid_index: u32,
    bid_id: &'r str,
    impid: &'r str,
    reason: &'r str,
    meaning: &'static str,
    detail: &'r str,
    note: bool,
    loss_reason: u32,
    loss_reason_name: &'r str,
    nonbid_status: u32,
    nonbid_status_name: &'r str,
}

impl<'r> Explanation<'r> {
    fn new(reply: &'r EvaluateResponse, policy: &'r Effective) -> Self {
        let defaults = Policy::default();
        let mut options = choices(policy, defaults.effective());
        options.retain(|choice| ![GATES, OVERRIDES].contains(&choice.option));
        let gates = reply.gates.iter();
        Self {
            policy_version: &reply.policy_version,
            verdict: reply.verdict().as_str_name(),
            passed: reply.passed,
            nbr: reply.nbr,
            error: reply.error.as_ref().map(|error| error.code.as_str()),
            options,
            gates: gates
                .map(|gate| Decision::new(gate, reply, policy))
                .collect(),
        }
    }

    fn print(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        print_choices(&self.options, "", out, palette)?;
        for gate in &self.gates {
            writeln!(out)?;
            gate.print(out, palette)?;
        }
        Ok(())
    }
}

impl<'r> Decision<'r> {
    fn new(gate: &'r GateResult, reply: &'r EvaluateResponse, policy: &'r Effective) -> Self {
        let of_gate = |(_, finding): &(&BidResult, &Finding)| finding.gate == gate.name;
        let findings = reply
            .bids
            .iter()
            .flat_map(|bid| bid.findings.iter().map(move |finding| (bid, finding)))
            .filter(of_gate);
        let (tone, mark, status) = verdict_table::gate_status(gate);
        Self {
            gate: &gate.name,
            tone,
            mark,
            status,
            mode: verdict_table::mode_word(gate.mode()),
            reason: &gate.reason,
            because: because(gate, reply),
            options: gate_choices(&gate.name, policy),
            findings: findings
                .map(|(bid, finding)| Fired::new(bid, finding))
                .collect(),
        }
    }

    fn print(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        let mark = palette.paint(self.tone, &format!("{:3}", self.mark));
        let gate = palette.paint(Tone::Heading, self.gate);
        let status = palette.paint(self.tone, self.status);
        let comma = if self.reason.is_empty() { "" } else { ", " };
        let warns = if self.mode == ENFORCE {
            String::new()
        } else {
            format!(" ({})", self.mode)
        };
        let (reason, because) = (self.reason, &self.because);
        writeln!(
            out,
            "{mark} {gate} {status}{warns}{comma}{reason}: {because}"
        )?;
        print_choices(&self.options, INDENT, out, palette)?;
        self.findings
            .iter()
            .try_for_each(|fired| fired.print(out, palette))
    }
}

impl<'r> Fired<'r> {
    fn new(bid: &'r BidResult, finding: &'r Finding) -> Self {
        Self {
            seatbid_index: bid.seatbid_index,
            bid_index: bid.bid_index,
            bid_id: &bid.bid_id,
            impid: &bid.impid,
            reason: &finding.reason,
            meaning: meaning(&finding.reason),
            detail: &finding.detail,
            note: finding.note,
            loss_reason: finding.loss_reason,
            loss_reason_name: &finding.loss_reason_name,
            nonbid_status: finding.nonbid_status,
            nonbid_status_name: &finding.nonbid_status_name,
        }
    }

    fn print(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        let (tone, mark) = if self.note {
            (Tone::Caution, "!")
        } else {
            (Tone::Bad, "x")
        };
        let id = printable(self.bid_id, ID_COLUMNS);
        let impid = printable(self.impid, ID_COLUMNS);
        let position = format!("{}/{}", self.seatbid_index, self.bid_index);
        writeln!(
            out,
            "{INDENT}{} bid {position} {id:?} for imp {impid:?}: {}",
            palette.paint(tone, mark),
            palette.paint(tone, self.reason)
        )?;
        writeln!(out, "{INDENT}  {}", self.meaning)?;
        if !self.detail.is_empty() {
            let detail = printable(self.detail, DETAIL_COLUMNS);
            writeln!(out, "{INDENT}  seen: {detail}")?;
        }
        if self.note {
            return writeln!(out, "{INDENT}  a note: it fails nothing");
        }
        let loss = verdict_table::code(self.loss_reason, self.loss_reason_name);
        let status = verdict_table::code(self.nonbid_status, self.nonbid_status_name);
        writeln!(out, "{INDENT}  loss reason {loss}, non-bid {status}")
    }
}

/// Why a gate ended as it did.
fn because(gate: &GateResult, reply: &EvaluateResponse) -> String {
    match gate.status() {
        GateStatus::Passed => "nothing to object to".to_owned(),
        GateStatus::Failed | GateStatus::TimedOut => meaning(&gate.reason).to_owned(),
        GateStatus::Skipped => {
            let meaning = meaning(&gate.reason);
            meaning.trim_start_matches("Skipped: ").to_owned()
        }
        GateStatus::Aborted => {
            let failed = reply
                .gates
                .iter()
                .find(|gate| gate.status() == GateStatus::Failed && !gate.passed)
                .map_or("another gate", |gate| &gate.name);
            format!("{failed} failed before it and ended the evaluation")
        }
        GateStatus::Unspecified => String::new(),
    }
}

fn meaning(reason: &str) -> &'static str {
    Reason::ALL
        .iter()
        .find(|known| known.name() == reason)
        .map_or("", |known| known.meaning())
}

/// The options of a gate in a policy, beside those of a policy that only says what it must of the gate.
fn gate_choices<'r>(gate: &str, policy: &'r Effective) -> Vec<Choice<'r>> {
    let Some(options) = gate_options(gate, policy) else {
        return Vec::new();
    };
    let expression = if options.get("expression").is_some() {
        ", expression: '!false'"
    } else {
        ""
    };
    let default = format!("{GATES}: [{{{NAME}: {gate}{expression}}}]");
    let default = Policy::from_yaml(&default, "default");
    let default = default
        .as_ref()
        .ok()
        .and_then(|policy| gate_options(gate, policy.effective()));
    let mut choices = choices(options, default.unwrap_or(options));
    let is_usual = |choice: &Choice<'_>| choice.default && ROLL_OUT.contains(&choice.option);
    choices.retain(|choice| choice.option != NAME && !is_usual(choice));
    choices
}

fn gate_options<'r>(gate: &str, policy: &'r Effective) -> Option<&'r Effective> {
    let named = |options: &&Effective| {
        options
            .get(NAME)
            .is_some_and(|name| matches!(name, Effective::Text(name) if name == gate))
    };
    policy.get(GATES)?.items().iter().find(named)
}

fn choices<'r>(options: &'r Effective, defaults: &Effective) -> Vec<Choice<'r>> {
    let choice = |(option, value): &'r (String, Effective)| Choice {
        option,
        value,
        default: defaults.get(option) == Some(value),
    };
    options.entries().iter().map(choice).collect()
}

fn print_choices(
    choices: &[Choice<'_>],
    indent: &str,
    out: &mut impl Write,
    palette: Palette,
) -> io::Result<()> {
    let widths = choices.iter().map(|choice| choice.option.len());
    let width = widths.max().unwrap_or_default();
    for choice in choices {
        let value = serde_json::to_string(choice.value)?;
        let value = printable(value.trim_matches('"'), VALUE_COLUMNS);
        let default = if choice.default { " (default)" } else { "" };
        writeln!(
            out,
            "{indent}{:width$}  {value}{}",
            choice.option,
            palette.paint(Tone::Quiet, default)
        )?;
    }
    Ok(())
}

const GATES: &str = "gates";
const OVERRIDES: &str = "overrides";
/// Options of every gate, which are worth a line only where somebody set them.
const ROLL_OUT: [&str; 2] = ["mode", "holdback"];
const NAME: &str = "name";
/// The mode of which nothing is said.
const ENFORCE: &str = verdict_table::mode_word(GateMode::Enforce);
const INDENT: &str = "      ";
/// Characters of an option's value that are shown.
const VALUE_COLUMNS: usize = 72;
