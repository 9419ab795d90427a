//! Where keys come from, and how one is replaced while the process runs.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{Key, KeyFault, KeyKind};
use crate::audit::{Audit, Event};

/// What is wrong with where a key should be.
#[derive(Debug)]
pub(in crate::telemetry) enum KeyProblem {
    /// It is nowhere.
    Missing(KeyKind),
    /// It is in the environment and in a file.
    Twice(KeyKind),
    /// What the variable holds is no key.
    Variable(KeyKind, KeyFault),
    /// What the file holds is no key.
    File(Box<Path>, KeyFault),
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(kind) => {
                let (variable, key) = (kind.variable(), kind.file_key());
                write!(
                    f,
                    "telemetry needs a {kind}: set {variable}, or name its file by {key}"
                )
            }
            Self::Twice(kind) => {
                let (variable, key) = (kind.variable(), kind.file_key());
                write!(f, "there are {variable} and {key}; keep one of the two")
            }
            Self::Variable(kind, fault) => write!(f, "{} {fault}", kind.variable()),
            Self::File(path, fault) => write!(f, "{} {fault}", path.display()),
        }
    }
}

/// The environment of the process: [`std::env::var_os`], or what a test puts in its place.
pub(in crate::telemetry) type Environment<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// A key that may be replaced while the process runs: by its file, if it comes from one.
#[derive(Debug)]
pub(in crate::telemetry) struct LiveKey<K> {
    key: K,
    file: Option<PathBuf>,
    looked: Instant,
    /// What was wrong with the file at the last look, so that it is logged once.
    fault: Option<KeyFault>,
    audit: Audit,
}

impl<K: Key> LiveKey<K> {
    /// The key in its variable or in `file`, whichever there is. An empty variable is none.
    ///
    /// # Errors
    /// When it is in neither or in both, or what is there is no such key.
    pub(in crate::telemetry) fn find(
        environment: Environment<'_>,
        file: Option<&Path>,
        now: Instant,
        audit: Audit,
    ) -> Result<Self, KeyProblem> {
        let variable = environment(K::KIND.variable()).filter(|text| !text.is_empty());
        match (variable, file) {
            (None, None) => Err(KeyProblem::Missing(K::KIND)),
            (Some(_), Some(_)) => Err(KeyProblem::Twice(K::KIND)),
            (None, Some(path)) => {
                let opened = Self::open(path, now, audit);
                opened.map_err(|fault| KeyProblem::File(path.into(), fault))
            }
            (Some(text), None) => {
                let text = Zeroizing::new(text.into_encoded_bytes());
                let key = parse_bytes(&text);
                let key = key.map_err(|fault| KeyProblem::Variable(K::KIND, fault))?;
                Ok(Self::new(key, None, now, audit))
            }
        }
    }

    fn open(path: &Path, now: Instant, audit: Audit) -> Result<Self, KeyFault> {
        Ok(Self::new(read(path)?, Some(path.to_owned()), now, audit))
    }

    fn new(key: K, file: Option<PathBuf>, now: Instant, audit: Audit) -> Self {
        audit.note(Event::KeyLoaded {
            key: K::KIND.name(),
            id: key.id().to_string(),
            from_file: file.is_some(),
        });
        Self {
            key,
            file,
            looked: now,
            fault: None,
            audit,
        }
    }

    /// The key as it is now. Its file is read when the last look was [`LOOK_AGAIN`] ago; one that holds no such key
    /// changes nothing.
    pub(in crate::telemetry) fn current(&mut self, now: Instant) -> &K {
        if now.saturating_duration_since(self.looked) >= LOOK_AGAIN {
            self.looked = now;
            self.look();
        }
        &self.key
    }

