//! Lines on standard output: what is in them.

use std::collections::BTreeMap;
use std::fs;

use bidgate::proto::{EvaluateResponse, GateResult};
use serde_json::{Value, json};

use crate::batches::Batches;
use crate::binary::request;
use crate::calls::{VERDICTS, call, counts, send};
use crate::sidecar::Sidecar;

const STDOUT: &str = "--telemetry-sink=stdout";

#[tokio::test]
async fn every_evaluation_is_told_as_it_was_answered() {
    let sidecar = Sidecar::start(&[
        STDOUT,
        "--telemetry-sender=here",
        "--telemetry-max-events=7",
    ]);
    let mut client = sidecar.client().await;
    let mut replies = Vec::new();
    for (agent_id, tool) in [
        ("bidder", "exchange"),
        ("bidder", ""),
        ("b\"idder\n", "\u{fc}"),
    ] {
        let calls = VERDICTS.map(|verdict| call(agent_id, tool, verdict));
        replies.extend(send(&mut client, calls.to_vec()).await);
        let reply = client.evaluate(call(agent_id, tool, "VERDICT_FAIL")).await;
        replies.push(reply.unwrap().into_inner());
    }
    let ended = sidecar.end();
    let batches = Batches::read(&ended.stdout);
    assert!(ended.status.success());
    assert_eq!(batches.0[0]["sender"], "here");
    assert_eq!(batches.counts(), counts(&replies));
    assert_eq!(batches.counts().values().sum::<u64>(), 18);
    let told: BTreeMap<_, _> = batches.events().map(|event| (id(event), event)).collect();
    assert_eq!(told.len(), replies.len());
    for reply in &replies {
        assert_eq!(
            without_latencies(told[reply.evaluation_id.as_str()]),
            expected(reply)
        );
    }
    assert!(
        batches
            .0
            .iter()
            .all(|batch| batch["events"].as_array().unwrap().len() <= 7)
    );
    for reason in [
        "ring_full",
        "sampled_out",
        "retry_exhausted",
        "rejected",
        "shutdown",
    ] {
        assert_eq!(batches.dropped(reason), 0);
    }
    assert_eq!(
        (
            &ended.flushed["account.offered"],
            &ended.flushed["account.delivered"]
        ),
        (&json!(18), &json!(18))
    );
}

fn id(event: &Value) -> &str {
    event["evaluation_id"].as_str().unwrap()
}

/// Latencies are there, by the schema; that of the whole is that of the reply.
fn without_latencies(event: &Value) -> Value {
    let mut event = event.clone();
    for gate in event["gates"].as_array_mut().unwrap() {
        gate.as_object_mut().unwrap().remove("latency_ms");
    }
    event
}

fn expected(reply: &EvaluateResponse) -> Value {
    let gate = |gate: &GateResult| {
        let mut expected = json!({ "name": gate.name, "passed": gate.passed });
        if !gate.reason.is_empty() {
            expected["reason"] = gate.reason.clone().into();
        }
        if gate.skipped {
            expected["skipped"] = true.into();
        }
        expected
    };
    let arrived = reply.timestamp.unwrap();
    let seconds = prost_types::Timestamp {
        nanos: 0,
        ..arrived
    }
    .to_string();
    json!({
        "evaluation_id": reply.evaluation_id,
        "agent_id": reply.agent_id,
        "tool": reply.tool,
        "passed": reply.passed,
        "verdict": reply.verdict().as_str_name(),
        "gates": reply.gates.iter().map(gate).collect::<Vec<_>>(),
        "total_latency_ms": reply.total_latency_ms,
        "timestamp": format!("{}.{:06}Z", seconds.trim_end_matches('Z'), arrived.nanos / 1000),
    })
}

#[tokio::test]
async fn a_sender_without_a_name_is_the_host() {
    let sidecar = Sidecar::start(&[STDOUT]);
    let mut client = sidecar.client().await;
    send(&mut client, vec![call("a", "", "VERDICT_PASS")]).await;
    let batches = Batches::read(&sidecar.end().stdout);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(batches.0[0]["sender"], host.trim());
}

