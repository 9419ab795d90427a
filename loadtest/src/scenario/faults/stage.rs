//! Where faults are brought about: sidecars, and a runtime for callers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use traffic::Shape;

use crate::cores::Cores;
use crate::error::Error;
use crate::messages::Messages;
use crate::servers::{Bidgate, ServerArgs};

/// What all faults have in common.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    binary: PathBuf,
    servers: &'a ServerArgs,
    cores: Option<Cores>,
    pub(super) messages: Messages,
    pub(super) short: bool,
}

impl<'a> Stage<'a> {
    pub(super) fn new(servers: &'a ServerArgs, short: bool) -> Result<Self, Error> {
        Ok(Self {
            binary: servers.binary()?,
            cores: servers.cores()?,
            servers,
            messages: Messages::generate(Shape::Typical, 1),
            short,
        })
    }

    /// One of two, by how much time there is.
    pub(super) const fn either<T: Copy>(&self, long: T, short: T) -> T {
        if self.short { short } else { long }
    }

    /// A sidecar with these flags.
    pub(super) fn start(&self, flags: &[&str]) -> Result<Bidgate, Error> {
        self.start_as(Command::new(&self.binary), ANY_PORT, flags)
    }

    /// A sidecar at this address.
    pub(super) fn start_at(&self, listen: SocketAddr, flags: &[&str]) -> Result<Bidgate, Error> {
        self.start_as(Command::new(&self.binary), listen, flags)
    }

    /// A sidecar in the place of a program, which is told its words, behind these, to do something first.
    pub(super) fn start_behind(&self, words: &[&str], flags: &[&str]) -> Result<Bidgate, Error> {
        let (program, words) = words.split_first().unwrap_or((&"env", &[]));
        let mut command = Command::new(program);
        command.args(words).arg(&self.binary);
        self.start_as(command, ANY_PORT, flags)
    }

    fn start_as(
        &self,
        command: Command,
        listen: SocketAddr,
        flags: &[&str],
    ) -> Result<Bidgate, Error> {
        // A machine with other things to do takes longer from an evaluation than the policy gives it.
        let patient = if flags.contains(&TIMEOUT) {
            &[]
        } else {
            PATIENT.as_slice()
        };
        let flags: Vec<_> = patient
            .iter()
            .chain(flags)
            .map(|&flag| flag.to_owned())
            .collect();
        Bidgate::start_as(command, listen, self.servers, self.cores.as_ref(), &flags)
    }
}

/// For callers, on this thread.
pub(super) fn runtime() -> Result<LocalRuntime, Error> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(Error::system("start a runtime"))
}

/// In milliseconds.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The flag of the policy's time budget.
pub(super) const TIMEOUT: &str = "--policy-timeout-ms";
const PATIENT: [&str; 2] = [TIMEOUT, "10000"];
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
