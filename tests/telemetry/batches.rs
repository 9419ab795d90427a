//! What a sink was given, held against the format and against itself.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// `agent_id`, `tool` and verdict.
pub(crate) type Counts = BTreeMap<(String, String, String), u64>;

/// The batches of one process, in the order in which they came.
pub(crate) struct Batches(pub(crate) Vec<Value>);

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("batch.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

impl Batches {
    /// Reads a line each. All are well formed, of one process, each with its own id, and none is missing.
    pub(crate) fn read(lines: &str) -> Self {
        let batches = Self::read_some(lines);
        for (batch, seq) in batches.0.iter().zip(1..) {
            assert_eq!(batch["seq"], seq);
        }
        let ids = batches.0.iter().map(|batch| &batch["batch_id"]);
        let ids: Vec<_> = ids.map(|id| id.as_str().unwrap()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        batches
    }

    /// The same where some were lost, or stand elsewhere.
    pub(crate) fn read_some(lines: &str) -> Self {
        assert!(
            lines.is_empty() || lines.ends_with('\n'),
            "the last line is cut"
        );
        let batches: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for batch in &batches {
            if let Err(error) = SCHEMA.validate(batch) {
                panic!("{error} at {}\nin {batch:#}", error.instance_path());
            }
            for key in ["boot_id", "sender"] {
                assert_eq!(batch[key], batches[0][key]);
            }
        }
        Self(batches)
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &Value> {
        self.0
            .iter()
            .flat_map(|batch| batch["events"].as_array().unwrap())
    }

    /// All that was evaluated.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for count in self
            .0
            .iter()
            .flat_map(|batch| batch["counts"].as_array().unwrap())
        {
            let name = |key: &str| count[key].as_str().unwrap().to_owned();
            let key = (name("agent_id"), name("tool"), name("verdict"));
            *counts.entry(key).or_default() += count["n"].as_u64().unwrap();
        }
        counts
    }

    /// Events that were dropped for this reason.
    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        let dropped = |batch: &Value| batch["dropped"][reason].as_u64().unwrap();
        self.0.iter().map(dropped).sum()
    }
}
