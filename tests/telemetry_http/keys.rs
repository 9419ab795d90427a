//! Keys: where they come from, when they change, and that they are never shown.

use std::fs;
use std::process::Command;

use crate::collector::{ACCEPTED, Collector};
use crate::sidecar::{API_KEY, SECRET_KEY, Sidecar};

#[tokio::test]
async fn a_key_in_a_file_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let second = API_KEY.replace('0', "9");
    fs::write(&file, format!("{API_KEY}\n")).unwrap();
    let collector = Collector::start(|_, _| ACCEPTED);
    let key_file = format!("--telemetry-api-key-file={}", file.display());
    let audit = folder.path().join("audit");
    let audit_file = format!("--audit-file={}", audit.display());
    let args = [key_file.as_str(), &audit_file];
    let mut sidecar = Sidecar::start_after("true", &collector.endpoint(), &args).await;
    sidecar.judge(20).await;
    sidecar.settled().await;
    // A mounted secret is replaced by renaming, and may be broken for a while.
    for key in [&second, "garbage", API_KEY] {
        let next = folder.path().join("next");
        fs::write(&next, key).unwrap();
        fs::rename(&next, &file).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        sidecar.judge(20).await;
        sidecar.settled().await;
    }
    let mut bearers: Vec<_> = collector
        .posts()
        .iter()
        .map(|post| post.header("authorization").to_owned())
        .collect();
    bearers.dedup();
    assert_eq!(
        bearers,
        [API_KEY, &second, API_KEY].map(|key| format!("Bearer {key}"))
    );
    let told = fs::read_to_string(&audit).unwrap();
    let events: Vec<_> = told
        .split("\"event\":\"")
        .filter_map(|line| line.split('"').next())
        .filter(|event| event.starts_with("key_"))
        .collect();
    let expected = ["key_loaded", "key_replaced", "key_refused", "key_replaced"];
    assert_eq!(events, expected);
    assert!(!told.contains("0123456789"), "{told}");
}

#[test]
fn a_key_that_is_missing_or_wrong_stops_the_start_and_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, "garbage that is no key").unwrap();
    let key_file = format!("--telemetry-api-key-file={}", file.display());
    let (api, secret) = ("BIDGATE_TELEMETRY_API_KEY", "BIDGATE_TELEMETRY_SECRET_KEY");
    for (environment, args, said) in [
        (
            vec![],
            vec![],
            "set BIDGATE_TELEMETRY_API_KEY, or name its file by telemetry.api_key_file",
        ),
        (
            vec![(api, SECRET_KEY)],
            vec![],
            "BIDGATE_TELEMETRY_API_KEY holds a secret key (sk_live_..) where a publishable",
        ),
        (
            vec![(api, "garbage")],
            vec![],
            "BIDGATE_TELEMETRY_API_KEY must hold a publishable key (pk_live_..): 16 to 256",
        ),
        (
            vec![],
            vec![key_file.as_str()],
            "key must hold a publishable key (pk_live_..)",
        ),
        (
            vec![],
            vec!["--telemetry-api-key-file=/nowhere"],
            "/nowhere cannot be read: entity not found",
        ),
        (
            vec![(api, API_KEY)],
            vec![key_file.as_str()],
            "keep one of the two",
        ),
        (
            vec![(api, API_KEY)],
            vec!["--telemetry-hmac=true"],
            "set BIDGATE_TELEMETRY_SECRET_KEY",
        ),
        (
            vec![(api, API_KEY), (secret, API_KEY)],
            vec!["--telemetry-hmac=true"],
            "where a secret key (sk_live_..) belongs",
        ),
        (
            vec![(api, API_KEY)],
            vec!["--telemetry-ca-file=/nowhere"],
            "telemetry.ca_file: /nowhere must hold certificates",
        ),
    ] {
        let log = refused_start(&environment, &args);
        assert!(log.contains(said), "no {said:?} in {log}");
        assert!(!log.contains("serving"), "{log}");
        assert!(
            !log.contains("0123456789") && !log.contains("garbage"),
            "{log}"
        );
    }
}

/// What is said by a sidecar that does not start.
fn refused_start(environment: &[(&str, &str)], args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bidgate"))
        .args(["serve", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"])
        .args([
            "--telemetry-sink=http",
            "--telemetry-endpoint=https://localhost:9",
        ])
        .args(args)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{log}");
    log
}

#[test]
fn a_key_that_stands_where_a_name_belongs_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bidgate.yaml");
    let config = format!("--config={}", file.display());
    for text in [
        format!("{SECRET_KEY}: 1"),
        format!("telemetry: {{{API_KEY}: 1}}"),
        format!("telemetry: {{{API_KEY}: 1, {API_KEY}: 2}}"),
        format!("telemetry: {{{API_KEY}: {{a: 1}}"),
        format!("policy: {{gates: [{{name: {SECRET_KEY}}}]}}"),
    ] {
        fs::write(&file, &text).unwrap();
        let log = refused_start(&[], &[&config]);
        assert!(
            log.contains("bidgate.yaml:") && !log.contains("0123456789"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn no_page_shows_a_key() {
    let collector = Collector::start(|_, _| ACCEPTED);
    let sidecar = Sidecar::start(&collector.endpoint(), &["--telemetry-hmac=true"]).await;
    for path in [
        "/",
        "/health/info",
        "/health/ready",
        "/metrics",
        "/policy",
        "/stats",
    ] {
        let (head, body) = sidecar.page(path);
        assert!(
            !head.contains("0123456789") && !body.contains("0123456789"),
            "{path}: {body}"
        );
    }
}
