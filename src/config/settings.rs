//! The keys that flags and environment variables can set: one table for both.
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::files::FileReader;
use super::include_policy_file;
use crate::document::{Document, Problem, Problems, closest};

/// A key of the configuration that has a flag and a variable.
#[derive(Debug)]
struct Setting {
    /// `policy.timeout_ms` is also `--policy-timeout-ms` and `BIDGATE_POLICY_TIMEOUT_MS`.
    path: &'static str,
    kind: Kind,
    value_name: &'static str,
    /// What it is, in which unit, and its default.
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One value, as YAML.
    Single,
    /// A text, in quotes or not.
    Text,
    /// A list, as YAML or with commas; the flag may be repeated.
    List,
}

/// Every key, in the order of `--help`.
#[rustfmt::skip]
const SETTINGS: &[Setting] = &[
    list("listen", "ADDRESS", "Where gRPC is served: ip:port or unix:///path; repeat or separate by commas [default: 127.0.0.1:50051]"),
    text("unix_mode", "MODE", "Mode of Unix sockets, octal, up to 0777 [default: 0660]"),
    single("unix_allowed_uids", "UIDS", "Users who may connect to Unix sockets, such as '[1000, 1001]' [default: all]"),
    text("tls.cert_file", "FILE", "PEM certificate of gRPC on TCP, with those that lead to its root; TLS is spoken if it is there [default: none]"),
    text("tls.key_file", "FILE", "PEM private key of that certificate [default: none]"),
    text("tls.client_ca_file", "FILE", "PEM certificates that vouch for callers; if it is there, callers must have one [default: none]"),
    single("tls.admin", "BOOL", "Serve the admin address over TLS too [default: false]"),
    text("admin", "ADDRESS", "Where health, metrics and policy are served over HTTP: ip:port [default: 127.0.0.1:8080]"),
    list("admin_hosts", "NAME", "Names by which the admin address may be asked, beside localhost and IP addresses [default: none]"),
    text("admin_token_file", "FILE", "File of the token that requests to the admin address other than GET and HEAD need, in place of BIDGATE_ADMIN_TOKEN [default: none]"),
    single("plaintext_beyond_loopback.listen", "BOOL", "Let bids cross the network in plaintext, where listen is open to other machines [default: false]"),
    single("plaintext_beyond_loopback.admin", "BOOL", "Let metrics and policy do so, where admin is [default: false]"),
    single("plaintext_beyond_loopback.otlp", "BOOL", "Let metrics and traces do so, where an OTLP receiver is on another machine [default: false]"),
    single("rest", "BOOL", "Serve POST /v1/evaluate on the admin address, for callers without gRPC [default: false]"),
    single("max_message_bytes", "BYTES", "Largest gRPC message taken, 1024 to 1073741824 bytes [default: 1048576]"),
    single("max_in_flight", "CALLS", "Evaluations at the same time, 1 to 1000000; more are shed [default: 1024]"),
    single("max_connections", "CONNECTIONS", "Connections at the same time, 1 to 1000000 [default: 4096]"),
    single("workers", "THREADS", "Worker threads, 0 to 256; 0 is one for each core [default: 0]"),
    single("limits.depth", "LEVELS", "Nesting of a payload, 1 to 64 levels [default: 64]"),
    single("limits.imps", "COUNT", "Imps of a bid request, 1 to 1000000 [default: 512]"),
    single("limits.bids", "COUNT", "Bids of a bid response, 1 to 1000000 [default: 1024]"),
    single("limits.block_list", "COUNT", "Entries of bcat and acat together, 1 to 1000000 [default: 16384]"),
    single("shutdown.drain_delay_ms", "MS", "From not ready to closed for new connections, 0 to 600000 milliseconds [default: 1000]"),
    single("shutdown.grace_ms", "MS", "For calls in flight after that, 0 to 600000 milliseconds [default: 5000]"),
    text("policy_file", "FILE", "The policy, a YAML file; replaces any policy of the configuration file [default: none]"),
    single("policy.fail_fast", "BOOL", "Stop at the first failed gate [default: true]"),
    single("policy.timeout_ms", "MS", "Time budget of an evaluation, milliseconds [default: 15]"),
    single("policy.gates", "GATES", "The gates in their order, such as '[{name: tmaxGuard}]' [default: six]"),
    single("policy.overrides", "OVERRIDES", "What differs for some calls, such as '[{tool: x, fail_fast: false}]' [default: none]"),
    single("telemetry.sink", "SINK", "Where records of evaluations go: none, stdout, file or http [default: none]"),
    text("telemetry.sender", "NAME", "What this sidecar calls itself in a batch [default: name of the host]"),
    single("telemetry.sample_rate", "SHARE", "Share of passes and no-bids recorded, 0 to 1; all else always is [default: 1.0]"),
    single("telemetry.max_events", "EVENTS", "Events that close a batch, 1 to 10000 [default: 100]"),
    single("telemetry.max_age_ms", "MS", "Age that closes a batch, 1 to 600000 milliseconds [default: 5000]"),
    single("telemetry.ring_records", "RECORDS", "Records that each worker has room for, 1 to 65536 [default: 4096]"),
    single("telemetry.max_pending_batches", "BATCHES", "Batches that wait to be delivered, 1 to 1024 [default: 64]"),
    single("telemetry.retries", "ATTEMPTS", "Attempts after the first that failed, 0 to 10 [default: 1]"),
    single("telemetry.retry_delay_ms", "MS", "From a failed attempt to the next, 0 to 600000 milliseconds [default: 1000]"),
    single("telemetry.flush_timeout_ms", "MS", "For what is left at shutdown, 0 to 600000 milliseconds [default: 5000]"),
    text("telemetry.file", "FILE", "The file of sink file [default: none]"),
    single("telemetry.file_max_bytes", "BYTES", "Size at which it is rotated, 1024 to 1099511627776 bytes [default: 67108864]"),
    single("telemetry.file_keep", "FILES", "Rotated files kept, as FILE.1 and so on, 0 to 100 [default: 4]"),
    text("telemetry.endpoint", "URL", "Where sink http posts to, under /v1/ingest; https, or http to loopback [default: none]"),
    single("telemetry.timeout_ms", "MS", "For one attempt of sink http, 1 to 600000 milliseconds [default: 5000]"),
    single("telemetry.compression", "ENCODING", "Of the bodies of sink http: none, gzip or zstd [default: none]"),
    text("telemetry.ca_file", "FILE", "PEM certificates that sink http trusts in place of the system's [default: none]"),
    text("telemetry.api_key_file", "FILE", "File of the publishable key, in place of its variable [default: none]"),
    single("telemetry.hmac", "BOOL", "Sign what is posted, with the secret key [default: false]"),
    text("telemetry.secret_key_file", "FILE", "File of the secret key, in place of its variable [default: none]"),
    single("log.level", "LEVEL", "Least severe level logged: off, error, warn, info, debug or trace [default: info]"),
    single("log.format", "FORMAT", "How a line of the log looks: human or json [default: human]"),
    single("log.decisions", "LINES", "Decision-log lines a second, 0 to 1000; 0 is none [default: 1]"),
    single("log.lines_per_second", "LINES", "Lines a second from one place in the code, 1 to 100000 [default: 10]"),
    text("audit.file", "FILE", "The file of the audit log [default: none]"),
    single("audit.file_max_bytes", "BYTES", "Size at which it is rotated, 65536 to 1099511627776 bytes [default: 16777216]"),
    single("audit.file_keep", "FILES", "Rotated files kept, as FILE.1 and so on, 1 to 100 [default: 16]"),
];

