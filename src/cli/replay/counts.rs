//! `bidgate replay` by one policy: counts, or one reply a line.

use serde::Serialize;

use super::lanes::Lane;
use super::pairs::Pair;
use crate::cli::CliError;
use crate::cli::judge::{Judge, OfflinePolicy};
use crate::cli::tally::Tally;
use crate::reply_json::{ReplyJson, ReplyReader};

/// Counts replies.
pub(super) struct Counting {
    judge: Judge,
    pub(super) tally: Tally,
}

impl Counting {
    pub(super) fn new(policy: &OfflinePolicy) -> Result<Self, CliError> {
        Ok(Self {
            judge: Judge::sharing(policy)?,
            tally: Tally::new()?,
        })
    }
}

impl Lane for Counting {
    fn pair(&mut self, line: u64, pair: &Pair<'_>, _: &mut Vec<u8>) -> Result<(), CliError> {
        let judged = self.judge.judge(&pair.call());
        self.tally.count(line, &judged.reply()?, judged.total_ns);
        Ok(())
    }
}

/// Prints replies.
pub(super) struct Printing {
    judge: Judge,
    reader: ReplyReader,
}

impl Printing {
    pub(super) fn new(policy: &OfflinePolicy) -> Result<Self, CliError> {
        Ok(Self {
            judge: Judge::sharing(policy)?,
            reader: ReplyReader::new().map_err(CliError::Contract)?,
        })
    }
}

impl Lane for Printing {
    fn pair(&mut self, _: u64, pair: &Pair<'_>, out: &mut Vec<u8>) -> Result<(), CliError> {
        let judged = self.judge.judge(&pair.call());
        let named = Named {
            name: pair.name(),
            reply: self.reader.read(judged.encoded).map_err(CliError::Reply)?,
        };
        serde_json::to_writer(&mut *out, &named).map_err(CliError::Json)?;
        out.push(b'\n');
        Ok(())
    }
}

/// One reply of `--json`: the pair's name, then all fields of the reply.
#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(flatten)]
    reply: ReplyJson,
}
