//! Over TLS: who is believed to be the collector.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;

use crate::collector::{ACCEPTED, Collector};
use crate::sidecar::{API_KEY, Sidecar};

#[tokio::test]
async fn a_collector_that_the_ca_file_vouches_for_has_every_event() {
    for version in [&TLS12, &TLS13] {
        let authority = Authority::new("localhost");
        let collector = Collector::start_tls(|_, _| ACCEPTED, authority.config(version));
        let mut sidecar = Sidecar::start(&collector.endpoint(), &[&authority.ca_file()]).await;
        sidecar.judge(100).await;
        assert_eq!(sidecar.settled().await.delivered, 100);
        assert_eq!(collector.accepted().len(), 100);
        collector
            .posts()
            .iter()
            .for_each(|post| post.check(API_KEY));
    }
}

#[tokio::test]
async fn a_collector_that_nobody_vouches_for_is_sent_nothing() {
    let (authority, other) = (Authority::new("localhost"), Authority::new("localhost"));
    let elsewhere = Authority::new("collector.example");
    for (serves, trusted) in [(&authority, &other), (&elsewhere, &elsewhere)] {
        let collector = Collector::start_tls(|_, _| ACCEPTED, serves.config(&TLS13));
        let mut sidecar = Sidecar::start(&collector.endpoint(), &[&trusted.ca_file()]).await;
        sidecar.judge(20).await;
        assert_eq!(sidecar.settled().await.dropped("retry_exhausted"), 20);
        assert!(collector.connections() > 0);
        assert!(collector.posts().is_empty());
    }
}

#[tokio::test]
async fn a_collector_that_speaks_no_tls_is_sent_nothing() {
    let authority = Authority::new("localhost");
    let collector = Collector::start(|_, _| ACCEPTED);
    let endpoint = collector.endpoint().replace("http:", "https:");
    let mut sidecar = Sidecar::start(
        &endpoint,
        &[&authority.ca_file(), "--telemetry-timeout-ms=300"],
    )
    .await;
    sidecar.judge(20).await;
    assert_eq!(sidecar.settled().await.dropped("retry_exhausted"), 20);
    assert!(collector.connections() > 0);
    assert!(collector.posts().is_empty());
}

/// A certificate that vouches for itself.
struct Authority {
    folder: TempDir,
    key: CertifiedKey<rcgen::KeyPair>,
}

impl Authority {
    fn new(host: &str) -> Self {
        let key = generate_simple_self_signed([host.to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(pem(folder.path()), key.cert.pem()).unwrap();
        Self { folder, key }
    }

    fn ca_file(&self) -> String {
        format!("--telemetry-ca-file={}", pem(self.folder.path()).display())
    }

    fn config(&self, version: &'static rustls::SupportedProtocolVersion) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivatePkcs8KeyDer::from(self.key.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.key.cert.der().clone()], PrivateKeyDer::from(key));
        Arc::new(config.unwrap())
    }
}

fn pem(folder: &Path) -> PathBuf {
    folder.join("ca.pem")
}
