//! What is told: a closed set of events, each with fields that hold no payload and no secret.

use serde::Serialize;

use super::chain::Fault;
use super::digest::Digest;
use crate::config::Files;
use crate::policy::Policy;

/// Something that happened to the process, as one line tells it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The process has read its configuration, and begins.
    Start {
        /// Of the program.
        version: &'static str,
        /// Its number at the system.
        pid: u32,
        /// Of the effective configuration, as `bidgate serve --print-config` prints it.
        config_sha256: Digest,
    },
    /// The policy to begin with.
    PolicyLoaded {
        /// The policy.
        #[serde(flatten)]
        policy: PolicyDigest,
        /// Where it and the configuration come from.
        files: Vec<FileDigest>,
    },
    /// The policy was read again and judges from here on, be it another one or not.
    PolicySwapped {
        /// That judged before.
        from: String,
        /// That judges.
        #[serde(flatten)]
        policy: PolicyDigest,
        /// Why it was read.
        cause: Cause,
        /// As they were read.
        files: Vec<FileDigest>,
    },
    /// The policy was read again, and the one before judges on.
    PolicyRefused {
        /// That judges on.
        policy_version: String,
        /// How much is wrong; what, the log tells.
        problems: usize,
        /// Why it was read.
        cause: Cause,
        /// As they were read.
        files: Vec<FileDigest>,
    },
    /// A listener is open.
    ListenerOpened {
        /// What is served there.
        serves: Serves,
        /// Where.
        address: String,
    },
    /// A key of telemetry was read for the first time.
    KeyLoaded {
        /// Which of the two.
        key: &'static str,
        /// The beginning of its SHA-256.
        id: String,
        /// Whether it comes from a file, or from a variable.
        from_file: bool,
    },
    /// A key's file holds another one, which is used from here on.
    KeyReplaced {
        /// Which of the two.
        key: &'static str,
        /// The beginning of its SHA-256.
        id: String,
        /// That of the one before.
        before: String,
    },
    /// A key's file holds none; the one before is used on.
    KeyRefused {
        /// Which of the two.
        key: &'static str,
        /// Of the one that is used on.
        id: String,
    },
    /// What the server proves itself with, or asks of others, was read for the first time.
    CredentialLoaded {
        /// Which.
        credential: &'static str,
    },
    /// Its files were read again and count from here on, be it another one or not.
    CredentialReplaced {
        /// Which.
        credential: &'static str,
    },
    /// Its files were read again, and the one before counts on.
    CredentialRefused {
        /// Which.
        credential: &'static str,
    },
    /// The log was told to change.
    LogChanged {
        /// The level before.
        from: String,
        /// The level.
        level: String,
        /// Decision-log lines a second.
        decisions: u32,
    },
    /// The process was told to end.
    ShutdownBegun,
    /// The last line of a run.
    ShutdownEnded {
        /// How.
        outcome: End,
    },
    /// The run before ended without such a line: it was killed, or could not write it.
    PreviousRunUnfinished {
        /// Of its last line.
        last_seq: u64,
        /// What that tells.
        last_event: String,
    },
    /// Behind the line before this one stand bytes that are no line: a write that broke off.
    LineTorn {
        /// What they are.
        torn: Torn,
    },
    /// The file did not verify when it was opened. It was set aside, and a chain begins.
    ChainBroken {
        /// Where it is.
        set_aside: String,
        /// Its first line that is wrong.
        line: u64,
        /// Where that begins.
        byte: u64,
        /// What is wrong.
        problem: Fault,
        /// Of all of it.
        sha256: Digest,
    },
    /// The file was not as this process left it: it was removed, replaced, cut or written to.
    FileReplaced {
        /// Of the last line that this process wrote.
        last_seq: u64,
        /// That line's.
        last_sha256: Digest,
    },
    /// An event that would have made a line longer than any is.
    EventTooLong {
        /// Its name.
        name: &'static str,
        /// Of the line, with its line feed.
        bytes: usize,
        /// That line's.
        sha256: Digest,
    },
    /// Events that found no room while the file could not be written.
    EventsLost {
        /// How many.
        events: u64,
    },
}

