//! `bidgate replay --against`: each auction judged by two policies, that in force and that to be tried.

use serde::Serialize;

use super::changes::Changes;
use super::difference::{Answer, Change, Difference};
use super::lanes::Lane;
use super::pairs::Pair;
use crate::cli::CliError;
use crate::cli::judge::{Judge, OfflinePolicy};
use crate::cli::policy::PolicyFile;
use crate::document::Problems;
use crate::evaluate::Call;
use crate::policy::Policy;
use crate::reply_json::{ReplyJson, ReplyReader};

/// A policy, and the same with what only warns enforced.
#[derive(Debug)]
pub(super) struct Side {
    policy: OfflinePolicy,
    rehearsal: Option<OfflinePolicy>,
}

impl Side {
    /// The policy of a file, the default one without a file.
    ///
    /// # Errors
    /// With everything that is wrong with the file.
    pub(super) fn open(file: Option<&std::path::Path>) -> Result<Self, Problems> {
        let file = file.map(PolicyFile::open).transpose()?;
        let compile = || {
            file.as_ref()
                .map_or_else(|| Ok(Policy::default()), PolicyFile::compile)
        };
        Ok(Self {
            policy: compile()?.into(),
            rehearsal: compile()?.rehearsal().map(OfflinePolicy::from),
        })
    }

    /// Digest of the policy.
    pub(super) fn version(&self) -> &str {
        self.policy.version()
    }

    fn judges(&self) -> Result<Judges, CliError> {
        Ok(Judges {
            judge: Judge::sharing(&self.policy)?,
            rehearsal: self.rehearsal.as_ref().map(Judge::sharing).transpose()?,
            encoded: Vec::new(),
        })
    }
}

/// One side of a lane.
struct Judges {
    judge: Judge,
    rehearsal: Option<Judge>,
    /// The last reply of `judge`.
    encoded: Vec<u8>,
}

impl Judges {
    fn answer(&mut self, call: &Call<'_>) -> Result<Answer, CliError> {
        let judged = self.judge.judge(call);
        self.encoded.clear();
        self.encoded.extend_from_slice(judged.encoded);
        let reply = judged.reply()?;
        let rehearsed = self
            .rehearsal
            .as_mut()
            .map(|judge| judge.judge(call).reply());
        Ok(Answer {
            reply,
            rehearsal: rehearsed.transpose()?,
        })
    }
}

/// Compares the two policies.
pub(super) struct Comparing {
    before: Judges,
    after: Judges,
    /// For printing changed auctions.
    reader: Option<ReplyReader>,
    pub(super) changes: Changes,
}

impl Comparing {
    pub(super) fn new(
        before: &Side,
        after: &Side,
        prints: bool,
        changes: Changes,
    ) -> Result<Self, CliError> {
        let reader = prints.then(ReplyReader::new).transpose();
        Ok(Self {
            before: before.judges()?,
            after: after.judges()?,
            reader: reader.map_err(CliError::Contract)?,
            changes,
        })
    }
}

impl Lane for Comparing {
    fn pair(&mut self, line: u64, pair: &Pair<'_>, out: &mut Vec<u8>) -> Result<(), CliError> {
        let call = pair.call();
        let before = self.before.answer(&call)?;
        let after = self.after.answer(&call)?;
        let difference = Difference::between(&before, &after);
        if let (Some(difference), Some(reader)) = (&difference, &self.reader) {
            let read = |encoded: &[u8]| reader.read(encoded).map_err(CliError::Reply);
            let changed = ChangedJson {
                name: pair.name(),
                line,
                change: change_name(difference.change),
                before: read(&self.before.encoded)?,
                after: read(&self.after.encoded)?,
            };
            serde_json::to_writer(&mut *out, &changed).map_err(CliError::Json)?;
            out.push(b'\n');
        }
        self.changes
            .count(line, pair.name(), before.reply.verdict(), difference);
        Ok(())
    }
}

/// One changed auction of `--json`.
#[derive(Serialize)]
struct ChangedJson<'a> {
    name: &'a str,
    line: u64,
    change: &'static str,
    before: ReplyJson,
    after: ReplyJson,
}

const fn change_name(change: Change) -> &'static str {
    match change {
        Change::Verdict(..) => "verdict",
        Change::Bids => "bids",
        Change::Warnings => "warnings",
    }
}
