//! Where a configuration comes from, so that it can be read again while the process runs.

use std::ffi::OsString;
use std::path::Path;

use super::files::{FileReader, Files};
use super::{Config, ServeArgs, settings};
use crate::document::{Problem, Problems};

/// The command line and the environment, which stay, and through them the files, which may change.
#[derive(Clone, Debug, Default)]
pub struct ConfigSource {
    args: ServeArgs,
    environment: Vec<(OsString, OsString)>,
}

/// What a configuration was at one moment.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, or everything that is wrong with it.
    pub config: Result<Config, Problems>,
    /// The files that said so.
    pub files: Files,
}

impl ConfigSource {
    /// A source that `args` and `environment` name. The latter is [`std::env::vars_os`], or what a test puts in its
    /// place; the keys of telemetry in it are left there, because what is kept here can be printed.
    pub fn new(
        args: ServeArgs,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let environment = environment.into_iter();
        let no_keys = environment.filter(|(name, _)| !settings::is_key_variable(name));
        Self {
            args,
            environment: no_keys.collect(),
        }
    }

    /// Reads the file that the command line or the environment names, if any, and overlays it with both.
    #[must_use]
    pub fn load(&self) -> Loaded {
        self.load_seen(&Files::default())
    }

    /// Reads the configuration again, from the texts in `seen` where a file is among them. A file that says nothing is
    /// refused: it is being written, or was emptied by mistake, and would set everything to its default.
    #[must_use]
    pub fn reload(&self, seen: &Files) -> Loaded {
        let loaded = self.load_seen(seen);
        let blank = loaded.files.blank().map(blank_file);
        Loaded {
            config: blank.map_or(loaded.config, |problem| Err(problem.into())),
            files: loaded.files,
        }
    }

    fn load_seen(&self, seen: &Files) -> Loaded {
        let mut reader = FileReader::new(seen);
        let environment = self.environment.iter().cloned();
        let document = settings::document(&self.args, environment, &mut reader);
        Loaded {
            config: document.and_then(|document| document.read(Config::read)),
            files: reader.into_files(),
        }
    }
}

fn blank_file(path: &Path) -> Problem {
    let message = "is empty; write {} if everything is to be at its default";
    Problem::new(path.display().to_string(), "", message)
}
