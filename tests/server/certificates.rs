//! Certificates, and callers who have or trust one.

use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bidgate::config::{Config, ServeArgs};
use bidgate::document::Problems;
use bidgate::proto::bid_gate_service_client::BidGateServiceClient;
use bidgate::server::Credentials;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Endpoint, Uri};

use crate::running::{Client, PATIENCE, request};

/// Vouches for others.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate of localhost.
    pub(crate) fn issue(&self) -> Issued {
        self.issue_until(2100)
    }

    /// One that ends with the first second of a year.
    pub(crate) fn issue_until(&self, year: i32) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        Issued {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.0.as_ref().pem()
    }
}

/// A folder of files for TLS as Kubernetes mounts a Secret: the files are links through a link that is swapped.
pub(crate) struct Mounted {
    folder: tempfile::TempDir,
}

impl Mounted {
    pub(crate) fn new(issued: &Issued, client_ca: Option<&Authority>) -> Self {
        let mounted = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        mounted.swap(issued, client_ca);
        for file in ["tls.crt", "tls.key", "ca.crt"] {
            let link = mounted.file(file);
            std::os::unix::fs::symlink(Path::new("..data").join(file), link).unwrap();
        }
        mounted
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts other files in the place of all at once.
    pub(crate) fn swap(&self, issued: &Issued, client_ca: Option<&Authority>) {
        let version = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        fs::write(version.join("tls.crt"), &issued.certificate).unwrap();
        fs::write(version.join("tls.key"), &issued.key).unwrap();
        if let Some(authority) = client_ca {
            fs::write(version.join("ca.crt"), authority.pem()).unwrap();
        }
        let next = self.file("..data_tmp");
        std::os::unix::fs::symlink(version.file_name().unwrap(), &next).unwrap();
        fs::rename(next, self.file("..data")).unwrap();
    }

    /// The flags that name the files.
    pub(crate) fn flags(&self, client_ca: bool) -> Vec<String> {
        let flag = |key: &str, file| format!("--tls-{key}-file={}", self.file(file).display());
        let mut flags = vec![flag("cert", "tls.crt"), flag("key", "tls.key")];
        if client_ca {
            flags.push(flag("client-ca", "ca.crt"));
        }
        flags
    }

    pub(crate) fn credentials(&self, client_ca: bool) -> Credentials {
        credentials(&self.flags(client_ca)).unwrap()
    }
}

/// What a server has that was started with these flags.
pub(crate) fn credentials(flags: &[String]) -> Result<Credentials, Problems> {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        serve: ServeArgs,
    }
    let flags = flags.iter().map(String::as_str);
    let cli: Cli = clap::Parser::try_parse_from(["serve"].into_iter().chain(flags)).unwrap();
    Credentials::load(&Config::load(&cli.serve, []).unwrap(), [])
}

/// Who calls over TLS.
#[derive(Clone)]
pub(crate) struct Caller(TlsConnector);

impl Caller {
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::new(authority, None, &[&rustls::version::TLS13])
    }

    /// Speaks HTTP/1.1.
    pub(crate) fn for_pages(authority: &Authority) -> Self {
        let caller = Self::trusting(authority);
        let mut config = ClientConfig::clone(caller.0.config());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(TlsConnector::from(Arc::new(config)))
    }

    pub(crate) fn with(self_issued: &Issued, authority: &Authority) -> Self {
        Self::new(authority, Some(self_issued), &[&rustls::version::TLS13])
    }

    pub(crate) fn new(
        authority: &Authority,
        own: Option<&Issued>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(authority.pem().as_bytes());
        roots.add(root.unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => config.with_no_client_auth(),
            Some(own) => {
                let chain = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![chain], key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self(TlsConnector::from(Arc::new(config)))
    }

    pub(crate) async fn handshake(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        self.0.connect(name, stream).await
    }

    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
    ) -> Result<Client, tonic::transport::Error> {
        let endpoint = Endpoint::from_static("http://localhost").timeout(PATIENCE);
        let connector = Connector(self.clone(), address);
        let channel = endpoint.connect_with_connector(connector).await?;
        Ok(BidGateServiceClient::new(channel))
    }

    /// Whether a call on a connection of its own is answered.
    pub(crate) async fn is_answered(&self, address: SocketAddr) -> bool {
        match self.connect(address).await {
            Ok(mut client) => client.evaluate(request(1)).await.is_ok(),
            Err(_) => false,
        }
    }
}

struct Connector(Caller, SocketAddr);

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let Self(caller, address) = self;
        let (caller, address) = (caller.clone(), *address);
        Box::pin(async move { caller.handshake(address).await.map(TokioIo::new) })
    }
}
