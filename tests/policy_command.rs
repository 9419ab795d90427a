//! `bidgate policy validate` and `bidgate policy print`.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use bidgate::cli::Outcome;
    use bidgate::cli::policy::{self, PolicyCommand};
    use bidgate::policy::Policy;

    #[test]
    fn every_sample_is_accepted() {
        let samples: Vec<PathBuf> = fs::read_dir(samples())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(samples.len() >= 4);
        for sample in samples {
            let (code, _, err) = run(&PolicyCommand::Validate {
                file: sample.clone(),
                json: false,
            });
            assert_eq!(
                (code, err.as_str()),
                (success(), ""),
                "{}",
                sample.display()
            );
        }
    }

    #[test]
    fn validate_tells_digest_and_gates_or_every_problem() {
        let (code, out, err) = run(&PolicyCommand::Validate {
            file: sample("bidgate.yaml"),
            json: false,
        });
        assert_eq!((code, err.as_str()), (success(), ""));
        assert!(
            out.starts_with("ok ") && out.ends_with("\n  audienceSafety\n  bcatCompliance\n"),
            "{out}"
        );

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bad.yaml");
        fs::write(&file, "timeout_ms: x\nfail_fast: 1\n").unwrap();
        let (code, out, err) = run(&PolicyCommand::Validate {
            file: file.clone(),
            json: false,
        });
        assert_eq!(
            (code, out.as_str(), err.lines().count()),
            (failure(), "", 2)
        );
        assert!(err.contains("bad.yaml:1:13: timeout_ms: must be "), "{err}");

        let (code, out, err) = run(&PolicyCommand::Validate { file, json: true });
        assert_eq!((code, err.as_str()), (failure(), ""));
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["ok"], false);
        assert_eq!(report["problems"][1]["path"], "fail_fast");
    }

    #[test]
    fn validate_as_json_tells_digest_and_gates() {
        let (code, out, _) = run(&PolicyCommand::Validate {
            file: sample("strict-policy.yaml"),
            json: true,
        });
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (code, &report["ok"], &report["gates"][0]),
            (success(), &true.into(), &"tmaxGuard".into())
        );
    }

    #[test]
    fn a_printed_policy_is_the_same_policy() {
        for file in [
            None,
            Some(sample("bidgate.yaml")),
            Some(sample("strict-policy.yaml")),
        ] {
            let (code, out, _) = run(&PolicyCommand::Print { file });
            assert_eq!(code, success());
            let version = Policy::from_yaml(&out, "printed")
                .unwrap()
                .version()
                .to_owned();
            assert!(
                out.starts_with(&format!("# policy_version: {version}\n")),
                "{out}"
            );
        }
    }

    fn run(command: &PolicyCommand) -> (String, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = policy::run(command, &mut out, &mut err).unwrap();
        (
            format!("{code:?}"),
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    fn success() -> String {
        format!("{:?}", Outcome::Yes)
    }

    fn failure() -> String {
        format!("{:?}", Outcome::No)
    }

    fn samples() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/config")
    }

    fn sample(name: &str) -> PathBuf {
        samples().join(name)
    }
}
