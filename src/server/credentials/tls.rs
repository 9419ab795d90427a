//! The certificate that the server has, replaced whole while connections are served.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use prost_types::Timestamp;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::texts::{Fingerprint, Texts};
use super::watched::Watched;
use crate::config::TlsFiles;
use crate::document::Problem;
use crate::server::clock::{self, Moment};
use crate::tls::{Faulty, Identity, Material};

/// The certificate that the server has, and what became of the attempts to replace it. A connection keeps to the end
/// what it began with.
#[derive(Debug)]
pub(in crate::server) struct LivingTls {
    files: TlsFiles,
    read: Fingerprint,
    standing: ArcSwap<TlsStanding>,
    pub(in crate::server) handshakes: Handshakes,
}

/// How things stand, for those who look on.
#[derive(Clone, Debug)]
pub(in crate::server) struct TlsStanding {
    identity: Arc<Identity>,
    /// Since when it serves.
    pub(in crate::server) loaded: Moment,
    /// Certificates that took the place of another.
    pub(in crate::server) reloads: u64,
    /// Attempts that left the certificate in its place.
    pub(in crate::server) refusals: u64,
    /// The latest attempt, if it was refused.
    pub(in crate::server) refused: Option<Refused>,
}

/// An attempt to replace the certificate that failed.
#[derive(Clone, Debug)]
pub(in crate::server) struct Refused {
    /// UTC, ISO 8601.
    pub(in crate::server) at: String,
    pub(in crate::server) problem: Box<Problem>,
}

impl TlsStanding {
    /// When the certificate ends, if that could be read.
    pub(in crate::server) fn not_after(&self) -> Option<&Timestamp> {
        self.identity.not_after.as_ref()
    }
}

impl LivingTls {
    /// # Errors
    /// When a file is not what it should be.
    pub(super) fn load(files: &TlsFiles) -> Result<Self, Box<Problem>> {
        let texts = Texts::read(&paths(files));
        let identity = identity(files, &texts)?;
        Ok(Self {
            files: files.clone(),
            read: texts.fingerprint(),
            standing: ArcSwap::from_pointee(TlsStanding {
                identity: Arc::new(identity),
                loaded: Moment::now(),
                reloads: 0,
                refusals: 0,
                refused: None,
            }),
            handshakes: Handshakes::default(),
        })
    }

    /// Says in the log what is served. A certificate that has ended is, with a warning: it may also end under way, and
    /// what callers make of that is theirs to say.
    pub(super) fn announce(&self) {
        let standing = self.standing.load();
        let not_after = standing.not_after().map(tracing::field::display);
        if has_ended(&standing.identity) {
            tracing::warn!(not_after, "the TLS certificate has ended");
        } else {
            tracing::info!(not_after, "TLS certificate loaded");
        }
    }

    /// Whether callers must have a certificate.
    pub(in crate::server) const fn asks_callers(&self) -> bool {
        self.files.client_ca.is_some()
    }

    pub(in crate::server) fn standing(&self) -> Arc<TlsStanding> {
        self.standing.load_full()
    }

