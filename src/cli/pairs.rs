//! Pairs of payloads, one JSON object a line.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read as _};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::evaluate::Call;
use crate::wire::WireError;

/// Bytes of a line. Pairs are some kilobytes, block lists and all; a longer line is no pair but another format.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Who produced a bid when the line does not say.
const AGENT_ID: &str = "replay";

/// The pairs of a file, one in memory at a time.
#[derive(Debug)]
pub(super) struct Pairs<R> {
    source: R,
    bytes: Vec<u8>,
    line: u64,
}

impl<R: BufRead> Pairs<R> {
    pub(super) const fn new(source: R) -> Self {
        Self {
            source,
            bytes: Vec::new(),
            line: 0,
        }
    }

    /// Number of the line read last, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// The next pair, or why the next line is none; blank lines are passed over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<Pair<'_>, LineProblem>>> {
        loop {
            match self.read_line()? {
                Line::End => return Ok(None),
                Line::TooLong => return Ok(Some(Err(LineProblem::TooLong))),
                Line::Read if self.bytes.trim_ascii().is_empty() => {}
                Line::Read => break,
            }
        }
        Ok(Some(Pair::read(self.bytes.trim_ascii())))
    }

    fn read_line(&mut self) -> io::Result<Line> {
        self.bytes.clear();
        let mut bounded = self.source.by_ref().take(LINE_BYTES_MAX);
        if bounded.read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(Line::End);
        }
        self.line += 1;
        let is_whole = self.bytes.ends_with(b"\n") || self.source.skip_until(b'\n')? == 0;
        Ok(if is_whole { Line::Read } else { Line::TooLong })
    }
}

enum Line {
    Read,
    TooLong,
    End,
}

/// One line of the file. The payloads stay as they are written: what a parser would make of them is not what is judged.
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
}

impl<'a> Pair<'a> {
    fn read(line: &'a [u8]) -> Result<Self, LineProblem> {
        let pair: Self = serde_json::from_slice(line).map_err(LineProblem::Json)?;
        pair.call().validate().map_err(LineProblem::Field)?;
        Ok(pair)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The call that is judged.
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            agent_id: self.agent_id.as_deref().unwrap_or(AGENT_ID),
            tool: self.tool.as_deref().unwrap_or_default(),
            bid_request: self.request.get().as_bytes(),
            bid_response: self
                .response
                .map_or(b"", |response| response.get().as_bytes()),
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

    fn pairs(text: &str) -> Vec<(u64, Result<String, String>)> {
        let mut pairs = Pairs::new(text.as_bytes());
        let mut seen = Vec::new();
        while let Some(pair) = pairs.next().unwrap() {
            let told = pair
                .map(|pair| pair.name().to_owned())
                .map_err(|problem| problem.to_string());
            seen.push((pairs.line(), told));
        }
        seen
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does_and_the_last_needs_no_end() {
        let text = "{\"name\":\"a\",\"request\":{}}\r\n\n  \n{\"name\":\"b\",\"request\":{}}";
        assert_eq!(
            pairs(text),
            [(1, Ok("a".to_owned())), (4, Ok("b".to_owned()))]
        );
        assert_eq!(pairs(""), []);
    }

    #[test]
    fn a_line_that_is_no_pair_is_told_and_the_next_is_read() {
        let text = "{\"name\":\n{\"name\":\"b\",\"request\":{}}\n";
        let problem = Err("column 8: is not JSON: EOF while parsing a value".to_owned());
        assert_eq!(pairs(text), [(1, problem), (2, Ok("b".to_owned()))]);
    }
}