#[tokio::test]
async fn calls_without_grpc_are_told_too() {
    let sidecar = Sidecar::start(&[STDOUT, "--rest=true"]);
    drop(sidecar.client().await);
    let body = r#"{"agent_id":"a","input":{"id":"r","imp":[]},"output":{}}"#;
    let answer = request(sidecar.admin, "POST /v1/evaluate", body);
    let reply: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"));
    let batches = Batches::read(&sidecar.end().stdout);
    let ids: Vec<_> = batches.events().map(id).collect();
    assert_eq!(ids, [reply["evaluationId"].as_str().unwrap()]);
}

#[tokio::test]
async fn passes_that_are_left_out_are_counted_and_all_else_is_told() {
    let sidecar = Sidecar::start(&[
        STDOUT,
        "--telemetry-sample-rate=0",
        "--telemetry-max-age-ms=50",
    ]);
    let mut client = sidecar.client().await;
    let calls = VERDICTS
        .iter()
        .cycle()
        .take(500)
        .map(|verdict| call("a", "", verdict));
    let replies = send(&mut client, calls.collect()).await;
    let account = sidecar.wait_until(|account| account.in_flight == 0);
    assert_eq!(
        (account.offered, account.delivered, account.sampled_out),
        (500, 300, 200)
    );
    let batches = Batches::read(&sidecar.end().stdout);
    assert_eq!(batches.dropped("sampled_out"), 200);
    assert_eq!(batches.counts(), counts(&replies));
    let verdicts: Vec<_> = batches
        .events()
        .map(|event| event["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts.len(), 300);
    assert!(!verdicts.contains(&"VERDICT_PASS") && !verdicts.contains(&"VERDICT_NO_BID"));
}

#[tokio::test]
async fn a_share_of_passes_is_told() {
    let sidecar = Sidecar::start(&[STDOUT, "--telemetry-sample-rate=0.25"]);
    let mut client = sidecar.client().await;
    let calls = (0..2000).map(|_| call("a", "", "VERDICT_PASS")).collect();
    send(&mut client, calls).await;
    let batches = Batches::read(&sidecar.end().stdout);
    let told = batches.events().count() as u64;
    assert!((400..600).contains(&told), "{told}");
    assert_eq!(batches.dropped("sampled_out"), 2000 - told);
}

#[tokio::test]
async fn a_batch_is_of_one_policy_and_names_its_gates() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let write = |limit: u32| {
        let text =
            format!("gates: [{{name: cap{limit}, mode: warn, expression: 'bid.price < {limit}'}}]");
        fs::write(&file, &text).unwrap();
        bidgate::policy::Policy::from_yaml(&format!("timeout_ms: 10000\n{text}"), "t").unwrap()
    };
    let first = write(1);
    let sidecar = Sidecar::start(&[STDOUT, "--policy-file", file.to_str().unwrap()]);
    let mut client = sidecar.client().await;
    send(&mut client, vec![call("a", "", "VERDICT_PASS"); 3]).await;
    let second = write(2);
    sidecar.signal("-HUP");
    sidecar.said("policy loaded");
    send(&mut client, vec![call("a", "", "VERDICT_PASS"); 2]).await;
    let batches = Batches::read(&sidecar.end().stdout);
    let told: Vec<_> = batches
        .0
        .iter()
        .map(|batch| {
            let events = batch["events"].as_array().unwrap();
            let gates: Vec<_> = events
                .iter()
                .map(|event| &event["gates"][0]["name"])
                .collect();
            (batch["policy_version"].as_str().unwrap(), gates)
        })
        .collect();
    assert_eq!(
        told,
        [
            (first.version(), vec![&json!("cap1"); 3]),
            (second.version(), vec![&json!("cap2"); 2]),
        ]
    );
    let warned = &batches.0[0]["events"][0]["gates"][0];
    assert_eq!(
        (&warned["passed"], &warned["reason"]),
        (&json!(true), &json!("expression_false"))
    );
}

#[tokio::test]
async fn a_batch_that_is_old_goes_and_nothing_is_told_of_nothing() {
    let sidecar = Sidecar::start(&[STDOUT, "--telemetry-max-age-ms=100"]);
    let mut client = sidecar.client().await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    send(&mut client, vec![call("a", "", "VERDICT_PASS")]).await;
    let account = sidecar.wait_until(|account| account.delivered == 1);
    assert_eq!(account.batches_pending, 0);
    let batches = Batches::read(&sidecar.end().stdout);
    assert_eq!(batches.0.len(), 1);
}
