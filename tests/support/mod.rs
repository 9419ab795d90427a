//! What the tests of whole auctions share: a case, and the engine's public door, with its reply read as an
//! [`Answer`] in the words of the contract.
use std::fmt;

use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::limits::Limits;
use bidgate::policy::Policy;
use bidgate::proto::{
    BidResult, EvaluateResponse, EvaluationError, Finding, GateMode, GateResult, GateStatus,
    Verdict,
};
use bidgate::wire::EvaluationId;
use prost::Message as _;

use crate::oracle::{Answer, BidFinding, ErrorAnswer, GateAnswer, Timing};

/// One auction under one policy.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
    /// The mapping below `policy:`.
    pub(crate) policy: serde_json::Value,
    pub(crate) agent_id: String,
    pub(crate) tool: String,
    pub(crate) timing: Timing,
}

/// When every case takes place, unless it says otherwise.
pub(crate) const NOW_UNIX_US: u64 = 1_760_000_000_000_000;

impl Case {
    pub(crate) fn new(
        request: impl Into<Vec<u8>>,
        response: impl Into<Vec<u8>>,
        policy: serde_json::Value,
    ) -> Self {
        Self {
            request: request.into(),
            response: response.into(),
            policy,
            agent_id: "bidder".to_owned(),
            tool: String::new(),
            timing: Timing {
                now_unix_us: NOW_UNIX_US,
                ..Timing::default()
            },
        }
    }

    /// Every right answer, by the oracle.
    pub(crate) fn expected(&self) -> Vec<Answer> {
        let policy = crate::oracle::Policy::for_call(&self.policy, &self.agent_id, &self.tool);
        let caller = [self.agent_id.as_str(), self.tool.as_str()];
        crate::oracle::answers(&self.request, &self.response, &policy, &self.timing, caller)
    }

    pub(crate) fn compile_policy(&self) -> Policy {
        let text = self.policy.to_string();
        Policy::from_yaml(&text, "case").unwrap_or_else(|problems| panic!("{problems}\nin {text}"))
    }

    pub(crate) fn call(&self) -> Call<'_> {
        Call {
            agent_id: &self.agent_id,
            tool: &self.tool,
            bid_request: &self.request,
            bid_response: &self.response,
            started_at_unix_us: self.timing.started_at_unix_us,
            elapsed_us: self.timing.elapsed_us,
            tmax_ms: self.timing.tmax_ms,
            latency_ms: self.timing.latency_ms,
            correlation_id: 7,
            want_filtered_response: false,
        }
    }

    pub(crate) fn clock(&self) -> StillClock {
        StillClock {
            now_unix_us: self.timing.now_unix_us,
        }
    }
}

/// As one can read and repeat it.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nrequest  {}", self.request.escape_ascii())?;
        writeln!(f, "response {}", self.response.escape_ascii())?;
        writeln!(f, "policy   {}", self.policy)?;
        writeln!(f, "agent    {:?}, tool {:?}", self.agent_id, self.tool)?;
        write!(f, "timing   {:?}", self.timing)
    }
}

/// A clock that stands still: no gate ever times out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StillClock {
    now_unix_us: u64,
}

impl Clock for StillClock {
    fn arrived_unix_us(&self) -> u64 {
        self.now_unix_us
    }

    fn elapsed_ns(&self) -> u64 {
        0
    }
}

/// The engine behind its public door, one for many cases, so that what leaks from one into the next is found.
#[derive(Debug)]
pub(crate) struct Engine {
    evaluator: Evaluator,
    reply: Vec<u8>,
}

/// What the engine answered, and where it saw an error.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) answer: Answer,
    pub(crate) byte_offset: Option<u32>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self {
            evaluator: Evaluator::new(Limits::default()),
            reply: Vec::new(),
        }
    }

    /// Evaluates and encodes, and nothing else: what must not allocate.
    pub(crate) fn run(&mut self, call: &Call<'_>, policy: &Policy, clock: StillClock) -> usize {
        self.reply.clear();
        self.evaluator
            .evaluate(call, policy, &clock)
            .encode(EvaluationId(1), &mut self.reply);
        self.reply.len()
    }

    /// The engine's answer to a case, whose policy is at hand.
    pub(crate) fn judge_under(
        &mut self,
        case: &Case,
        policy: &Policy,
    ) -> Result<Observed, Disagreement> {
        observe(case, policy, &self.reply_under(case, policy)?)
    }

    /// The reply as a client has it.
    pub(crate) fn reply_under(
        &mut self,
        case: &Case,
        policy: &Policy,
    ) -> Result<EvaluateResponse, Disagreement> {
        self.run(&case.call(), policy, case.clock());
        EvaluateResponse::decode(self.reply.as_slice())
            .map_err(|error| Disagreement(format!("the reply does not decode: {error}")))
    }

    /// Compares the engine's answer with the oracle's.
    pub(crate) fn check(&mut self, case: &Case) -> Result<(), Disagreement> {
        self.check_under(case, &case.compile_policy())
    }

    /// The same, with the case's policy at hand.
    pub(crate) fn check_under(&mut self, case: &Case, policy: &Policy) -> Result<(), Disagreement> {
        let expected = case.expected();
        let observed = self.judge_under(case, policy)?.answer;
        if expected.contains(&observed) {
            return Ok(());
        }
        Err(Disagreement(format!(
            "the engine answers {observed:#?}\nthe oracle accepts {expected:#?}"
        )))
    }
}

