//! `bidgate serve`, and the sidecar that the demo runs on a thread of its own.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::CliError;
use super::{Outcome, complain};
use crate::audit::{Audit, Digest, End, Event, FileDigest, PolicyDigest, Serves};
use crate::config::{self, Config, ConfigSource, Files, Loaded, ServeArgs};
use crate::otlp;
use crate::policy::Policy;
use crate::server::{Credentials, Drained, LivingPolicy, PolicySource, Server, Settings};
use crate::server::{forbid_core_dumps, signals, take_small_pages};

/// Runs the sidecar until it is told to stop.
///
/// # Errors
/// When the configuration is wrong, an address cannot be listened on, or a thread cannot be started.
pub fn run(args: &ServeArgs) -> Result<Outcome, CliError> {
    take_small_pages();
    let source = ConfigSource::new(args.clone(), std::env::vars_os());
    let Loaded { config, files } = source.load();
    let config = config.map_err(CliError::Config)?;
    if args.print_config {
        let written = write!(io::stdout(), "{}", config.to_yaml());
        return written.map(|()| Outcome::Yes).map_err(CliError::Write);
    }
    let otlp = otlp::Settings::from_environment(std::env::vars_os(), config.otlp_in_plaintext)
        .map_err(CliError::Config)?;
    let beginning = beginning(&config, &files);
    let audit_log = config.audit.clone();
    // Before the first key is read.
    forbid_core_dumps();
    let credentials = Credentials::load(&config, std::env::vars_os()).map_err(CliError::Config)?;
    let source = PolicySource {
        config: source,
        files,
        effective: config.effective().clone(),
    };
    let mut settings = Settings {
        otlp,
        source: Some(source),
        credentials,
        ..Settings::from(config)
    };
    let _flush = settings.log.start().map_err(CliError::Start)?;
    let audit = Audit::open(audit_log.as_ref()).map_err(CliError::Audit)?;
    settings.audit = audit.clone();
    beginning.into_iter().for_each(|event| audit.note(event));
    let served = serve(settings);
    let outcome = match &served {
        Ok(Drained::Completely) => End::Drained,
        Ok(Drained::Cut) => End::Cut,
        Err(_) => End::Failed,
    };
    audit.note(Event::ShutdownEnded { outcome });
    audit.finish();
    served.map(|_| Outcome::Yes)
}

/// What the audit log tells first.
fn beginning(config: &Config, files: &Files) -> [Event; 2] {
    [
        Event::Start {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            config_sha256: Digest::of(config.to_yaml()),
        },
        Event::PolicyLoaded {
            policy: PolicyDigest::of(&config.policy),
            files: FileDigest::of(files),
        },
    ]
}

fn serve(settings: Settings) -> Result<Drained, CliError> {
    let policy_version = settings.policy.version();
    tracing::info!(policy_version, "policy loaded");
    let server = bind(settings)?;
    let drained = server.run(signals::terminated()).map_err(CliError::Start)?;
    tracing::info!(?drained, "drained");
    Ok(drained)
}

fn bind(settings: Settings) -> Result<Server, CliError> {
    let audit = settings.audit.clone();
    let server = Server::bind(settings).map_err(CliError::Bind)?;
    let opened = |serves, address: &dyn Display| {
        let address = address.to_string();
        audit.note(Event::ListenerOpened { serves, address });
    };
    for address in server.addresses() {
        tracing::info!(%address, "serving gRPC");
        opened(Serves::Grpc, address);
    }
    tracing::info!(address = %server.admin_address(), "serving admin HTTP");
    opened(Serves::Admin, &server.admin_address());
    Ok(server)
}

/// Where a sidecar should listen. Port 0 lets the system choose.
#[derive(Clone, Debug)]
pub(super) struct Listen {
    pub(super) grpc: SocketAddr,
    pub(super) socket: Option<PathBuf>,
    pub(super) admin: SocketAddr,
}

/// A sidecar on a thread of its own. Dropping it without [`Sidecar::stop`] leaves it to the end of the process.
#[derive(Debug)]
pub(super) struct Sidecar {
    /// Where it listens, with the ports that were chosen.
    pub(super) listen: Listen,
    shutdown: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<Drained>>,
}

impl Sidecar {
    /// Starts a sidecar. It listens when this returns.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub(super) fn start(listen: Listen, policy: Policy) -> Result<Self, CliError> {
        let server = Server::bind(settings(&listen, policy)).map_err(CliError::Bind)?;
        let tcp = server.addresses().iter().find_map(tcp);
        let listen = Listen {
            grpc: tcp.unwrap_or(listen.grpc),
            admin: server.admin_address(),
            ..listen
        };
        let (shutdown, told) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("sidecar".to_owned())
            .spawn(move || server.run(async { told.await.unwrap_or_default() }))
            .map_err(CliError::Start)?;
        Ok(Self {
            listen,
            shutdown,
            thread,
        })
    }

    /// Lets calls in flight finish and waits for the end.
    pub(super) fn stop(self) {
        let asked = self.shutdown.send(());
        let ended = self.thread.join();
        if asked.is_err() || !matches!(ended, Ok(Ok(_))) {
            complain(format_args!(
                "bidgate: the sidecar had ended before it was told to"
            ));
        }
    }
}

/// The defaults of `serve`, but for the addresses, and no wait for load balancers that are not there.
fn settings(listen: &Listen, policy: Policy) -> Settings {
    let tcp = config::Listen::Tcp(listen.grpc);
    let unix = listen.socket.clone().map(config::Listen::Unix);
    Settings {
        listen: std::iter::once(tcp).chain(unix).collect(),
        admin: listen.admin,
        drain_delay: Duration::ZERO,
        policy: Arc::new(LivingPolicy::new(policy)),
        ..Settings::from(Config::default())
    }
}

fn tcp(address: &config::Listen) -> Option<SocketAddr> {
    match address {
        config::Listen::Tcp(address) => Some(*address),
        config::Listen::Unix(_) => None,
    }
}