    fn look(&mut self) {
        let Some(path) = &self.file else { return };
        match read::<K>(path) {
            Ok(key) => {
                if key.id() != self.key.id() {
                    tracing::info!(key = %key.id(), "telemetry has a new {}", K::KIND);
                    self.audit.note(Event::KeyReplaced {
                        key: K::KIND.name(),
                        id: key.id().to_string(),
                        before: self.key.id().to_string(),
                    });
                    self.key = key;
                }
                self.fault = None;
            }
            Err(fault) => {
                if self.fault != Some(fault) {
                    let (key, file) = (self.key.id(), path.display());
                    tracing::warn!(%key, %file, "the file of the {} {fault}; the last good one stays", K::KIND);
                    self.audit.note(Event::KeyRefused {
                        key: K::KIND.name(),
                        id: key.to_string(),
                    });
                }
                self.fault = Some(fault);
            }
        }
    }
}

/// Between two looks at a file.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Reads a file into memory that is wiped.
fn read<K: Key>(path: &Path) -> Result<K, KeyFault> {
    let mut text = Zeroizing::new([0; FILE_BYTES_MAX + 1]);
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        // Whoever opens a pipe waits for its other end.
        return Err(unreadable(ErrorKind::InvalidInput.into()));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut length = 0;
    while let Some(room) = text.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(bytes) => length += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    let text = text.get(..length).unwrap_or_default();
    if text.len() > FILE_BYTES_MAX {
        return Err(KeyFault::TooLarge);
    }
    parse_bytes(text)
}

fn parse_bytes<K: Key>(bytes: &[u8]) -> Result<K, KeyFault> {
    let text = std::str::from_utf8(bytes).ok();
    K::parse(text.ok_or(KeyFault::Malformed(K::KIND))?)
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn unreadable(error: io::Error) -> KeyFault {
    KeyFault::Unreadable(error.kind())
}

/// A key, and room for the white space that editors leave.
pub(super) const FILE_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::super::{PublishableKey, SecretKey};
    use super::*;

    const PUBLISHABLE: &str = "pk_live_0123456789abcdefABCDEF_-";
    const SECRET: &str = "sk_live_0123456789abcdefABCDEF_-";

    #[test]
    fn a_file_is_read_again_once_a_second_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let other = PUBLISHABLE.replace('0', "9");
        fs::write(&file, PUBLISHABLE).unwrap();
        let mut live = LiveKey::<PublishableKey>::open(&file, at(0), Audit::default()).unwrap();
        assert!(!format!("{live:?}").contains("0123456789"));
        let mut bearer = |ms| live.current(at(ms)).bearer().unwrap();

        fs::write(&file, &other).unwrap();
        assert_eq!(bearer(999), format!("Bearer {PUBLISHABLE}").as_str());
        assert_eq!(bearer(1000), format!("Bearer {other}").as_str());
        for (second, broken) in (2..).zip([SECRET, "", &"x".repeat(FILE_BYTES_MAX + 1)]) {
            fs::write(&file, broken).unwrap();
            assert_eq!(bearer(1000 * second), format!("Bearer {other}").as_str());
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(bearer(9000), format!("Bearer {other}").as_str());
        fs::write(&file, PUBLISHABLE).unwrap();
        assert_eq!(bearer(10_000), format!("Bearer {PUBLISHABLE}").as_str());
    }

    #[test]
    fn a_file_that_is_not_there_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let open = || LiveKey::<SecretKey>::open(&file, at(0), Audit::default()).err();
        assert_eq!(open(), Some(KeyFault::Unreadable(ErrorKind::NotFound)));
        fs::write(&file, format!("{SECRET}{}", " ".repeat(FILE_BYTES_MAX))).unwrap();
        assert_eq!(open(), Some(KeyFault::TooLarge));
        fs::write(&file, [0xff, 0xfe]).unwrap();
        assert_eq!(open(), Some(KeyFault::Malformed(KeyKind::Secret)));
    }

    fn at(ms: u64) -> Instant {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        #[expect(
            clippy::disallowed_methods,
            reason = "there is no other way to an instant"
        )]
        let start = *START.get_or_init(Instant::now);
        start + Duration::from_millis(ms)
    }
}