/// In which way an answer is not what it should be.
#[derive(Clone, Debug)]
pub(crate) struct Disagreement(pub(crate) String);

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a reply, and holds it to what the contract says of every reply.
fn observe(
    case: &Case,
    policy: &Policy,
    reply: &EvaluateResponse,
) -> Result<Observed, Disagreement> {
    let echoed =
        reply.agent_id == case.agent_id && reply.tool == case.tool && reply.correlation_id == 7;
    hold(echoed, "agent_id, tool and correlation_id are echoed")?;
    hold(!reply.evaluation_id.is_empty(), "evaluation_id is set")?;
    hold(
        reply.policy_version == policy.version(),
        "policy_version is that of the policy",
    )?;
    hold(reply.timestamp.is_some(), "timestamp is set")?;
    let verdict = verdict_name(reply.verdict());
    let passed = matches!(verdict, "pass" | "no_bid" | "not_evaluated");
    hold(
        reply.passed == passed,
        "passed is true when every gate passed, was skipped or only warns",
    )?;
    hold(
        verdict == "error" || passed == reply.gates.iter().all(|gate| gate.passed),
        "passed is true when every gate's is",
    )?;
    hold(
        reply.error.is_some() == (verdict == "error"),
        "error is set with VERDICT_ERROR and only then",
    )?;
    let mut findings = Vec::new();
    for bid in &reply.bids {
        findings.extend(observe_bid(bid)?);
    }
    let positions = reply
        .bids
        .iter()
        .map(|bid| (bid.seatbid_index, bid.bid_index));
    hold(
        positions.is_sorted_by(|one, next| one < next),
        "bids stand once, in document order",
    )?;
    let answer = Answer {
        verdict,
        nbr: reply.nbr,
        gates: reply
            .gates
            .iter()
            .map(observe_gate)
            .collect::<Result<_, _>>()?,
        findings,
        error: reply.error.as_ref().map(observe_error).transpose()?,
    };
    Ok(Observed {
        answer,
        byte_offset: reply.error.as_ref().map(|error| error.byte_offset),
    })
}

fn hold(holds: bool, fact: &str) -> Result<(), Disagreement> {
    if holds {
        Ok(())
    } else {
        Err(Disagreement(format!("does not hold: {fact}")))
    }
}

fn observe_gate(gate: &GateResult) -> Result<GateAnswer, Disagreement> {
    let status = match gate.status() {
        GateStatus::Unspecified => "unspecified",
        GateStatus::Passed => "passed",
        GateStatus::Failed => "failed",
        GateStatus::Skipped => "skipped",
        GateStatus::Aborted => "aborted",
        GateStatus::TimedOut => "timed_out",
    };
    let mode = match gate.mode() {
        GateMode::Unspecified => "unspecified",
        GateMode::Enforce => "enforce",
        GateMode::Warn => "warn",
        GateMode::Holdback => "holdback",
    };
    hold(
        gate.passed == (matches!(status, "passed" | "skipped") || mode != "enforce"),
        "a gate's passed agrees with its status and mode",
    )?;
    hold(
        gate.skipped == (status == "skipped"),
        "a gate's skipped agrees with its status",
    )?;
    Ok(GateAnswer {
        name: word(&gate.name)?,
        mode,
        status,
        reason: word(&gate.reason)?,
    })
}

