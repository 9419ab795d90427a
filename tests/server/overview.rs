//! The page for people at `/`, and what it asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bidgate::document::Problem;
use bidgate::policy::Policy;
use bidgate::proto::EvaluateRequest;
use bidgate::server::{LivingPolicy, Settings};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::running::{PATIENCE, Running, request, settings};

fn stats(server: &Running) -> Value {
    let (head, body) = server.admin("GET /stats");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    serde_json::from_str(&body).unwrap()
}

/// A call that `impidMatch` fails.
fn failing() -> EvaluateRequest {
    let response = br#"{"seatbid":[{"bid":[{"id":"b","impid":"nowhere"}]}]}"#;
    EvaluateRequest {
        agent_id: "<b>agent</b>".to_owned(),
        tool: "tool".to_owned(),
        bid_response: response.as_slice().into(),
        ..request(1)
    }
}

#[test]
fn both_pages_are_not_kept_and_are_what_they_say() {
    let server = Running::start(settings());
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/stats", "application/json"),
    ] {
        for method in ["GET", "HEAD"] {
            let (head, body) = server.admin(&format!("{method} {path}"));
            assert!(head.starts_with("http/1.1 200"), "{head}");
            for line in [
                &format!("content-type: {content_type}"),
                "cache-control: no-store",
                "x-content-type-options: nosniff",
                "referrer-policy: no-referrer",
            ] {
                assert!(
                    head.lines().any(|told| told == line),
                    "{line} not in {head}"
                );
            }
            assert_eq!(body.is_empty(), method == "HEAD");
        }
        let (head, _) = server.admin(&format!("POST {path}"));
        assert!(head.starts_with("http/1.1 405"), "{head}");
        assert!(head.contains("allow: get, head"), "{head}");
    }
}

#[test]
fn a_browser_may_run_what_is_in_the_page_and_nothing_else() {
    let server = Running::start(settings());
    let (head, html) = server.admin("GET /");
    let told = head
        .lines()
        .find_map(|line| line.strip_prefix("content-security-policy: "))
        .unwrap();
    let within = |tag: &str| {
        let (_, rest) = html.split_once(&format!("<{tag}>")).unwrap();
        rest.split_once(&format!("</{tag}>")).unwrap().0
    };
    let allowed = |tag| {
        let hash = STANDARD.encode(Sha256::digest(within(tag)));
        format!("{tag}-src 'sha256-{hash}'").to_ascii_lowercase()
    };
    for part in [
        "default-src 'none'",
        &allowed("style"),
        &allowed("script"),
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(
            told.split("; ").any(|directive| directive == part),
            "{part} not in {told}"
        );
    }
    assert_eq!(told.split("; ").count(), 8);
}

#[tokio::test]
async fn what_was_counted_is_told_at_once() {
    let server = Running::start(settings());
    let mut client = server.client().await;
    for call in [request(1), request(1), failing()] {
        client.evaluate(call).await.unwrap();
    }
    let no_agent = EvaluateRequest {
        agent_id: String::new(),
        ..request(1)
    };
    client.evaluate(no_agent).await.unwrap_err();

    let stats = stats(&server);
    let of = |verdict| {
        server.metric(&format!(
            "bidgate_evaluations_total{{verdict=\"{verdict}\"}}"
        ))
    };
    for verdict in ["pass", "fail", "no_bid", "not_evaluated", "error"] {
        assert_eq!(
            stats["totals"]["verdicts"][verdict],
            of(verdict),
            "{verdict}"
        );
    }
    assert_eq!(of("fail"), 1);
    assert_eq!(stats["totals"]["invalid_argument"], 1);
    assert_eq!(stats["recent"]["judged"], 3);
    assert_eq!(
        stats["recent"]["failures"],
        json!([{
            "gate": "impidMatch", "status": "failed", "reason": "impid_unknown", "mode": "enforce", "count": 1
        }])
    );
    let [one, other] = stats["recent"]["callers"].as_array().unwrap().as_slice() else {
        panic!("{stats:#}");
    };
    assert_eq!(one["agent_id"], "bidder");
    assert_eq!(
        [&other["agent_id"], &other["tool"]],
        ["<b>agent</b>", "tool"]
    );
    assert_eq!(other["verdicts"]["fail"], 1);
    assert_eq!(stats["max_in_flight"], 1024);
    assert_eq!(stats["ready"], true);
    assert_eq!(stats["version"], "0.1.0");
    assert_eq!(stats["listeners"], json!([server.tcp().to_string()]));
    assert_eq!(stats["policy"]["budget_ns"], 10_000_000_000_u64);
    assert_eq!(stats["telemetry"]["sink"], "none");
}

