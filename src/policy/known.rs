//! Which gates a policy may list.

use crate::document::Section;
use crate::gate::{GATES, Row, TmaxGuard};
use crate::limits::GATE_NAME_BYTES;

/// The gates that are built in, behind [`TmaxGuard`], and those that the program brings along.
#[derive(Clone, Copy)]
pub(super) struct KnownGates<'r> {
    rows: &'r [Row],
}

impl<'r> KnownGates<'r> {
    /// Records in `policy` what is wrong with the names of `rows`.
    pub(super) fn new(rows: &'r [Row], policy: &mut Section) -> Self {
        for (position, row) in rows.iter().enumerate() {
            let before = Self {
                rows: rows.get(..position).unwrap_or_default(),
            };
            if !before.is_free(row.name) {
                let name = row.name;
                let problem = format!("the program brings a gate along as {name:?}: {NAMES}");
                policy.reject("gates", &problem);
            }
        }
        Self { rows }
    }

    /// Every gate but [`TmaxGuard`].
    pub(super) fn rows(self) -> impl Iterator<Item = &'r Row> {
        GATES.iter().chain(self.rows)
    }

    /// Whether a gate of one's own may have this name.
    pub(super) fn is_free(self, name: &str) -> bool {
        is_name(name) && name != TmaxGuard::NAME && self.rows().all(|row| row.name != name)
    }
}

pub(super) const NAMES: &str = "a name of a gate of one's own is a lower-case letter, then letters and digits, at most 64, and \
    not the name of a gate that there is already";

/// What [`is_name`] accepts.
pub(super) const NAME_PATTERN: &str = "^[a-z][A-Za-z0-9]{0,63}$";

/// A name that reads well in replies.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && name.len() <= GATE_NAME_BYTES
}