const fn single(path: &'static str, value_name: &'static str, help: &'static str) -> Setting {
    Setting {
        path,
        kind: Kind::Single,
        value_name,
        help,
    }
}

const fn text(path: &'static str, value_name: &'static str, help: &'static str) -> Setting {
    Setting {
        path,
        kind: Kind::Text,
        value_name,
        help,
    }
}

const fn list(path: &'static str, value_name: &'static str, help: &'static str) -> Setting {
    Setting {
        path,
        kind: Kind::List,
        value_name,
        help,
    }
}

impl Setting {
    fn flag(&self) -> String {
        self.path.replace(['.', '_'], "-")
    }

    fn variable(&self) -> String {
        format!(
            "{PREFIX}{}",
            self.path.replace('.', "_").to_ascii_uppercase()
        )
    }

    fn arg(&self) -> Arg {
        let action = if self.kind == Kind::List {
            ArgAction::Append
        } else {
            ArgAction::Set
        };
        let help = format!("{} [env: {}]", self.help, self.variable());
        Arg::new(self.path)
            .long(self.flag())
            .value_name(self.value_name)
            .help(help)
            .action(action)
    }
}

const PREFIX: &str = "BIDGATE_";
const CONFIG_VARIABLE: &str = "BIDGATE_CONFIG";
/// Variables that hold secrets. They are no part of the configuration, so that nothing that prints it can print them.
const KEY_VARIABLES: [&str; 3] = [
    "BIDGATE_TELEMETRY_API_KEY",
    "BIDGATE_TELEMETRY_SECRET_KEY",
    ADMIN_TOKEN_VARIABLE,
];

