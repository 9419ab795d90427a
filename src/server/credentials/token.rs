//! The token of the admin pages.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::texts::{Fingerprint, Texts};
use super::watched::Watched;
use crate::config::ADMIN_TOKEN_VARIABLE;
use crate::document::Problem;

/// A token that may be replaced while the process runs: by its file, if it comes from one. Only its digest is kept.
#[derive(Debug)]
pub(in crate::server) struct LivingToken {
    digest: ArcSwap<[u8; 32]>,
    file: Option<PathBuf>,
    read: Fingerprint,
}

impl LivingToken {
    /// The token in its variable or in `file`, whichever there is; none if there is neither. An empty variable is none.
    ///
    /// # Errors
    /// When it is in both, or what is there is no token.
    pub(super) fn find(
        variable: Option<OsString>,
        file: Option<&Path>,
    ) -> Result<Option<Self>, Box<Problem>> {
        match (variable.filter(|text| !text.is_empty()), file) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                let message = "stands beside admin_token_file; keep one of the two";
                Err(Box::new(Problem::new(ADMIN_TOKEN_VARIABLE, "", message)))
            }
            (None, Some(file)) => Self::open(file).map(Some),
            (Some(text), None) => {
                let text = Zeroizing::new(text.into_encoded_bytes());
                let none = || Box::new(Problem::new(ADMIN_TOKEN_VARIABLE, "", NO_TOKEN));
                let digest = digest(&text).ok_or_else(none)?;
                Ok(Some(Self::new(digest, None, Fingerprint::default())))
            }
        }
    }

    fn open(file: &Path) -> Result<Self, Box<Problem>> {
        let texts = Texts::read(&[file.to_owned()]);
        let digest = in_file(&texts).map_err(|message| {
            let file = file.display().to_string();
            Box::new(Problem::new(file, "admin_token_file", message))
        })?;
        Ok(Self::new(
            digest,
            Some(file.to_owned()),
            texts.fingerprint(),
        ))
    }

    fn new(digest: [u8; 32], file: Option<PathBuf>, read: Fingerprint) -> Self {
        Self {
            digest: ArcSwap::from_pointee(digest),
            file,
            read,
        }
    }

    /// Whether this is the token. How long that takes says nothing of where they differ.
    pub(in crate::server) fn is(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        presented.ct_eq(&**self.digest.load()).into()
    }

    pub(super) fn watched(this: &Arc<Self>) -> Option<Watched> {
        let file = this.file.clone()?;
        let token = Arc::clone(this);
        let replace = move |texts: &Texts| token.replace(texts);
        Some(Watched::new(Self::NAME, vec![file], this.read, replace))
    }

    /// What the audit log calls it.
    pub(super) const NAME: &str = "admin_token";

    /// False when the one before stays.
    fn replace(&self, texts: &Texts) -> bool {
        match in_file(texts) {
            Ok(digest) => {
                self.digest.store(Arc::new(digest));
                tracing::info!("admin token loaded");
                true
            }
            Err(problem) => {
                tracing::warn!(%problem, "admin token refused: the one before is asked for");
                false
            }
        }
    }
}

fn in_file(texts: &Texts) -> Result<[u8; 32], String> {
    let text = texts
        .get(0)
        .map_err(|kind| format!("cannot be read: {kind}"))?;
    digest(text).ok_or_else(|| NO_TOKEN.to_owned())
}

/// The digest of a token; white space around it does not count. None if it is not what fits a header (RFC 6750 section
/// 2.1), or so short that it can be guessed.
fn digest(text: &[u8]) -> Option<[u8; 32]> {
    let token = text.trim_ascii();
    let formed = (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len())
        && token.iter().all(|&byte| is_token_byte(byte));
    formed.then(|| Sha256::digest(token).into())
}

const TOKEN_BYTES_MIN: usize = 16;
const TOKEN_BYTES_MAX: usize = 1024;

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

const NO_TOKEN: &str = "must be a token: 16 to 1024 letters, digits and -._~+/=";

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn a_token_is_in_its_variable_or_in_its_file_and_not_in_both() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
        let find = |variable: Option<&str>, file| LivingToken::find(variable.map(Into::into), file);
        assert!(find(None, None).unwrap().is_none());
        assert!(find(Some(""), None).unwrap().is_none());
        for found in [find(Some(TOKEN), None), find(None, Some(&file))] {
            let token = found.unwrap().unwrap();
            assert!(token.is(TOKEN.as_bytes()));
            for other in ["123456789abcdef", "", "0123456789abcdeF"] {
                assert!(!token.is(other.as_bytes()), "{other}");
            }
        }
        assert!(find(Some(TOKEN), Some(&file)).is_err());
        assert!(find(Some("short"), None).is_err());
        let problem = find(None, Some(folder.path())).unwrap_err().to_string();
        assert!(
            problem.contains("admin_token_file: cannot be read"),
            "{problem}"
        );
    }

    #[test]
    fn a_file_that_holds_no_token_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, TOKEN).unwrap();
        let token = LivingToken::open(&file).unwrap();
        let replace = |text: &str| {
            std::fs::write(&file, text).unwrap();
            token.replace(&Texts::read(std::slice::from_ref(&file)));
        };
        for broken in ["", "short", "0123456789 abcdef", "0123456789abcdeé"] {
            replace(broken);
            assert!(token.is(TOKEN.as_bytes()), "{broken}");
        }
        replace("fedcba9876543210");
        assert!(token.is(b"fedcba9876543210") && !token.is(TOKEN.as_bytes()));
    }
}
