//! Auctions with a word wherever there can be one.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The word: letters and digits, so that no gate's normal form, no log's escaping and no label changes it.
pub(crate) const CANARY: &str = "kanarienvogel7f3a";

/// Payloads that hold the word.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
}

/// What is done to the texts of an auction.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Every string is the word.
    Instead,
    /// Every string ends with the word: most keep their meaning until then.
    Behind,
    /// Every object has a member of this name.
    AsKey,
    /// Every number and flag is the word.
    WrongType,
}

/// Every auction of `tests/auctions` in one of the ways, in turns, and a few that are no JSON.
pub(crate) fn all() -> Vec<Planted> {
    let ways = [Way::Behind, Way::Instead, Way::AsKey, Way::WrongType];
    let auctions = auctions();
    let whole = auctions.iter().zip(ways.iter().cycle());
    let mut planted: Vec<_> = whole
        .map(|((request, response), way)| both(request, response, *way))
        .collect();
    for (request, response) in auctions.iter().step_by(40) {
        planted.extend(broken(&both(request, response, Way::Behind)));
    }
    planted.push(Planted::both(CANARY, CANARY));
    planted
}

fn both(request: &Value, response: &Value, way: Way) -> Planted {
    let [request, response] = [request, response].map(|payload| way.plant(payload).to_string());
    Planted::both(&request, &response)
}

impl Way {
    fn plant(self, payload: &Value) -> Value {
        match (self, payload) {
            (Self::Instead, Value::String(_))
            | (Self::WrongType, Value::Number(_) | Value::Bool(_)) => CANARY.into(),
            (Self::Behind, Value::String(text)) => format!("{text}{CANARY}").into(),
            (_, Value::Array(items)) => items.iter().map(|item| self.plant(item)).collect(),
            (_, Value::Object(members)) => Value::Object(self.plant_in(members)),
            (_, other) => other.clone(),
        }
    }

    fn plant_in(self, members: &Map<String, Value>) -> Map<String, Value> {
        let planted = members
            .iter()
            .map(|(key, value)| (key.clone(), self.plant(value)));
        let key = matches!(self, Self::AsKey).then(|| (CANARY.to_owned(), CANARY.into()));
        planted.chain(key).collect()
    }
}

/// The same payloads cut behind a word, and with a byte behind it that no string may hold.
fn broken(whole: &Planted) -> Vec<Planted> {
    let cut = |payload: &[u8]| payload[..last_word(payload)].to_vec();
    let spoilt = |payload: &[u8]| {
        let mut payload = payload.to_vec();
        payload.insert(last_word(&payload), b'\x01');
        payload
    };
    vec![
        Planted {
            request: cut(&whole.request),
            ..whole.clone()
        },
        Planted {
            response: cut(&whole.response),
            ..whole.clone()
        },
        Planted {
            request: spoilt(&whole.request),
            ..whole.clone()
        },
        Planted {
            response: spoilt(&whole.response),
            ..whole.clone()
        },
    ]
}

/// Where the last word of a payload ends; its end if it has none.
fn last_word(payload: &[u8]) -> usize {
    let ends = payload
        .windows(CANARY.len())
        .rposition(|part| part == CANARY.as_bytes());
    ends.map_or(payload.len(), |start| start + CANARY.len())
}

/// The auctions of the facts, as far as both payloads are JSON.
fn auctions() -> Vec<(Value, Value)> {
    let mut paths = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/auctions"),
        &mut paths,
    );
    paths.sort();
    paths.iter().filter_map(|path| auction(path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn auction(path: &Path) -> Option<(Value, Value)> {
    let fact: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let payload = |key: &str| match fact.get(key) {
        Some(payload) => Some(payload.clone()),
        None => serde_json::from_str(fact.get(format!("{key}_text"))?.as_str()?).ok(),
    };
    Some((
        payload("request")?,
        payload("response").unwrap_or(Value::Null),
    ))
}