    /// Speaks TLS to somebody who connected to make calls.
    ///
    /// # Errors
    /// When the two do not come together.
    pub(in crate::server) async fn accept_calls(
        &self,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.standing.load().identity.calls);
        self.accept(config, stream).await
    }

    /// Speaks TLS to somebody who connected to look at pages.
    ///
    /// # Errors
    /// When the two do not come together.
    pub(in crate::server) async fn accept_pages(
        &self,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.standing.load().identity.pages);
        self.accept(config, stream).await
    }

    async fn accept(
        &self,
        config: Arc<ServerConfig>,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut handshake = Handshake(&self.handshakes.unfinished);
        let accepted = TlsAcceptor::from(config).accept(stream).await;
        handshake.0 = match &accepted {
            Ok(_) => &self.handshakes.completed,
            Err(_) => &self.handshakes.failed,
        };
        accepted
    }

    pub(super) fn watched(this: &Arc<Self>) -> Watched {
        let tls = Arc::clone(this);
        let replace = move |texts: &Texts| tls.replace(texts);
        Watched::new(Self::NAME, paths(&this.files), this.read, replace)
    }

    /// What the audit log calls it.
    pub(super) const NAME: &str = "tls";

    /// Lets all connections to come have what stands in the files, if nothing is wrong with it. False otherwise.
    fn replace(&self, texts: &Texts) -> bool {
        let identity = identity(&self.files, texts);
        match identity.and_then(|identity| self.not_ended(identity)) {
            Ok(identity) => {
                self.serve(identity);
                true
            }
            Err(problem) => {
                self.refuse(problem);
                false
            }
        }
    }

    fn not_ended(&self, identity: Identity) -> Result<Identity, Box<Problem>> {
        match &identity.not_after {
            Some(not_after) if has_ended(&identity) => {
                let message = format!("has ended at {not_after}");
                let file = self.files.certificate.display().to_string();
                Err(Box::new(Problem::new(file, CERTIFICATE, message)))
            }
            _ => Ok(identity),
        }
    }

    fn serve(&self, identity: Identity) {
        let not_after = identity.not_after.map(tracing::field::display);
        tracing::info!(not_after, "TLS certificate loaded");
        let before = self.standing.load();
        self.standing.store(Arc::new(TlsStanding {
            identity: Arc::new(identity),
            loaded: Moment::now(),
            reloads: before.reloads + 1,
            refusals: before.refusals,
            refused: None,
        }));
    }

    fn refuse(&self, problem: Box<Problem>) {
        tracing::warn!(%problem, "TLS certificate refused: the one before serves on");
        let mut standing = TlsStanding::clone(&self.standing.load());
        standing.refusals += 1;
        standing.refused = Some(Refused {
            at: Moment::now().at,
            problem,
        });
        self.standing.store(Arc::new(standing));
    }
}

fn paths(files: &TlsFiles) -> Vec<PathBuf> {
    let own = [files.certificate.clone(), files.key.clone()];
    own.into_iter().chain(files.client_ca.clone()).collect()
}

/// What stands in the files that [`paths`] names.
fn identity(files: &TlsFiles, texts: &Texts) -> Result<Identity, Box<Problem>> {
    let text = |index, (key, file): (&str, &PathBuf)| {
        let unreadable = |kind: ErrorKind| {
            let message = format!("cannot be read: {kind}");
            Box::new(Problem::new(file.display().to_string(), key, message))
        };
        texts.get(index).map_err(unreadable)
    };
    let certificate = (CERTIFICATE, &files.certificate);
    let key = (KEY, &files.key);
    let client_ca = files.client_ca.as_ref().map(|file| (CLIENT_CA, file));
    let material = Material {
        certificates: text(0, certificate)?,
        key: text(1, key)?,
        client_ca: client_ca.map(|file| text(2, file)).transpose()?,
    };
    Identity::new(material).map_err(|faulty| {
        let ((key, file), message) = match faulty {
            Faulty::Certificate(message) => (certificate, message),
            Faulty::Key(message) => (key, message),
            Faulty::ClientCa(message) => (client_ca.unwrap_or(certificate), message),
        };
        Box::new(Problem::new(file.display().to_string(), key, message))
    })
}

fn has_ended(identity: &Identity) -> bool {
    let now = clock::utc().seconds;
    let not_after = identity.not_after.as_ref();
    not_after.is_some_and(|not_after| not_after.seconds < now)
}

const CERTIFICATE: &str = "tls.cert_file";
const KEY: &str = "tls.key_file";
const CLIENT_CA: &str = "tls.client_ca_file";

/// Handshakes that have ended, by how they did.
#[derive(Debug, Default)]
pub(in crate::server) struct Handshakes {
    completed: AtomicU64,
    failed: AtomicU64,
    unfinished: AtomicU64,
}

impl Handshakes {
    /// Each outcome with its count.
    pub(in crate::server) fn by_outcome(&self) -> [(&'static str, u64); 3] {
        let outcomes = [
            ("completed", &self.completed),
            ("failed", &self.failed),
            ("unfinished", &self.unfinished),
        ];
        outcomes.map(|(outcome, count)| (outcome, count.load(Ordering::Relaxed)))
    }
}

/// A handshake that is counted where it stands when it ends: as unfinished when nobody waits for it any more.
struct Handshake<'h>(&'h AtomicU64);

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