/// The token that writes on the admin HTTP need.
pub(crate) const ADMIN_TOKEN_VARIABLE: &str = "BIDGATE_ADMIN_TOKEN";

/// True for the variables that hold secrets.
pub(super) fn is_key_variable(name: &OsStr) -> bool {
    KEY_VARIABLES.iter().any(|variable| name == *variable)
}

/// True for the keys that stand at the root of a configuration.
pub(crate) fn is_root_key(key: &str) -> bool {
    SETTINGS
        .iter()
        .any(|setting| setting.path.split('.').next() == Some(key))
}

/// The arguments of `bidgate serve`; flatten it into the command.
#[derive(Clone, Debug, Default)]
pub struct ServeArgs {
    /// The configuration file, `--config`.
    pub config: Option<PathBuf>,
    /// Print the effective configuration and exit, `--print-config`.
    pub print_config: bool,
    settings: Vec<Overlay>,
}

const HEADING: &str =
    "Keys of the configuration, as YAML; a flag wins over its variable, that over the file";

const KEYS_HELP: &str = "The keys of sink http come from BIDGATE_TELEMETRY_API_KEY and BIDGATE_TELEMETRY_SECRET_KEY, or from files";

/// What one flag or variable says.
#[derive(Clone, Debug)]
struct Overlay {
    setting: &'static Setting,
    texts: Vec<String>,
    /// `--policy-timeout-ms` or `BIDGATE_POLICY_TIMEOUT_MS`.
    origin: String,
}

impl clap::Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .short('c')
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf));
        let print = Arg::new("print_config")
            .long("print-config")
            .action(ArgAction::SetTrue);
        command
            .arg(config.help(format!(
                "The configuration, a YAML file [default: none] [env: {CONFIG_VARIABLE}]"
            )))
            .arg(print.help("Print the effective configuration as YAML and exit"))
            .next_help_heading(HEADING)
            .args(SETTINGS.iter().map(Setting::arg))
            .next_help_heading(None::<&str>)
            .after_help(KEYS_HELP)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let settings = SETTINGS.iter().filter_map(|setting| {
            let texts: Vec<String> = matches.get_many::<String>(setting.path)?.cloned().collect();
            Some(Overlay {
                setting,
                texts,
                origin: format!("--{}", setting.flag()),
            })
        });
        Ok(Self {
            config: matches.get_one::<PathBuf>("config").cloned(),
            print_config: matches.get_flag("print_config"),
            settings: settings.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The document that file, environment and flags make together.
///
/// # Errors
/// When the file cannot be parsed; together with what is wrong with the environment.
pub(super) fn document(
    args: &ServeArgs,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    files: &mut FileReader<'_>,
) -> Result<Document, Problems> {
    let mut environment = Environment::read(environment);
    let file = args.config.as_ref().or(environment.config.as_ref());
    let mut document = match file.map_or_else(|| Ok(Document::empty()), |file| files.open(file)) {
        Ok(document) => document,
        Err(Problems(mut problems)) => {
            problems.append(&mut environment.problems);
            return Err(Problems(problems));
        }
    };
    document.add_problems(Problems(environment.problems));
    environment.overlays.extend(args.settings.iter().cloned());
    let folder = file
        .and_then(|file| file.parent())
        .unwrap_or_else(|| Path::new(""));
    overlay(&mut document, &environment.overlays, folder, files);
    Ok(document)
}

/// Lays the overlays over the document, later ones over earlier ones. A policy file comes first, whoever names it:
/// the other keys may be about the policy in it.
fn overlay(
    document: &mut Document,
    overlays: &[Overlay],
    folder: &Path,
    files: &mut FileReader<'_>,
) {
    let (policy_files, others): (Vec<_>, Vec<_>) = overlays
        .iter()
        .partition(|overlay| overlay.setting.path == POLICY_FILE);
    match policy_files.last() {
        Some(overlay) => {
            document.remove("policy");
            apply(document, overlay);
            include_policy_file(document, Path::new(""), files);
        }
        None => include_policy_file(document, folder, files),
    }
    for overlay in others {
        apply(document, overlay);
    }
}

const POLICY_FILE: &str = "policy_file";

fn apply(document: &mut Document, overlay: &Overlay) {
    let texts: Vec<&str> = overlay.texts.iter().map(String::as_str).collect();
    let Overlay {
        setting: Setting { path, kind, .. },
        origin,
        ..
    } = overlay;
    match (kind, texts.as_slice()) {
        (Kind::Single, [text]) => document.set(path, text, origin),
        (Kind::Text, [text]) => document.set_text(path, text, origin),
        (_, texts) => document.set_list(path, texts, origin),
    }
}

/// What the environment says to bidgate.
#[derive(Debug, Default)]
struct Environment {
    config: Option<PathBuf>,
    overlays: Vec<Overlay>,
    problems: Vec<Problem>,
}

impl Environment {
    fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        let mut variables: Vec<_> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((ours(&name)?, value)))
            .collect();
        variables.sort();
        for (name, value) in variables {
            environment.add(name, value);
        }
        environment
    }

    fn add(&mut self, name: String, value: OsString) {
        if name == CONFIG_VARIABLE {
            self.config = Some(PathBuf::from(value));
            return;
        }
        let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) else {
            self.problems.push(unknown(name));
            return;
        };
        match value.into_string() {
            Ok(text) => self.overlays.push(Overlay {
                setting,
                texts: vec![text],
                origin: name,
            }),
            Err(_) => self
                .problems
                .push(Problem::new(name, setting.path, "is not UTF-8")),
        }
    }
}

