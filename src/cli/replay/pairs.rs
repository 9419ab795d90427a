//! One line of recorded traffic: a pair of payloads, who it is from and how late it was.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines::LINE_BYTES_MAX;
use crate::evaluate::Call;
use crate::wire::WireError;

/// Who produced a bid when the line does not say.
const AGENT_ID: &str = "replay";

/// A line that can be judged. The payloads stay as they are written: what a parser would make of them is not what is judged.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with name, request and response")]
pub(super) struct Pair<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    request: &'a RawValue,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    agent_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool: Option<Cow<'a, str>>,
    #[serde(default)]
    elapsed_us: Option<u64>,
    #[serde(default)]
    tmax_ms: Option<u32>,
    #[serde(default)]
    latency_ms: Option<f64>,
}

impl<'a> Pair<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is no such object, or the RPC would refuse it.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, LineProblem> {
        let pair: Self = serde_json::from_slice(line).map_err(LineProblem::Json)?;
        pair.call().validate().map_err(LineProblem::Field)?;
        Ok(pair)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The call that is judged. A recorded `started_at_unix_us` is passed over: how long ago that is by the clock of
    /// this machine says nothing about the auction. How late it was says `elapsed_us`.
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            agent_id: self.agent_id.as_deref().unwrap_or(AGENT_ID),
            tool: self.tool.as_deref().unwrap_or_default(),
            bid_request: self.request.get().as_bytes(),
            bid_response: self
                .response
                .map_or(b"", |response| response.get().as_bytes()),
            elapsed_us: self.elapsed_us,
            tmax_ms: self.tmax_ms,
            latency_ms: self.latency_ms,
            ..Call::default()
        }
    }
}

/// Why a line is no pair.
#[derive(Debug)]
pub(super) enum LineProblem {
    /// Longer than any pair.
    TooLong,
    /// Not the JSON it should be.
    Json(serde_json::Error),
    /// A field that the RPC would refuse.
    Field(WireError),
}

impl fmt::Display for LineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {LINE_BYTES_MAX} bytes"),
            Self::Json(cause) => {
                let told = cause.to_string();
                let what = told
                    .rsplit_once(" at line ")
                    .map_or(told.as_str(), |(what, _)| what);
                let is_json = if cause.is_data() { "" } else { "is not JSON: " };
                write!(f, "column {}: {is_json}{what}", cause.column())
            }
            Self::Field(refused) => write!(f, "{refused}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_taken_byte_for_byte() {
        let line = br#"{"name":"n","response":"{\"not\": unwrapped}","request":{ "id" : 1.0e0,"im\u0070":[] }}"#;
        let pair = Pair::read(line).unwrap();
        assert_eq!(
            pair.call().bid_request,
            br#"{ "id" : 1.0e0,"im\u0070":[] }"#
        );
        assert_eq!(pair.call().bid_response, br#""{\"not\": unwrapped}""#);
        assert_eq!((pair.call().agent_id, pair.call().tool), ("replay", ""));
    }

    #[test]
    fn a_response_that_is_null_or_missing_is_a_no_bid() {
        for line in [
            r#"{"name":"n","request":{},"response":null}"#,
            r#"{"name":"n","request":{}}"#,
        ] {
            assert_eq!(
                Pair::read(line.as_bytes()).unwrap().call().bid_response,
                b""
            );
        }
    }

    #[test]
    fn a_line_that_the_rpc_would_refuse_is_unusable() {
        let problem = Pair::read(br#"{"name":"n","request":{},"agent_id":""}"#)
            .err()
            .unwrap();
        assert_eq!(problem.to_string(), "agent_id must be 1 to 200 bytes");
    }

    #[test]
    fn what_a_line_says_of_time_is_taken_but_for_when_it_began() {
        let line = br#"{"name":"n","request":{},"elapsed_us":7,"tmax_ms":80,"latency_ms":1.5,"started_at_unix_us":1}"#;
        let pair = Pair::read(line).unwrap();
        let call = pair.call();
        assert_eq!((call.elapsed_us, call.tmax_ms), (Some(7), Some(80)));
        assert_eq!(call.latency_ms, Some(1.5));
        assert_eq!(call.started_at_unix_us, None);
    }

    #[test]
    fn a_line_that_is_no_object_is_told_with_its_column() {
        let problem = Pair::read(br#"{"name":"#).err().unwrap();
        let told = "column 8: is not JSON: EOF while parsing a value";
        assert_eq!(problem.to_string(), told);
    }
}
