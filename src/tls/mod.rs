//! TLS: whom a certificate is checked against, and what the server proves itself with.

mod certificate;
mod server;

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

pub(crate) use server::{Faulty, Identity, Material};

/// TLS 1.2 and 1.3 as rustls sets them up, and the roots in `ca_file`, or else the system's. What is spoken inside is the
/// caller's to say.
///
/// # Errors
/// When there are no roots.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let roots = match ca_file {
        Some(file) => roots_in(file)?,
        None => roots_of_the_system()?,
    };
    trusting(roots)
}

/// For a connector that must be told how to speak TLS, and will not speak it.
///
/// # Errors
/// When TLS cannot be set up.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, TlsError> {
    trusting(RootCertStore::empty())
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(Box::new(error)))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn roots_in(file: &Path) -> Result<RootCertStore, TlsError> {
    let refused = |kind| TlsError::CaFile(file.into(), kind);
    let pem = fs::read(file).map_err(|error| refused(error.kind()))?;
    roots_of(&pem).ok_or_else(|| refused(ErrorKind::InvalidData))
}

/// The roots in a text; none if there are none, or one cannot be read.
fn roots_of(pem: &[u8]) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

/// Single roots that cannot be read are left out, as other programs do.
fn roots_of_the_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsError::NoSystemRoots);
    }
    Ok(roots)
}

/// Why TLS cannot be spoken.
#[derive(Debug)]
pub(crate) enum TlsError {
    /// There are no certificates in this file, or it cannot be read.
    CaFile(Box<Path>, ErrorKind),
    /// The system has no roots.
    NoSystemRoots,
    /// TLS cannot be set up.
    Setup(Box<rustls::Error>),
}

impl fmt::Display for TlsError {
    /// Reads on from the setting that names the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaFile(file, kind) => {
                let file = file.display();
                write!(f, "{file} must hold certificates in PEM: {kind}")
            }
            Self::NoSystemRoots => f.write_str(
                "this system trusts nobody: install ca-certificates, or name a file with certificates",
            ),
            Self::Setup(error) => write!(f, "TLS cannot be set up: {error}"),
        }
    }
}
