//! The oracle: a second, slow and obvious reading of the spec, sentence by sentence, against which the engine is
//! judged. It shares no code with the engine, only the category data.
//!
//! Where the spec leaves room it names every answer that is right: a bid request that is malformed in a place
//! that no gate reads may be refused or judged, and of two faults in one payload either may be answered.
//! Time stands still here: no gate ever times out.
mod auction;
mod fields;
mod gates;
mod json;
mod limits;
mod policy;
mod strings;
mod taxonomy;

use auction::Auction;
use fields::{Listed, Shape};
use json::{Care, Document, Node};

pub(crate) use policy::Policy;

/// What a call says beside its payloads, and when it arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) now_unix_us: u64,
    pub(crate) started_at_unix_us: Option<u64>,
    pub(crate) elapsed_us: Option<u64>,
    pub(crate) tmax_ms: Option<u32>,
    pub(crate) latency_ms: Option<f64>,
}

/// One answer, in the words of the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: &'static str,
    pub(crate) nbr: u32,
    /// In policy order.
    pub(crate) gates: Vec<GateAnswer>,
    /// Bids in document order, the findings of a bid in policy order.
    pub(crate) findings: Vec<BidFinding>,
    pub(crate) error: Option<ErrorAnswer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GateAnswer {
    pub(crate) name: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) status: &'static str,
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BidFinding {
    pub(crate) seatbid_index: u32,
    pub(crate) bid_index: u32,
    pub(crate) bid_id: String,
    pub(crate) impid: String,
    pub(crate) gate: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) note: bool,
    pub(crate) loss_reason: u32,
    pub(crate) nonbid_status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorAnswer {
    pub(crate) code: &'static str,
    pub(crate) payload: &'static str,
}

/// Every right answer to a call; never none.
pub(crate) fn answers(
    request: &[u8],
    response: &[u8],
    policy: &Policy,
    timing: &Timing,
    caller: [&str; 2],
) -> Vec<Answer> {
    let draws = policy.draws();
    let answers = draws
        .iter()
        .flat_map(|policy| answers_of(request, response, policy, timing, caller));
    answers.collect()
}

/// The answers of a policy of which the modes are settled.
///
/// "Order of judgement: decode the bid request (else `VERDICT_ERROR`) -> tmaxGuard (exhausted ends it here: the bid
/// response is not even read) -> decode the bid response (else `VERDICT_ERROR`) -> the other gates."
fn answers_of(
    request: &[u8],
    response: &[u8],
    policy: &Policy,
    timing: &Timing,
    caller: [&str; 2],
) -> Vec<Answer> {
    let listed: Vec<_> = policy
        .gates
        .iter()
        .map(|listed| listed.gate.name())
        .collect();
    let (mut answers, request) = match read_request(request, &listed) {
        Reading::Valid(root) => (Vec::new(), root),
        Reading::MayBeMalformed(root) => {
            (vec![error("malformed_bid_request", "bid_request")], root)
        }
        Reading::Faulty(errors) => return errors,
    };
    let guard = gates::tmax_guard::judge(policy, &request, timing);
    if let Some(exhausted) = guard
        .as_ref()
        .and_then(|guard| gates::tmax_guard::exhausted(guard, policy))
    {
        answers.push(exhausted);
        return answers;
    }
    match read_response(response, &listed) {
        Reading::Valid(response) | Reading::MayBeMalformed(response) => {
            answers.push(gates::judge(
                policy,
                guard,
                &Auction::new(&request, &response, timing, caller),
            ));
        }
        Reading::Faulty(errors) => answers.extend(errors),
    }
    answers
}

/// What can be said of a payload.
enum Reading {
    Valid(Node),
    /// Malformed, but only in a place that no gate reads, and the structure is balanced: refusing and judging are
    /// both right.
    MayBeMalformed(Node),
    /// With every error that is right.
    Faulty(Vec<Answer>),
}

fn read_request(bytes: &[u8], listed: Listed<'_>) -> Reading {
    let shape = Shape::request(listed);
    let over_limit = |root: &Node| {
        objects(root.list("imp")) > 512
            || limits::list_entries(root, listed) > 16384
            || limits::too_many_duration_floors(root, listed)
    };
    let read = |care| {
        let document = json::read(bytes, shape, care);
        let sound = document.fault.is_none();
        let payload = "bid_request";
        (
            sound,
            reading(
                document,
                shape,
                over_limit,
                "malformed_bid_request",
                payload,
            ),
        )
    };
    let (sound, strict) = read(Care::Everywhere);
    if sound {
        return strict;
    }
    // "(at least: unbalanced or truncated structure, an unterminated string, and anything wrong in or around a field
    // that a gate reads)"
    match read(Care::WhereGatesRead).1 {
        Reading::Valid(root) => Reading::MayBeMalformed(root),
        Reading::Faulty(mut errors) => {
            errors.push(error("malformed_bid_request", "bid_request"));
            Reading::Faulty(errors)
        }
        may_be @ Reading::MayBeMalformed(_) => may_be,
    }
}

/// "Empty = HTTP 204, a no-bid": read as an object without fields.
fn read_response(bytes: &[u8], listed: Listed<'_>) -> Reading {
    if bytes.is_empty() {
        return Reading::Valid(Node::Object(Vec::new()));
    }
    let over_limit = |root: &Node| {
        let seatbids = root.list("seatbid").unwrap_or_default();
        seatbids
            .iter()
            .map(|seatbid| objects(seatbid.list("bid")))
            .sum::<usize>()
            > 1024
    };
    let shape = Shape::response(listed);
    let document = json::read(bytes, shape, Care::Everywhere);
    reading(
        document,
        shape,
        over_limit,
        "malformed_bid_response",
        "bid_response",
    )
}

fn objects(elements: Option<&[Node]>) -> usize {
    elements
        .unwrap_or_default()
        .iter()
        .filter(|element| element.is_object())
        .count()
}

fn reading(
    document: Document,
    shape: Shape<'_>,
    over_limit: impl Fn(&Node) -> bool,
    malformed: &'static str,
    payload: &'static str,
) -> Reading {
    let mut errors = Vec::new();
    // "malformed JSON, invalid UTF-8, lone surrogate, trailing bytes"; "a root that is not an object is malformed";
    // "a key that a gate reads stands twice in one object: the same error"
    let duplicate = fields::has_duplicate(&document.root, shape);
    if document.fault.is_some() || !document.root.is_object() || duplicate {
        errors.push(error(malformed, payload));
    }
    // "nesting deeper than 64, more than 512 imps, more than 1024 bids, more than 16384 block-list entries"
    if document.too_deep || over_limit(&document.root) {
        errors.push(error("limit_exceeded", payload));
    }
    if errors.is_empty() {
        Reading::Valid(document.root)
    } else {
        Reading::Faulty(errors)
    }
}

/// "With `VERDICT_ERROR`, `gates[]` and `bids[]` are empty and `passed` is false." `nbr`: "`malformed_bid_request` 2,
/// all else 1".
fn error(code: &'static str, payload: &'static str) -> Answer {
    let nbr = if code == "malformed_bid_request" {
        2
    } else {
        1
    };
    Answer {
        verdict: "error",
        nbr,
        error: Some(ErrorAnswer { code, payload }),
        ..Answer::default()
    }
}
