//! The configuration through its public doors: files, environment and flags.

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use bidgate::config::{Config, Listen, LogFormat, ServeArgs};
    use bidgate::document::{Document, Problems};
    use bidgate::limits::Limits;
    use bidgate::policy::Policy;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        serve: ServeArgs,
    }

    #[test]
    fn nothing_said_is_loopback_and_all_gates() {
        let config = load(&[], &[]).unwrap();
        assert_eq!(
            config.listen,
            [Listen::Tcp("127.0.0.1:50051".parse().unwrap())]
        );
        assert_eq!(config.admin, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(
            (config.unix_mode, config.max_message_bytes),
            (0o660, 1_048_576)
        );
        assert_eq!(
            (config.max_in_flight, config.max_connections, config.workers),
            (1024, 4096, 0)
        );
        assert_eq!(config.limits, Limits::default());
        assert_eq!(
            (config.drain_delay, config.grace),
            (Duration::from_secs(1), Duration::from_secs(5))
        );
        assert_eq!(config.log.format, LogFormat::Human);
        assert_eq!(
            config.policy.version(),
            Policy::from_yaml("", "empty").unwrap().version()
        );
        for gate in [
            "tmaxGuard",
            "impidMatch",
            "adomainVerify",
            "bidSanity",
            "audienceSafety",
            "bcatCompliance",
        ] {
            assert!(config.to_yaml().contains(gate), "{gate}");
        }
    }

    #[test]
    fn the_complete_sample_names_every_key_at_its_default() {
        let complete = load(
            &["--config", sample("complete.yaml").to_str().unwrap()],
            &[],
        )
        .unwrap();
        assert_eq!(complete.to_yaml(), load(&[], &[]).unwrap().to_yaml());
        let text = fs::read_to_string(sample("complete.yaml")).unwrap();
        for line in complete
            .to_yaml()
            .lines()
            .take_while(|line| !line.starts_with("policy:"))
        {
            let (key, _) = line.trim().split_once(':').unwrap();
            assert!(text.contains(&format!("{key}:")), "{key}");
        }
    }

    #[test]
    fn the_effective_configuration_reads_back_to_itself() {
        for name in ["bidgate.yaml", "complete.yaml", "sidecar.yaml"] {
            let printed = load(&["--config", sample(name).to_str().unwrap()], &[])
                .unwrap()
                .to_yaml();
            let document = Document::parse(&printed, "printed").unwrap();
            let again = Config::from_document(document, Path::new("")).unwrap();
            assert_eq!(again.to_yaml(), printed, "{name}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once_each_at_its_place() {
        let problems = from_text(include_str!("config/mistakes.yaml")).unwrap_err();
        assert_eq!(
            problems.to_string(),
            include_str!("config/mistakes.problems")
        );
    }

    #[test]
    fn a_sink_needs_its_place_and_keys_stand_elsewhere() {
        let text = "telemetry:
  sink: file
  sample_rate: 1.5
  endpoint: http://collector.example.com
  api_key: pk_live_0123
  secret_key: sk_live_0123
  sender: sk_live_4567
  hmac: sk_live_89ab
";
        let problems = from_text(text).unwrap_err().to_string();
        let expected = "\
test.yaml:5:12: telemetry.api_key: does not belong in a configuration; set BIDGATE_TELEMETRY_API_KEY, or name a file by api_key_file
test.yaml:6:15: telemetry.secret_key: does not belong in a configuration; set BIDGATE_TELEMETRY_SECRET_KEY, or name a file by secret_key_file
test.yaml:4:13: telemetry.endpoint: must begin with \"https://\"; plain HTTP is for loopback hosts
test.yaml:8:9: telemetry.hmac: must be true or false, found a key
test.yaml:2:9: telemetry.sink: is file, which needs telemetry.file: a path
test.yaml:7:11: telemetry.sender: holds a key, which does not belong in a configuration; see api_key_file and secret_key_file
test.yaml:3:16: telemetry.sample_rate: must be a number from 0 to 1
";
        assert_eq!(sorted(&problems), sorted(expected));
    }

    fn sorted(lines: &str) -> Vec<&str> {
        let mut lines: Vec<_> = lines.lines().collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn the_variables_of_keys_are_no_settings_and_are_not_printed() {
        let keys = [
            ("BIDGATE_TELEMETRY_API_KEY", "pk_live_0123"),
            ("BIDGATE_TELEMETRY_SECRET_KEY", "sk_live_0123"),
        ];
        let printed = load(&[], &keys).unwrap().to_yaml();
        assert!(!printed.contains("0123"), "{printed}");
    }

    #[test]
    fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bidgate.yaml");
        fs::write(&file, "max_in_flight: 1\nmax_connections: 1\nworkers: 1\n").unwrap();
        let variables = [
            ("BIDGATE_CONFIG", file.to_str().unwrap()),
            ("BIDGATE_MAX_CONNECTIONS", "2"),
            ("BIDGATE_WORKERS", "2"),
        ];
        let config = load(&["--workers", "3"], &variables).unwrap();
        assert_eq!(
            (config.max_in_flight, config.max_connections, config.workers),
            (1, 2, 3)
        );
        assert_eq!(config.limits.bids, 1024);
    }

    #[test]
    fn keys_below_others_have_flags_and_variables_too() {
        let flags = [
            "--policy-gates",
            "[{name: tmaxGuard, buffer_ms: 7}]",
            "--limits-block-list=9",
            "--log-format",
            "json",
        ];
        let config = load(
            &flags,
            &[
                ("BIDGATE_POLICY_TIMEOUT_MS", "8"),
                ("BIDGATE_UNIX_MODE", "'0600'"),
            ],
        )
        .unwrap();
        assert_eq!((config.limits.block_list, config.unix_mode), (9, 0o600));
        assert_eq!(config.log.format, LogFormat::Json);
        let expected = Policy::from_yaml(
            "{timeout_ms: 8, gates: [{name: tmaxGuard, buffer_ms: 7}]}",
            "expected",
        )
        .unwrap();
        assert_eq!(config.policy.version(), expected.version());
    }

    #[test]
    fn a_text_needs_no_quotes_on_the_command_line() {
        for mode in ["0600", "'0600'"] {
            let config = load(&["--unix-mode", mode], &[("BIDGATE_ADMIN", "[::1]:81")]).unwrap();
            assert_eq!(
                (config.unix_mode, config.admin),
                (0o600, "[::1]:81".parse().unwrap())
            );
        }
    }

    #[test]
    fn addresses_are_a_yaml_list_or_have_commas_or_repeat() {
        for flags in [
            &["--listen", "[127.0.0.1:1, unix:///x]"][..],
            &["--listen", "127.0.0.1:1, unix:///x"],
            &["--listen", "localhost:1", "--listen", "unix:///x"],
        ] {
            let listen = load(flags, &[("BIDGATE_LISTEN", "127.0.0.1:9")])
                .unwrap()
                .listen;
            assert_eq!(
                listen,
                [
                    Listen::Tcp("127.0.0.1:1".parse().unwrap()),
                    Listen::Unix(PathBuf::from("/x"))
                ]
            );
        }
    }

    #[test]
    fn mistakes_of_flags_and_variables_are_placed_there() {
        let problems = load(
            &[
                "--workers",
                "many",
                "--policy-gates",
                "[{name: tmaxGuard, buffer_ms: -1}, {",
                "--listen",
                "[::1]:5,nowhere",
            ],
            &[
                ("BIDGATE_TIMEOUT_MS", "8"),
                ("BIDGATE_MAX_INFLIGHT", "8"),
                ("BIDGATE_X", ""),
                ("BIDGATE_ADMIN", "x"),
                ("PATH", "x"),
            ],
        )
        .unwrap_err();
        let shown = problems.to_string();
        for expected in [
            "BIDGATE_TIMEOUT_MS: unknown variable; did you mean `BIDGATE_POLICY_TIMEOUT_MS`?\n",
            "BIDGATE_MAX_INFLIGHT: unknown variable; did you mean `BIDGATE_MAX_IN_FLIGHT`?\n",
            "BIDGATE_X: unknown variable; ",
            "BIDGATE_ADMIN: admin: must be \"ip:port\"",
            "--workers: workers: must be a whole number from 0 to 256, found the text \"many\"\n",
            "--policy-gates: policy.gates[1]: is not YAML: ",
            "--listen: listen[1]: must be ",
        ] {
            assert!(shown.contains(expected), "{expected} not in {shown}");
        }
        assert_eq!(problems.0.len(), 7, "{shown}");
    }

    #[test]
    fn a_policy_file_is_relative_to_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        fs::write(
            folder.path().join("policies/p.yaml"),
            "timeout_ms: 9\ngates: []\n",
        )
        .unwrap();
        let file = folder.path().join("bidgate.yaml");
        fs::write(&file, "policy_file: policies/p.yaml\n").unwrap();
        let version = |flags: &[&str]| {
            let flags = [&["--config", file.to_str().unwrap()], flags].concat();
            load(&flags, &[]).unwrap().policy.version().to_owned()
        };
        let expected = |text: &str| {
            Policy::from_yaml(text, "expected")
                .unwrap()
                .version()
                .to_owned()
        };
        assert_eq!(version(&[]), expected("{timeout_ms: 9, gates: []}"));
        assert_eq!(
            version(&["--policy-timeout-ms", "10"]),
            expected("{timeout_ms: 10, gates: []}")
        );
    }

    #[test]
    fn a_policy_file_on_the_command_line_replaces_the_policy() {
        let flags = [
            "--config",
            &path("bidgate.yaml"),
            "--policy-file",
            &path("strict-policy.yaml"),
        ];
        let text = fs::read_to_string(sample("strict-policy.yaml")).unwrap();
        let expected = Policy::from_yaml(&text, "expected").unwrap();
        assert_eq!(
            load(&flags, &[]).unwrap().policy.version(),
            expected.version()
        );
    }

    #[test]
    fn mistakes_of_a_policy_file_are_placed_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("p.yaml"), "timeout_ms: 0\ngates: nope\n").unwrap();
        let document = Document::parse("policy_file: p.yaml\nworkers: -1", "main.yaml").unwrap();
        let problems = Config::from_document(document, folder.path()).unwrap_err();
        let place = |line| format!("{}:{line}", folder.path().join("p.yaml").display());
        let places: Vec<_> = problems
            .0
            .iter()
            .map(|problem| (problem.place.clone(), problem.path.as_str()))
            .collect();
        let expected = [
            (place("1:13"), "policy.timeout_ms"),
            (place("2:8"), "policy.gates"),
            ("main.yaml:2:10".to_owned(), "workers"),
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let missing = from_text("policy_file: missing.yaml").unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("missing.yaml: cannot read the file: "),
            "{missing}"
        );
        let missing = load(&["--config", "missing.yaml"], &[("BIDGATE_X", "")])
            .unwrap_err()
            .to_string();
        assert!(
            missing.starts_with("missing.yaml: cannot read the file: ")
                && missing.contains("BIDGATE_X: "),
            "{missing}"
        );
    }

    #[test]
    fn policy_and_policy_file_exclude_each_other() {
        let problems = from_text("policy_file: p.yaml\npolicy: {}")
            .unwrap_err()
            .to_string();
        assert_eq!(
            problems,
            "test.yaml:1:14: policy_file: stands beside policy; keep one of the two\n"
        );
    }

    #[test]
    fn addresses_that_cannot_be_served_are_refused() {
        for (text, path) in [
            ("listen: []", "listen"),
            ("listen: [\"127.0.0.1:1\", \"localhost:1\"]", "listen[1]"),
            ("listen: [\"example.com:1\"]", "listen[0]"),
            ("listen: [\"127.0.0.1:65536\"]", "listen[0]"),
            ("listen: [\"unix:///\"]", "listen[0]"),
            (
                "{listen: [\"127.0.0.1:1\"], admin: \"127.0.0.1:1\"}",
                "admin",
            ),
            ("unix_mode: \"1777\"", "unix_mode"),
            ("unix_mode: \"+660\"", "unix_mode"),
        ] {
            let problems = from_text(text).unwrap_err();
            assert_eq!(
                problems
                    .0
                    .iter()
                    .map(|problem| problem.path.as_str())
                    .collect::<Vec<_>>(),
                [path],
                "{text}"
            );
        }
        let long = format!("listen: [\"unix:///{}\"]", "x".repeat(107));
        assert!(
            from_text(&long)
                .unwrap_err()
                .to_string()
                .contains("107 bytes")
        );
        assert!(from_text("listen: [\"127.0.0.1:0\", \"127.0.0.1:0\"]").is_ok());
    }

    fn load(flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, Problems> {
        let cli = Cli::try_parse_from([&["serve"], flags].concat()).unwrap();
        Config::load(
            &cli.serve,
            variables
                .iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value))),
        )
    }

    fn from_text(text: &str) -> Result<Config, Problems> {
        Config::from_document(Document::parse(text, "test.yaml")?, Path::new(""))
    }

    fn samples() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/config")
    }

    fn sample(name: &str) -> PathBuf {
        samples().join(name)
    }

    fn path(name: &str) -> String {
        sample(name).to_str().unwrap().to_owned()
    }
}