/// The name, if it is for bidgate. Kubernetes puts the addresses of services into the environment of every pod, and a
/// service called bidgate is not unlikely: `BIDGATE_PORT`, `BIDGATE_SERVICE_HOST`, `BIDGATE_PORT_50051_TCP_ADDR`.
fn ours(name: &OsStr) -> Option<String> {
    let name = name.to_str().filter(|name| name.starts_with(PREFIX))?;
    let service = name.ends_with("_PORT")
        || name.contains("_PORT_")
        || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT");
    (!service && !KEY_VARIABLES.contains(&name)).then(|| name.to_owned())
}

fn unknown(name: String) -> Problem {
    let known: Vec<String> = SETTINGS
        .iter()
        .map(Setting::variable)
        .chain([CONFIG_VARIABLE.to_owned()])
        .collect();
    let word = name.strip_prefix(PREFIX).unwrap_or(&name);
    let known = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
    let message = match closest(word, known) {
        Some(known) => format!("unknown variable; did you mean `{PREFIX}{known}`?"),
        None => "unknown variable; `bidgate serve --help` lists those there are".to_owned(),
    };
    Problem::new(name, "", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::document::Effective;

    #[test]
    fn every_key_of_the_configuration_is_a_flag_and_a_variable() {
        let effective = Document::parse(
            &Config::load(&ServeArgs::default(), []).unwrap().to_yaml(),
            "defaults",
        );
        let effective = effective
            .unwrap()
            .read(|section| {
                Config::read(section);
                section.effective()
            })
            .unwrap();
        let mut paths: Vec<String> = Vec::new();
        leaves("", &effective, &mut paths);
        let mut settings: Vec<&str> = SETTINGS
            .iter()
            .map(|setting| setting.path)
            .filter(|path| *path != POLICY_FILE)
            .collect();
        paths.sort();
        settings.sort_unstable();
        assert_eq!(paths, settings);
    }

    fn leaves(path: &str, effective: &Effective, paths: &mut Vec<String>) {
        let Effective::Mapping(entries) = effective else {
            paths.push(path.to_owned());
            return;
        };
        for (key, value) in entries {
            leaves(
                &if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                },
                value,
                paths,
            );
        }
    }

    #[test]
    fn the_variables_of_a_kubernetes_service_hide_no_setting() {
        for setting in SETTINGS {
            assert_eq!(
                ours(OsStr::new(&setting.variable())),
                Some(setting.variable())
            );
        }
        for name in KEY_VARIABLES {
            assert_eq!(ours(OsStr::new(name)), None);
        }
        for name in [
            "BIDGATE_PORT",
            "BIDGATE_SERVICE_HOST",
            "BIDGATE_SERVICE_PORT_GRPC",
            "BIDGATE_PORT_50051_TCP_ADDR",
        ] {
            assert_eq!(ours(OsStr::new(name)), None);
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        <ServeArgs as clap::Args>::augment_args(Command::new("serve")).debug_assert();
    }

    #[test]
    fn help_names_the_variable_and_the_default_of_every_flag() {
        let help = <ServeArgs as clap::Args>::augment_args(Command::new("serve"))
            .render_help()
            .to_string();
        for setting in SETTINGS {
            assert!(
                help.contains(&setting.flag()) && help.contains(&setting.variable()),
                "{}",
                setting.path
            );
            assert!(setting.help.contains("[default: "), "{}", setting.path);
        }
    }
}
