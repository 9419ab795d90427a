//! The bundled auctions: `demo/*.json`, one story each.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::error::{CliError, Named};
use crate::proto::{BidResult, EvaluateRequest, EvaluateResponse, GateResult, GateStatus};

macro_rules! bundle {
    ($($file:literal),* $(,)?) => {
        [$(($file, include_str!(concat!("../../../demo/", $file)))),*]
    };
}

/// In the order in which they are told.
const BUNDLED: [(&str, &str); 12] = bundle![
    "01_clean_display_bid.json",
    "02_unknown_impid.json",
    "03_placeholder_domain.json",
    "04_price_thousandfold.json",
    "05_alcohol_for_children.json",
    "06_below_blocked_parent.json",
    "07_long_block_list.json",
    "08_late_auction.json",
    "09_no_bid.json",
    "10_malformed_response.json",
    "11_deal_floor_in_euro.json",
    "12_one_of_three.json",
];

/// All bundled auctions.
///
/// # Errors
/// When one is not a story.
pub(super) fn bundled() -> Result<Vec<Story>, CliError> {
    BUNDLED
        .into_iter()
        .map(|(file, text)| Story::read(file, text))
        .collect()
}

/// The call that a burst repeats: a clean bid, which runs through every gate.
///
/// # Errors
/// When it is not a story.
pub(super) fn typical() -> Result<EvaluateRequest, CliError> {
    let [(file, text), ..] = BUNDLED;
    Story::read(file, text).map(|story| story.call())
}

/// One auction, what is the matter with it, and the answer it must get.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Story {
    pub name: String,
    pub story: String,
    pub expect: Expectation,
    call: CallFields,
    request: Box<RawValue>,
    response: Option<Box<RawValue>>,
    /// A response that is not JSON cannot stand in a JSON file as it is.
    response_text: Option<String>,
}

/// The answer that an auction must get. Gate and reason are empty where the verdict has none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    pub verdict: String,
    pub gate: String,
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallFields {
    agent_id: String,
    tool: String,
    elapsed_us: u64,
}

impl Story {
    fn read(file: &'static str, text: &str) -> Result<Self, CliError> {
        serde_json::from_str(text).map_err(|cause| CliError::Bundled(Named::boxed(file, cause)))
    }

    /// The call as a bidder would make it.
    pub(super) fn call(&self) -> EvaluateRequest {
        EvaluateRequest {
            agent_id: self.call.agent_id.clone(),
            tool: self.call.tool.clone(),
            bid_request: Bytes::copy_from_slice(self.request.get().as_bytes()),
            bid_response: Bytes::copy_from_slice(self.response().as_bytes()),
            elapsed_us: Some(self.call.elapsed_us),
            ..EvaluateRequest::default()
        }
    }

    fn response(&self) -> &str {
        match (&self.response, &self.response_text) {
            (Some(json), _) => json.get(),
            (None, Some(text)) => text,
            (None, None) => "",
        }
    }
}

/// A story and the reply it got.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub story: &'a Story,
    pub reply: EvaluateResponse,
}

impl Told<'_> {
    /// True when verdict, gate and reason are those of the file.
    pub(super) fn as_expected(&self) -> bool {
        let expect = &self.story.expect;
        let got = (
            self.reply.verdict().as_str_name(),
            self.gate(),
            self.reason(),
        );
        got == (
            expect.verdict.as_str(),
            expect.gate.as_str(),
            expect.reason.as_str(),
        )
    }

    /// The gate that decided, if one did.
    pub(super) fn gate(&self) -> &str {
        self.deciding_gate().map_or("", |gate| gate.name.as_str())
    }

    /// The deciding gate's reason, or why the auction could not be judged.
    pub(super) fn reason(&self) -> &str {
        let error = self.reply.error.as_ref().map(|error| error.code.as_str());
        error
            .or_else(|| self.deciding_gate().map(|gate| gate.reason.as_str()))
            .unwrap_or_default()
    }

    /// The first gate that failed. Where none did, and yet the bids were not looked at, it was the first gate's doing.
    fn deciding_gate(&self) -> Option<&GateResult> {
        let failed = |gate: &&GateResult| {
            !gate.passed && matches!(gate.status(), GateStatus::Failed | GateStatus::TimedOut)
        };
        let not_evaluated = self.reply.verdict() == crate::proto::Verdict::NotEvaluated;
        let first = self.reply.gates.first().filter(|_| not_evaluated);
        self.reply.gates.iter().find(failed).or(first)
    }

    /// The bids that may not go out.
    pub(super) fn rejected(&self) -> impl Iterator<Item = &BidResult> {
        self.reply.bids.iter().filter(|bid| !bid.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Verdict;

    #[test]
    fn every_bundled_auction_is_a_story_that_fits_its_file() {
        for (file, text) in BUNDLED {
            let story = Story::read(file, text).unwrap();
            assert!(file.ends_with(&format!("_{}.json", story.name)), "{file}");
            assert!(
                Verdict::from_str_name(&story.expect.verdict).is_some(),
                "{file}"
            );
        }
    }

    #[test]
    fn only_the_malformed_response_is_not_json() {
        for story in bundled().unwrap() {
            let response = story.call().bid_response;
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&response).is_ok();
            assert_eq!(
                is_json,
                story.name != "malformed_response",
                "{}",
                story.name
            );
        }
    }
}