fn observe_bid(bid: &BidResult) -> Result<Vec<BidFinding>, Disagreement> {
    hold(!bid.findings.is_empty(), "a bid in bids[] has findings")?;
    hold(
        bid.passed == bid.findings.iter().all(|finding| finding.note),
        "a bid passes when all findings are notes",
    )?;
    let failing = bid.findings.iter().find(|finding| !finding.note);
    hold(
        bid.primary_reason == failing.map_or("", |finding| finding.reason.as_str()),
        "a bid's primary reason is that of its first finding that fails",
    )?;
    hold(
        bid.findings
            .iter()
            .all(|finding| finding.detail.len() <= 128),
        "detail has at most 128 bytes",
    )?;
    let finding = |finding: &Finding| {
        Ok(BidFinding {
            seatbid_index: bid.seatbid_index,
            bid_index: bid.bid_index,
            bid_id: bid.bid_id.clone(),
            impid: bid.impid.clone(),
            gate: word(&finding.gate)?,
            reason: word(&finding.reason)?,
            note: finding.note,
            loss_reason: finding.loss_reason,
            nonbid_status: finding.nonbid_status,
        })
    };
    bid.findings.iter().map(finding).collect()
}

fn observe_error(error: &EvaluationError) -> Result<ErrorAnswer, Disagreement> {
    hold(!error.message.is_empty(), "an error says what is wrong")?;
    Ok(ErrorAnswer {
        code: word(&error.code)?,
        payload: word(&error.payload)?,
    })
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unspecified => "unspecified",
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::NoBid => "no_bid",
        Verdict::NotEvaluated => "not_evaluated",
        Verdict::Error => "error",
    }
}

/// A word of the contract: the sets are closed.
fn word(text: &str) -> Result<&'static str, Disagreement> {
    let known = WORDS.iter().find(|word| **word == text);
    known
        .copied()
        .ok_or_else(|| Disagreement(format!("not a word of the contract: {text:?}")))
}

const WORDS: &[&str] = &[
    // None.
    "",
    // Gates.
    "tmaxGuard",
    "impidMatch",
    "adomainVerify",
    "bidSanity",
    "audienceSafety",
    "bcatCompliance",
    "responseId",
    "currencyAllowed",
    "advertiserBlock",
    "attributeBlock",
    "appBlock",
    "dealMatch",
    "floorCompliance",
    "seatMatch",
    "creativeIdentity",
    "mediaMatch",
    "secureMarkup",
    "duplicateBid",
    "coppaLeak",
    "latency",
    "pii",
    "filesystem",
    "content",
    "schema",
    "expression",
    "priceCap",
    // Reasons, in the order of the spec.
    "tmax_unknown",
    "start_unknown",
    "clock_skew",
    "tmax_exhausted",
    "no_bids",
    "no_imps",
    "impid_missing",
    "impid_unknown",
    "adomain_missing",
    "adomain_malformed",
    "adomain_ip_address",
    "adomain_placeholder",
    "adomain_single_label",
    "adomain_reserved",
    "adomain_public_suffix",
    "price_missing",
    "price_not_a_number",
    "price_negative",
    "price_above_cap",
    "price_above_floor_multiple",
    "currency_not_comparable",
    "not_child_directed",
    "child_unsafe_rating",
    "child_unsafe_category",
    "unknown_category",
    "taxonomy_unknown",
    "no_block_list",
    "taxonomy_mismatch",
    "blocked_category",
    "category_not_allowed",
    "latency_unknown",
    "latency_exceeded",
    "email_address",
    "ssn_shaped",
    "phone_shaped",
    "destructive_command",
    "path_traversal",
    "sensitive_path",
    "empty_output",
    "refusal_phrase",
    "nodes_exceeded",
    "timeout",
    "no_request_id",
    "response_id_missing",
    "response_id_mismatch",
    "no_currency_list",
    "currency_not_allowed",
    "no_advertiser_list",
    "unknown_advertiser",
    "advertiser_blocked",
    "advertiser_not_allowed",
    "no_attribute_list",
    "attribute_blocked",
    "no_app_list",
    "app_blocked",
    "deal_unknown",
    "deal_required",
    "below_deal_floor",
    "below_duration_floor",
    "below_floor",
    "no_seat_list",
    "seat_blocked",
    "seat_not_allowed",
    "creative_id_missing",
    "markup_missing",
    "media_type_mismatch",
    "markup_mismatch",
    "size_mismatch",
    "not_secure",
    "insecure_markup",
    "bid_id_duplicate",
    "not_coppa",
    "coppa_identifier",
    "coppa_demographics",
    "coppa_precise_geo",
    "coppa_ip_address",
    "expression_false",
    "expression_unknown",
    "expression_too_costly",
    // Errors and the payloads they are about.
    "malformed_bid_request",
    "malformed_bid_response",
    "limit_exceeded",
    "invalid_argument",
    "bid_request",
    "bid_response",
    // Reasons of docs/gates/schema.md.
    "schema_type",
    "schema_enum",
    "schema_range",
    "schema_size",
    "schema_pattern",
    "schema_required",
    "schema_unknown_key",
    "schema_items",
    "schema_combination",
    "schema_budget",
];
