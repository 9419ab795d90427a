//! What the server proves itself with, and what it asks of others: TLS, and the token of the admin pages. Both come from
//! files that are read again while the process runs, at SIGHUP and when they change.
//!
//! As with the policy, files are compared by what stands in them, by whatever name, link or mount they are reached, and a
//! change counts once two looks in a row have found the same: a certificate and its key are two files, and come one after
//! the other. What is not as it should be is refused, told once, and leaves the last good in its place.

mod texts;
mod tls;
mod token;
mod watched;

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

pub(super) use tls::LivingTls;
pub(super) use token::LivingToken;

use watched::Watched;

use super::signals;
use crate::audit::{Audit, Event};
use crate::background;
use crate::config::{ADMIN_TOKEN_VARIABLE, Config};
use crate::document::Problems;

/// What the server proves itself with, and what it asks of others. Nothing, unless the configuration says so.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Spoken on TCP, if it is there.
    pub(super) tls: Option<Arc<LivingTls>>,
    /// Whether it is spoken where the admin pages are.
    pub(super) tls_for_pages: bool,
    /// Needed for all but looking at pages, if it is there.
    pub(super) token: Option<Arc<LivingToken>>,
}

impl Credentials {
    /// Reads what the configuration names. `environment` is [`std::env::vars_os`], or what a test puts in its place.
    ///
    /// # Errors
    /// Everything that is not as it should be, with the file it stands in.
    pub fn load(
        config: &Config,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        let tls = config.tls.as_ref().map(LivingTls::load).transpose();
        let file = config.admin_token_file.as_deref();
        let mut environment = environment.into_iter();
        let variable = environment.find(|(name, _)| name == ADMIN_TOKEN_VARIABLE);
        let token = LivingToken::find(variable.map(|(_, text)| text), file);
        match (tls, token) {
            (Ok(tls), Ok(token)) => Ok(Self {
                tls: tls.map(Arc::new),
                tls_for_pages: config.tls.as_ref().is_some_and(|files| files.admin),
                token: token.map(Arc::new),
            }),
            (tls, token) => Err(Problems(
                [tls.err(), token.err()]
                    .into_iter()
                    .flatten()
                    .map(|problem| *problem)
                    .collect(),
            )),
        }
    }

    /// The TLS of the admin pages, if it is spoken there.
    pub(super) fn pages_tls(&self) -> Option<&LivingTls> {
        self.tls.as_deref().filter(|_| self.tls_for_pages)
    }

    /// Starts the thread that looks at the files again. The returned future passes SIGHUPs on to it, and ends it when
    /// dropped. None if there are no files.
    pub(super) fn watch(
        &self,
        audit: Audit,
    ) -> io::Result<Option<impl Future<Output = ()> + use<>>> {
        let loaded = |credential| audit.note(Event::CredentialLoaded { credential });
        if let Some(tls) = &self.tls {
            tls.announce();
            loaded(LivingTls::NAME);
        }
        if self.token.is_some() {
            loaded(LivingToken::NAME);
        }
        let tls = self.tls.as_ref().map(LivingTls::watched);
        let token = self.token.as_ref().and_then(LivingToken::watched);
        let watched: Vec<Watched> = [tls, token].into_iter().flatten().collect();
        if watched.is_empty() {
            return Ok(None);
        }
        let hangups = signals::hangups()?;
        // A SIGHUP that arrives while another waits asks for nothing more.
        let (orders, ordered) = sync_channel(1);
        background::spawn(&background::FILES, move || watch(watched, &ordered, &audit))?;
        Ok(Some(signals::pass_on(hangups, orders, "certificates")))
    }
}

fn watch(mut watched: Vec<Watched>, orders: &Receiver<()>, audit: &Audit) {
    loop {
        let settling = watched.iter().any(Watched::is_settling);
        match orders.recv_timeout(if settling { SETTLE } else { LOOK_EVERY }) {
            Ok(()) => watched.iter_mut().for_each(|files| files.read_again(audit)),
            Err(RecvTimeoutError::Timeout) => {
                watched.iter_mut().for_each(|files| files.look(audit));
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Between two looks at the files: some small reads.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between the look that finds a change and the one that confirms it.
const SETTLE: Duration = Duration::from_millis(100);
