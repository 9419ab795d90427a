//! What is wrong with a document.
use std::fmt;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands: `bidgate.yaml:12:7`, `--timeout-ms` or `BIDGATE_TIMEOUT_MS`.
    pub place: String,
    /// Path of the key: `policy.gates[3].max_price`.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Everything that is wrong with a document; never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{}: {}: {}", problem.place, problem.path, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
