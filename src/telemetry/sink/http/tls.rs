//! Whom a collector's certificate is checked against.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::error::HttpSinkError;

/// TLS 1.2 and 1.3 as rustls sets them up, HTTP/1.1, and the roots in `ca_file`, or else the system's.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, HttpSinkError> {
    let roots = match ca_file {
        Some(file) => roots_in(file)?,
        None => roots_of_the_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpSinkError::Tls(Box::new(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots_in(file: &Path) -> Result<RootCertStore, HttpSinkError> {
    let refused = |kind| HttpSinkError::CaFile(file.into(), kind);
    let pem = fs::read(file).map_err(|error| refused(error.kind()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let added = certificate.ok().and_then(|found| roots.add(found).ok());
        added.ok_or_else(|| refused(ErrorKind::InvalidData))?;
    }
    if roots.is_empty() {
        return Err(refused(ErrorKind::InvalidData));
    }
    Ok(roots)
}

/// Single roots that cannot be read are left out, as other programs do.
fn roots_of_the_system() -> Result<RootCertStore, HttpSinkError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(HttpSinkError::NoSystemRoots);
    }
    Ok(roots)
}
