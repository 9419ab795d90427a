//! `bidgate serve`, and the sidecar that the demo runs on a thread of its own.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::CliError;
use super::{Outcome, complain};
use crate::config::{self, Config, ConfigSource, Loaded, ServeArgs};
use crate::otlp;
use crate::policy::Policy;
use crate::server::{Drained, LivingPolicy, PolicySource, Server, Settings};
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
    let otlp = otlp::Settings::from_environment(std::env::vars_os()).map_err(CliError::Config)?;
    let policy_version = config.policy.version().to_owned();
    let source = PolicySource {
        config: source,
        files,
        effective: config.effective().clone(),
    };
    let settings = Settings {
        otlp,
        source: Some(source),
        ..Settings::from(config)
    };
    let _flush = settings.log.start().map_err(CliError::Start)?;
    forbid_core_dumps();
    tracing::info!(policy_version, "policy loaded");
    let server = bind(settings)?;
    let drained = server.run(signals::terminated()).map_err(CliError::Start)?;
    tracing::info!(?drained, "drained");
    Ok(Outcome::Yes)
}

fn bind(settings: Settings) -> Result<Server, CliError> {
    let server = Server::bind(settings).map_err(CliError::Bind)?;
    for address in server.addresses() {
        tracing::info!(%address, "serving gRPC");
    }
    tracing::info!(address = %server.admin_address(), "serving admin HTTP");
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
