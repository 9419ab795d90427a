//! What is asked of the binary, and what it said.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bidgate::proto::{DESCRIPTOR_SET, EvaluateResponse};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A pair of payloads in files of their own.
pub(crate) struct Pair(TempDir);

impl Pair {
    pub(crate) fn new(request: &str, response: &str) -> Self {
        let pair = Self(TempDir::new().unwrap());
        pair.write("request.json", request);
        pair.write("response.json", response);
        pair
    }

    /// One of the auctions that the demo tells.
    pub(crate) fn bundled(name: &str) -> Self {
        let story = Story::read(name);
        Self::new(&story.request, &story.response)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    pub(crate) fn request(&self) -> String {
        self.file("request.json")
    }

    pub(crate) fn response(&self) -> String {
        self.file("response.json")
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0
            .path()
            .join(name)
            .into_os_string()
            .into_string()
            .unwrap()
    }

    pub(crate) fn check(&self, flags: &[&str]) -> Said {
        let (request, response) = (self.request(), self.response());
        Said::of(bidgate(
            &[&["check", request.as_str(), response.as_str()], flags].concat(),
        ))
    }
}

/// The payloads of a bundled auction, as written.
pub(crate) struct Story {
    pub(crate) request: String,
    pub(crate) response: String,
}

impl Story {
    pub(crate) fn read(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("demo")
            .join(format!("{name}.json"));
        let fields: std::collections::BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let response = match (fields.get("response"), fields.get("response_text")) {
            (Some(json), _) => json.get().to_owned(),
            (None, Some(text)) => serde_json::from_str(text.get()).unwrap(),
            (None, None) => String::new(),
        };
        Self {
            request: fields["request"].get().to_owned(),
            response,
        }
    }
}

/// A bundled auction as a line for replay.
pub(crate) fn ndjson(name: &str) -> String {
    let story = Story::read(name);
    let one_line = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    json!({ "name": name, "request": one_line(&story.request), "response": one_line(&story.response) }).to_string()
}

/// What the binary said, and how it ended.
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: std::process::ExitStatus,
}

impl Said {
    pub(crate) fn of(mut command: Command) -> Self {
        Self::ended(command.stdin(Stdio::null()).output().unwrap())
    }

    pub(crate) fn with_input(args: &[&str], input: &[u8]) -> Self {
        let mut command = bidgate(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input may end before all of it is written.
        let written = child.stdin.take().unwrap().write_all(input);
        let said = Self::ended(child.wait_with_output().unwrap());
        assert!(written.is_ok() || said.code() == 2, "{written:?}");
        said
    }

    pub(crate) fn ended(output: Output) -> Self {
        Self {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            status: output.status,
        }
    }

    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap()
    }

    /// The verdict in capitals, which two blanks part from the rest.
    pub(crate) fn headline(&self) -> &str {
        self.out.split("  ").next().unwrap()
    }
}

pub(crate) fn bidgate(args: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_bidgate")));
    command.args(args).env_remove("NO_COLOR");
    command
}

/// The text with one blank between words, and `#` for what differs from run to run: times and the policy's digest.
pub(crate) fn without_measurements(text: &str) -> String {
    let is_time = |word: &str| {
        word.split_once('.')
            .is_some_and(|(_, fraction)| fraction.len() == 3)
            && word.parse::<f64>().is_ok()
    };
    let mut plain = String::new();
    for line in text.lines() {
        let mut previous = "";
        for word in line.split_whitespace() {
            let shown = if is_time(word) || previous == "policy" {
                "#"
            } else {
                word
            };
            plain.extend([if previous.is_empty() { "" } else { " " }, shown]);
            previous = word;
        }
        plain.push('\n');
    }
    plain
}

/// Reads proto JSON by the contract, which refuses unknown fields and wrong types.
pub(crate) fn reply_from_json(json: &str) -> EvaluateResponse {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
    let descriptor = pool
        .get_message_by_name("bidgate.v1.EvaluateResponse")
        .unwrap();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(descriptor, &mut deserializer).unwrap();
    deserializer.end().unwrap();
    message.transcode_to().unwrap()
}