impl Event {
    /// As `event` has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::PolicyLoaded { .. } => "policy_loaded",
            Self::PolicySwapped { .. } => "policy_swapped",
            Self::PolicyRefused { .. } => "policy_refused",
            Self::ListenerOpened { .. } => "listener_opened",
            Self::CredentialLoaded { .. } => "credential_loaded",
            Self::CredentialReplaced { .. } => "credential_replaced",
            Self::CredentialRefused { .. } => "credential_refused",
            Self::KeyLoaded { .. } => "key_loaded",
            Self::KeyReplaced { .. } => "key_replaced",
            Self::KeyRefused { .. } => "key_refused",
            Self::LogChanged { .. } => "log_changed",
            Self::ShutdownBegun => "shutdown_begun",
            Self::ShutdownEnded { .. } => Self::LAST,
            Self::PreviousRunUnfinished { .. } => "previous_run_unfinished",
            Self::LineTorn { .. } => "line_torn",
            Self::ChainBroken { .. } => "chain_broken",
            Self::FileReplaced { .. } => "file_replaced",
            Self::EventTooLong { .. } => "event_too_long",
            Self::EventsLost { .. } => "events_lost",
        }
    }

    /// The name of the event that ends a run.
    pub(super) const LAST: &str = "shutdown_ended";
}

/// A policy, in short.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyDigest {
    /// As replies and metrics have it.
    pub policy_version: String,
    /// Of its text with the defaults filled in, as `/policy` shows it.
    pub policy_sha256: Digest,
}

impl PolicyDigest {
    /// Of this policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            policy_version: policy.version().to_owned(),
            policy_sha256: Digest::of(policy.effective().to_yaml()),
        }
    }
}

/// A file of the configuration, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileDigest {
    path: String,
    /// Of its text; none when it cannot be read.
    sha256: Option<Digest>,
}

impl FileDigest {
    /// Of each of these.
    #[must_use]
    pub fn of(files: &Files) -> Vec<Self> {
        let texts = files.texts();
        texts
            .map(|(path, text)| Self {
                path: path.display().to_string(),
                sha256: text.map(Digest::of),
            })
            .collect()
    }
}

/// Why the policy was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// SIGHUP.
    Signal,
    /// Its files have changed.
    FileChanged,
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Serves {
    /// Calls.
    Grpc,
    /// The admin pages.
    Admin,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// With everything finished that was in flight.
    Drained,
    /// Before that.
    Cut,
    /// It could not start, or not go on.
    Failed,
}

/// Bytes that are no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Torn {
    /// How many, with the line feed before the line that tells of them.
    pub bytes: u64,
    /// Theirs.
    pub sha256: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::line::{Line, write};

    #[test]
    fn the_name_of_an_event_is_what_its_line_tells() {
        for event in told_by_others().into_iter().chain(told_by_itself()) {
            let line = write(1, "now", &event, Digest::NONE).unwrap();
            assert_eq!(Line::read(&line).unwrap().event, event.name());
        }
    }

    fn told_by_others() -> Vec<Event> {
        let text = || String::from("x");
        let policy = || PolicyDigest::of(&Policy::default());
        vec![
            Event::Start {
                version: "1",
                pid: 1,
                config_sha256: Digest::NONE,
            },
            Event::PolicyLoaded {
                policy: policy(),
                files: Vec::new(),
            },
            Event::PolicySwapped {
                from: text(),
                policy: policy(),
                cause: Cause::Signal,
                files: Vec::new(),
            },
            Event::PolicyRefused {
                policy_version: text(),
                problems: 1,
                cause: Cause::FileChanged,
                files: Vec::new(),
            },
            Event::ListenerOpened {
                serves: Serves::Grpc,
                address: text(),
            },
            Event::CredentialLoaded { credential: "tls" },
            Event::CredentialReplaced { credential: "tls" },
            Event::CredentialRefused { credential: "tls" },
            Event::KeyLoaded {
                key: "secret",
                id: text(),
                from_file: true,
            },
            Event::KeyReplaced {
                key: "secret",
                id: text(),
                before: text(),
            },
            Event::KeyRefused {
                key: "secret",
                id: text(),
            },
            Event::LogChanged {
                from: text(),
                level: text(),
                decisions: 1,
            },
            Event::ShutdownBegun,
            Event::ShutdownEnded {
                outcome: End::Drained,
            },
        ]
    }

    fn told_by_itself() -> [Event; 6] {
        let text = || String::from("x");
        let digest = Digest::NONE;
        [
            Event::PreviousRunUnfinished {
                last_seq: 1,
                last_event: text(),
            },
            Event::LineTorn {
                torn: Torn {
                    bytes: 1,
                    sha256: digest,
                },
            },
            Event::ChainBroken {
                set_aside: text(),
                line: 1,
                byte: 1,
                problem: Fault::Prev,
                sha256: digest,
            },
            Event::FileReplaced {
                last_seq: 1,
                last_sha256: digest,
            },
            Event::EventTooLong {
                name: "start",
                bytes: 1,
                sha256: digest,
            },
            Event::EventsLost { events: 1 },
        ]
    }
}