#[tokio::test]
async fn the_history_says_when_and_how_long() {
    let server = Running::start(settings());
    let mut client = server.client().await;
    for call in [request(1), failing()] {
        client.evaluate(call).await.unwrap();
    }
    let history = wait_for_history(&server).await;
    let points = history["elapsed_ms"].as_array().unwrap().len();
    for series in ["shed", "turned_away", "lost", "cpu_ms"] {
        assert_eq!(
            history[series].as_array().unwrap().len(),
            points,
            "{series}"
        );
    }
    assert_eq!(sum(&history["verdicts"]["fail"]), 1);
    assert_eq!(sum(&history["verdicts"]["error"]), 0);
    for method in ["evaluation", "rpc"] {
        let [p50, p99, p999] =
            ["p50_ns", "p99_ns", "p999_ns"].map(|quantile| sum(&history[method][quantile]));
        assert!(
            0 < p50 && p50 <= p99 && p99 <= p999,
            "{method}: {p50} {p99} {p999}"
        );
    }
    for elapsed in history["elapsed_ms"].as_array().unwrap() {
        assert!(
            (1_900..10_000).contains(&elapsed.as_u64().unwrap()),
            "{elapsed}"
        );
    }
}

async fn wait_for_history(server: &Running) -> Value {
    let since = Instant::now();
    loop {
        let mut stats = stats(server);
        let judged =
            ["pass", "fail", "no_bid"].map(|verdict| sum(&stats["history"]["verdicts"][verdict]));
        if judged.iter().sum::<u64>() == 2 {
            return stats["history"].take();
        }
        assert!(since.elapsed() < PATIENCE, "{stats:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Of what was measured.
fn sum(series: &Value) -> u64 {
    let measured = series.as_array().unwrap().iter().filter_map(Value::as_u64);
    measured.sum()
}

#[test]
fn a_policy_that_was_refused_is_told_with_its_problems() {
    let living = Arc::new(LivingPolicy::new(Policy::default()));
    let server = Running::start(Settings {
        policy: Arc::clone(&living),
        ..settings()
    });
    assert_eq!(stats(&server)["policy"]["refused"], Value::Null);
    living.refuse(Problem::new("f.yaml:1:1", "<script>", "unknown").into());
    let policy = stats(&server)["policy"].take();
    assert_eq!(policy["version"], living_version(&server));
    assert_eq!(policy["refusals"], 1);
    assert_eq!(
        policy["refused"]["problems"],
        json!(["f.yaml:1:1: <script>: unknown"])
    );
}

fn living_version(server: &Running) -> String {
    let (_, info) = server.admin("GET /health/info");
    let info: Value = serde_json::from_str(&info).unwrap();
    info["policy_version"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_server_that_drains_says_so() {
    let mut server = Running::start(Settings {
        drain_delay: Duration::from_millis(500),
        ..settings()
    });
    server.stop();
    let since = Instant::now();
    while stats(&server)["not_ready_reason"] != "draining" {
        assert!(since.elapsed() < PATIENCE);
    }
    assert_eq!(server.ended().await, bidgate::server::Drained::Completely);
}
