//! Whole auctions as data: `tests/auctions/<gate>/<fact>.json`, each a fact of the spec with its example.
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{Case, NOW_UNIX_US, Observed};
use crate::oracle::{Answer, Timing};

/// One file.
#[derive(Debug)]
pub(crate) struct Fixture {
    /// `<gate>/<fact>.json`
    pub(crate) name: String,
    /// The folder: a gate's name or `contract`.
    pub(crate) folder: String,
    pub(crate) case: Case,
    expect: Expect,
}

/// What is said of the answer; what is not said is not compared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    verdict: String,
    nbr: Option<u32>,
    /// Of the folder's gate.
    gate: Option<ExpectGate>,
    /// By name, in the folder `contract`.
    #[serde(default)]
    gates: std::collections::BTreeMap<String, ExpectGate>,
    /// All findings of the folder's gate; in `contract` all there are.
    findings: Option<Vec<ExpectFinding>>,
    error: Option<ExpectError>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectGate {
    status: String,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectFinding {
    bid: (u32, u32),
    reason: String,
    #[serde(default)]
    note: bool,
    gate: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectError {
    code: String,
    payload: String,
    byte_offset: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fact: String,
    spec: String,
    policy: Option<Value>,
    #[serde(default)]
    call: FileCall,
    now_unix_us: Option<u64>,
    request: Option<Value>,
    request_text: Option<String>,
    request_base64: Option<String>,
    request_repeat: Option<(String, String, usize, String)>,
    response: Option<Value>,
    response_text: Option<String>,
    response_base64: Option<String>,
    response_repeat: Option<(String, String, usize, String)>,
    expect: Expect,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileCall {
    agent_id: Option<String>,
    tool: Option<String>,
    elapsed_us: Option<u64>,
    started_at_unix_us: Option<u64>,
    tmax_ms: Option<u32>,
}

/// Every fixture, sorted by name.
pub(crate) fn all() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/auctions");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    paths
        .iter()
        .map(|path| Fixture::read(&root, path))
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, paths);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
}

impl Fixture {
    fn read(root: &Path, path: &Path) -> Self {
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let text = fs::read_to_string(path).unwrap();
        let file: File =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            !file.fact.is_empty() && !file.spec.is_empty(),
            "{name}: fact and spec are named"
        );
        let folder = name.split('/').next().unwrap().to_owned();
        let request = payload(
            &name,
            [
                file.request.map(|value| value.to_string().into_bytes()),
                file.request_text.map(String::into_bytes),
                file.request_base64.map(|text| decode_base64(&text)),
                file.request_repeat.map(repeat),
            ],
        );
        let response = payload(
            &name,
            [
                file.response.map(|value| value.to_string().into_bytes()),
                file.response_text.map(String::into_bytes),
                file.response_base64.map(|text| decode_base64(&text)),
                file.response_repeat.map(repeat),
            ],
        );
        let policy = file
            .policy
            .unwrap_or_else(|| serde_json::json!({ "fail_fast": false }));
        let mut case = Case::new(request, response, policy);
        case.agent_id = file.call.agent_id.unwrap_or(case.agent_id);
        case.tool = file.call.tool.unwrap_or_default();
        case.timing = Timing {
            now_unix_us: file.now_unix_us.unwrap_or(NOW_UNIX_US),
            started_at_unix_us: file.call.started_at_unix_us,
            elapsed_us: file.call.elapsed_us,
            tmax_ms: file.call.tmax_ms,
        };
        Self {
            name,
            folder,
            case,
            expect: file.expect,
        }
    }

    /// Everything that an answer has otherwise than expected; empty when it is right.
    pub(crate) fn differences(&self, answer: &Answer) -> Vec<String> {
        let expect = &self.expect;
        let mut differences = Vec::new();
        let mut compare = |what: &str, expected: &str, actual: &str| {
            if expected != actual {
                differences.push(format!("{what}: expected {expected}, actual {actual}"));
            }
        };
        compare("verdict", &expect.verdict, answer.verdict);
        if let Some(nbr) = expect.nbr {
            compare("nbr", &nbr.to_string(), &answer.nbr.to_string());
        }
        let of_folder = expect.gate.iter().map(|gate| (self.folder.as_str(), gate));
        let by_name = expect
            .gates
            .iter()
            .map(|(name, gate)| (name.as_str(), gate));
        for (name, gate) in of_folder.chain(by_name) {
            let actual = answer.gates.iter().find(|gate| is_gate(gate.name, name));
            let actual = actual
                .map(|gate| format!("{} {}", gate.status, gate.reason))
                .unwrap_or_default();
            compare(
                name,
                format!("{} {}", gate.status, gate.reason).trim(),
                actual.trim(),
            );
        }
        if let Some(findings) = &expect.findings {
            compare(
                "findings",
                &self.expected_findings(findings),
                &self.actual_findings(answer),
            );
        }
        let error = |code: &str, payload: &str| format!("{code} in {payload}");
        let expected = expect
            .error
            .as_ref()
            .map(|it| error(&it.code, &it.payload))
            .unwrap_or_default();
        let actual = answer
            .error
            .as_ref()
            .map(|it| error(it.code, it.payload))
            .unwrap_or_default();
        compare("error", &expected, &actual);
        differences
    }

    /// [`Self::differences`] of an observed answer, and of where the error was seen.
    pub(crate) fn differences_observed(&self, observed: &Observed) -> Vec<String> {
        let mut differences = self.differences(&observed.answer);
        let expected = self
            .expect
            .error
            .as_ref()
            .and_then(|error| error.byte_offset);
        if expected.is_some() && expected != observed.byte_offset {
            differences.push(format!(
                "byte_offset: expected {expected:?}, actual {:?}",
                observed.byte_offset
            ));
        }
        differences
    }

    fn expected_findings(&self, findings: &[ExpectFinding]) -> String {
        let lines = findings.iter().map(|finding| {
            let gate = finding.gate.as_deref().unwrap_or(&self.folder);
            line(
                finding.bid,
                &snake_case(gate),
                &finding.reason,
                finding.note,
            )
        });
        lines.collect()
    }

    fn actual_findings(&self, answer: &Answer) -> String {
        let of_folder = answer
            .findings
            .iter()
            .filter(|it| self.folder == "contract" || is_gate(it.gate, &self.folder));
        let lines = of_folder.map(|it| {
            line(
                (it.seatbid_index, it.bid_index),
                &snake_case(it.gate),
                it.reason,
                it.note,
            )
        });
        lines.collect()
    }
}

fn line(bid: (u32, u32), gate: &str, reason: &str, note: bool) -> String {
    format!(
        "[{gate} {reason} on bid {}.{}{}]",
        bid.0,
        bid.1,
        if note { ", a note" } else { "" }
    )
}

/// Folders may be called as the gate or as its file: `impidMatch`, `impid_match`.
pub(crate) fn is_gate(gate: &str, folder: &str) -> bool {
    snake_case(gate) == snake_case(folder)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

fn payload(name: &str, forms: [Option<Vec<u8>>; 4]) -> Vec<u8> {
    let mut given: Vec<_> = forms.into_iter().flatten().collect();
    assert_eq!(given.len(), 1, "{name}: each payload is given in one form");
    given.remove(0)
}

fn repeat((prefix, part, times, suffix): (String, String, usize, String)) -> Vec<u8> {
    format!("{prefix}{}{suffix}", part.repeat(times)).into_bytes()
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_usize, 0);
    for character in text.trim_end_matches('=').chars() {
        held = (held << 6
            | ALPHABET
                .find(character)
                .expect("base64 of the standard alphabet"))
            & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).unwrap());
        }
    }
    bytes
}
