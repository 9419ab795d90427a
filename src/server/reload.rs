//! Reads the policy again when it is told to, or when its files change.
//!
//! Files are compared by what stands in them, so it does not matter how they change: written in place, renamed over, or
//! reached through links that are swapped, as in a Kubernetes volume. A file that is being written in place may be cut
//! off at a point where it is still a policy; a change therefore counts once two looks in a row have found the same.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::living::LivingPolicy;
use super::signals;
use crate::audit::{Audit, Cause, Event, FileDigest, PolicyDigest};
use crate::background;
use crate::config::{Config, ConfigSource, Files, Loaded};
use crate::document::{Effective, Problems};

/// Where the policy comes from.
#[derive(Clone, Debug)]
pub struct PolicySource {
    /// Reads the configuration that the policy is part of.
    pub config: ConfigSource,
    /// The files that the policy in use was read from.
    pub files: Files,
    /// The configuration in use.
    pub effective: Effective,
}

/// Starts the thread that keeps the policy up to date. The returned future passes SIGHUPs on to it, and ends it when
/// dropped.
pub(super) fn start(
    source: PolicySource,
    policy: Arc<LivingPolicy>,
    audit: Audit,
) -> io::Result<impl Future<Output = ()>> {
    let hangups = signals::hangups()?;
    // A SIGHUP that arrives while another waits asks for nothing more.
    let (orders, ordered) = sync_channel(1);
    let reloader = Reloader {
        source,
        policy,
        audit,
    };
    background::spawn(&background::POLICY, move || reloader.run(&ordered))?;
    Ok(signals::pass_on(hangups, orders, "policy"))
}

/// The thread's work.
#[derive(Debug)]
struct Reloader {
    source: PolicySource,
    policy: Arc<LivingPolicy>,
    audit: Audit,
}

impl Reloader {
    fn run(mut self, orders: &Receiver<()>) {
        let mut changed = None;
        loop {
            let pause = if changed.is_none() {
                LOOK_EVERY
            } else {
                SETTLE
            };
            changed = match orders.recv_timeout(pause) {
                Ok(()) => self.reload(&self.source.files.look_again(), Cause::Signal),
                Err(RecvTimeoutError::Timeout) => self.look(changed.as_ref()),
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    }

    /// Looks whether the files have changed since they were loaded. Returns what they are as long as it has not been
    /// seen twice.
    fn look(&mut self, before: Option<&Files>) -> Option<Files> {
        let seen = self.source.files.look_again();
        if seen == self.source.files {
            return None;
        }
        if before == Some(&seen) {
            return self.reload(&seen, Cause::FileChanged);
        }
        Some(seen)
    }

    /// Compiles what was seen, and lets it judge if nothing is wrong with it. Nothing is left to look at twice.
    fn reload(&mut self, seen: &Files, cause: Cause) -> Option<Files> {
        let Loaded { config, files } = self.source.config.reload(seen);
        self.source.files = files;
        match config {
            Ok(config) => self.accept(config, cause),
            Err(problems) => self.refuse(problems, cause),
        }
        None
    }

    fn accept(&self, config: Config, cause: Cause) {
        let changed = config.changed_settings(&self.source.effective);
        if !changed.is_empty() {
            let keys = changed.join(", ");
            tracing::warn!(keys, "these settings have changed and wait for a restart");
        }
        let policy_version = config.policy.version().to_owned();
        self.audit.note(Event::PolicySwapped {
            from: self.policy.version(),
            policy: PolicyDigest::of(&config.policy),
            cause,
            files: FileDigest::of(&self.source.files),
        });
        self.policy.replace(config.policy);
        tracing::info!(policy_version, "policy loaded");
    }

    fn refuse(&self, problems: Problems, cause: Cause) {
        for problem in &problems.0 {
            tracing::warn!(%problem, "policy refused");
        }
        tracing::warn!(
            policy_version = self.policy.load().version(),
            "the policy before judges on"
        );
        self.audit.note(Event::PolicyRefused {
            policy_version: self.policy.version(),
            problems: problems.0.len(),
            cause,
            files: FileDigest::of(&self.source.files),
        });
        self.policy.refuse(problems);
    }
}

/// Between two looks at the files: a small read, and soon enough for a file that takes Kubernetes a minute to bring.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between the look that finds a change and the one that confirms it.
const SETTLE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::ServeArgs;

    #[test]
    fn a_change_counts_once_it_has_been_seen_twice() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("bidgate.yaml");
        fs::write(&file, "policy: {timeout_ms: 1}").unwrap();
        let environment = [("BIDGATE_CONFIG".into(), file.clone().into())];
        let config = ConfigSource::new(ServeArgs::default(), environment);
        let Loaded {
            config: loaded,
            files,
        } = config.load();
        let loaded = loaded.unwrap();
        let source = PolicySource {
            config,
            files,
            effective: loaded.effective().clone(),
        };
        let policy = Arc::new(LivingPolicy::new(loaded.policy));
        let mut reloader = Reloader {
            source,
            policy: Arc::clone(&policy),
            audit: Audit::default(),
        };
        let timeout_ns = || policy.load().rules("bidder", "").timeout_ns;

        assert_eq!(reloader.look(None), None);
        fs::write(&file, "policy: {timeout_ms: 2").unwrap();
        let torn = reloader.look(None);
        fs::write(&file, "policy: {timeout_ms: 25}").unwrap();
        let whole = reloader.look(torn.as_ref());
        assert!(torn.is_some() && whole.is_some() && torn != whole);
        assert_eq!(timeout_ns(), 1_000_000);
        assert_eq!(reloader.look(whole.as_ref()), None);
        assert_eq!(timeout_ns(), 25_000_000);
        assert_eq!(reloader.look(None), None);
        let standing = policy.standing();
        assert_eq!((standing.reloads, standing.refusals), (1, 0));
    }
}
