//! What the server must be told.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use super::credentials::Credentials;
use super::living::LivingPolicy;
use super::reload::PolicySource;
use crate::audit::Audit;
use crate::config::{Config, Listen, Telemetry};
use crate::limits::Limits;
use crate::log::Logger;
use crate::otlp;

/// What the server must be told. Checked by whoever reads the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where calls are served.
    pub listen: Vec<Listen>,
    /// Permission bits of Unix sockets.
    pub unix_mode: u32,
    /// Users whose processes may connect to Unix sockets; empty is whoever the mode lets in.
    pub unix_allowed_uids: Vec<u32>,
    /// What the server proves itself with, and what it asks of others.
    pub credentials: Credentials,
    /// Where the admin pages are served.
    pub admin: SocketAddr,
    /// Names by which they may be asked for, beside loopback's and addresses; in lower case.
    pub admin_hosts: Vec<String>,
    /// Whether calls are also answered as JSON, where the admin pages are.
    pub rest: bool,
    /// Bytes of one received message, at most.
    pub max_message_bytes: usize,
    /// Calls and stream messages held at a time, at most.
    pub max_in_flight: usize,
    /// Connections open at a time, at most.
    pub max_connections: usize,
    /// Threads of the data plane; 0 is one per core.
    pub workers: usize,
    /// Bounds on the payloads.
    pub limits: Limits,
    /// Time between "not ready" and the end of accepting, for load balancers to notice.
    pub drain_delay: Duration,
    /// Time for calls in flight to finish when draining.
    pub grace: Duration,
    /// The policy that judges, to be replaced under way.
    pub policy: Arc<LivingPolicy>,
    /// Where records of evaluations go.
    pub telemetry: Telemetry,
    /// Where metrics and traces are exported to, if they are.
    pub otlp: Option<otlp::Settings>,
    /// Where the policy comes from, if it is to be read again: at SIGHUP, and when its files change.
    pub source: Option<PolicySource>,
    /// The process's log, to be changed under way.
    pub log: Arc<Logger>,
    /// Where it is told what happened to the process.
    pub audit: Audit,
}

impl From<Config> for Settings {
    /// Without credentials: [`Credentials::load`] reads them.
    fn from(config: Config) -> Self {
        Self {
            listen: config.listen,
            unix_mode: config.unix_mode,
            unix_allowed_uids: config.unix_allowed_uids,
            credentials: Credentials::default(),
            admin: config.admin,
            admin_hosts: config.admin_hosts,
            rest: config.rest,
            max_message_bytes: config.max_message_bytes,
            max_in_flight: config.max_in_flight,
            max_connections: config.max_connections,
            workers: config.workers,
            limits: config.limits,
            drain_delay: config.drain_delay,
            grace: config.grace,
            policy: Arc::new(LivingPolicy::new(config.policy)),
            telemetry: config.telemetry,
            otlp: None,
            source: None,
            log: Arc::new(Logger::new(config.log)),
            audit: Audit::default(),
        }
    }
}

impl Settings {
    pub(super) fn worker_count(&self) -> usize {
        match self.workers {
            0 => available_parallelism().map_or(1, NonZero::get),
            workers => workers,
        }
    }
}
