//! What a server proves itself with, and whom it believes, made of PEM texts.

use std::fmt;
use std::sync::Arc;

use prost_types::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, ServerConfig};

use super::certificate::not_after;
use super::roots_of;

/// The texts of the files, PEM.
#[derive(Clone, Copy)]
pub(crate) struct Material<'m> {
    /// The server's certificate, and those that lead to its root.
    pub(crate) certificates: &'m [u8],
    /// Its private key.
    pub(crate) key: &'m [u8],
    /// The roots of callers' certificates, if callers must have one.
    pub(crate) client_ca: Option<&'m [u8]>,
}

/// A server as TLS knows it: a certificate with its key, and whom it believes.
pub(crate) struct Identity {
    /// For calls: HTTP/2, and a certificate of the caller if there is a client CA.
    pub(crate) calls: Arc<ServerConfig>,
    /// For pages: HTTP/1.1. Probes and browsers have no certificate.
    pub(crate) pages: Arc<ServerConfig>,
    /// When the certificate ends, if that could be read.
    pub(crate) not_after: Option<Timestamp>,
}

impl Identity {
    /// # Errors
    /// When one of the texts is not what it should be.
    pub(crate) fn new(material: Material<'_>) -> Result<Self, Faulty> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = certified_key(material, &provider)?;
        let not_after = key.cert.first().and_then(|leaf| not_after(leaf));
        let resolver = Arc::new(SingleCertAndKey::from(key));
        let config = |callers, protocol: &[u8]| {
            let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .ok()
                .ok_or(Faulty::Certificate(
                    "is of no use where no version of TLS is spoken",
                ))?;
            let mut config = config
                .with_client_cert_verifier(callers)
                .with_cert_resolver(resolver.clone());
            config.alpn_protocols = vec![protocol.to_owned()];
            forget_sessions(&mut config);
            Ok(Arc::new(config))
        };
        Ok(Self {
            calls: config(callers(material.client_ca, &provider)?, b"h2")?,
            pages: config(WebPkiClientVerifier::no_client_auth(), b"http/1.1")?,
            not_after,
        })
    }
}

impl fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Callers connect once and stay, so that resuming a session would save them little. A resumed one would be believed
/// without its certificate, whatever became of that in the meantime.
fn forget_sessions(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
}

fn certified_key(
    material: Material<'_>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Faulty> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(material.certificates).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or(Faulty::Certificate(NO_CERTIFICATE))?;
    let key = PrivateKeyDer::from_pem_slice(material.key).ok();
    let key = key.ok_or(Faulty::Key(NO_KEY))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        if matches!(error, Error::InconsistentKeys(_)) {
            Faulty::Key("is not the key of the certificate")
        } else if matches!(error, Error::InvalidCertificate(_)) {
            Faulty::Certificate(NO_CERTIFICATE)
        } else {
            Faulty::Key(NO_KEY)
        }
    })
}

const NO_CERTIFICATE: &str = "must hold certificates in PEM, that of the server first";
const NO_KEY: &str = "must hold a private key in PEM that is not encrypted: ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits or more";

fn callers(
    client_ca: Option<&[u8]>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Faulty> {
    let Some(pem) = client_ca else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let faulty = Faulty::ClientCa("must hold certificates in PEM");
    let roots = roots_of(pem).ok_or(faulty)?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .ok()
        .ok_or(faulty)
}

/// Which of the texts is not what it should be, and what it should be; reads on from the name of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faulty {
    Certificate(&'static str),
    Key(&'static str),
    ClientCa(&'static str),
}
