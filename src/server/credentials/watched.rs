//! Files that belong together, and whether they have changed.

use std::fmt;
use std::path::PathBuf;

use super::texts::{Fingerprint, Texts};
use crate::audit::{Audit, Event};

/// Files that belong together, and what to do with what stands in them.
pub(super) struct Watched {
    /// What they hold.
    credential: &'static str,
    files: Vec<PathBuf>,
    /// False when the one before stays.
    replace: Box<dyn Fn(&Texts) -> bool + Send>,
    /// What was read last, good or not.
    tried: Fingerprint,
    /// What the files are, as long as it has not been seen twice.
    seen: Option<Fingerprint>,
}

impl Watched {
    /// Files that have been read, and were this.
    pub(super) fn new(
        credential: &'static str,
        files: Vec<PathBuf>,
        read: Fingerprint,
        replace: impl Fn(&Texts) -> bool + Send + 'static,
    ) -> Self {
        Self {
            credential,
            files,
            replace: Box::new(replace),
            tried: read,
            seen: None,
        }
    }

    /// True between the look that found a change and the one that confirms it.
    pub(super) const fn is_settling(&self) -> bool {
        self.seen.is_some()
    }

    /// Reads the files if they have changed, and are as they were at the look before.
    pub(super) fn look(&mut self, audit: &Audit) {
        let texts = Texts::read(&self.files);
        let found = texts.fingerprint();
        if found == self.tried {
            self.seen = None;
        } else if self.seen == Some(found) {
            self.take(&texts, found, audit);
        } else {
            self.seen = Some(found);
        }
    }

    /// Reads the files, whatever they are.
    pub(super) fn read_again(&mut self, audit: &Audit) {
        let texts = Texts::read(&self.files);
        let found = texts.fingerprint();
        self.take(&texts, found, audit);
    }

    fn take(&mut self, texts: &Texts, found: Fingerprint, audit: &Audit) {
        self.tried = found;
        self.seen = None;
        let credential = self.credential;
        audit.note(if (self.replace)(texts) {
            Event::CredentialReplaced { credential }
        } else {
            Event::CredentialRefused { credential }
        });
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_change_counts_once_it_has_been_seen_twice_and_is_tried_once() {
        let folder = tempfile::tempdir().unwrap();
        let files = vec![folder.path().join("certificate"), folder.path().join("key")];
        let write = |content: &str| fs::write(&files[1], content).unwrap();
        fs::write(&files[0], "a").unwrap();
        write("1");
        let (tell, told) = channel();
        let read = Texts::read(&files).fingerprint();
        let mut watched = Watched::new("both", files.clone(), read, move |texts| {
            tell.send(texts.get(1).map(<[u8]>::to_vec)).is_ok()
        });
        let mut look = || {
            watched.look(&Audit::default());
            (told.try_recv().ok(), watched.is_settling())
        };
        assert_eq!(look(), (None, false));
        write("2");
        assert_eq!(look(), (None, true));
        write("22");
        assert_eq!(look(), (None, true));
        assert_eq!(look(), (Some(Ok(b"22".to_vec())), false));
        assert_eq!(look(), (None, false));
        fs::remove_file(&files[1]).unwrap();
        assert_eq!(look(), (None, true));
        assert_eq!(look(), (Some(Err(std::io::ErrorKind::NotFound)), false));
        assert_eq!(look(), (None, false));
        write("22");
        watched.read_again(&Audit::default());
        assert_eq!(told.try_recv(), Ok(Ok(b"22".to_vec())));
    }
}
