//! What metrics say of calls over the wire: who called, and how long it took.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bidgate::limits::CALLERS_MAX;
use bidgate::proto::EvaluateRequest;
use bidgate::server::Settings;
use tonic::Code;

use crate::raw::{RawCaller, framed};
use crate::rest::{CALL, JSON, post};
use crate::running::{Client, Running, request, settings, stream};

#[tokio::test]
async fn ten_thousand_hostile_agents_are_few_labels_and_all_of_their_calls_are_counted() {
    let server = Running::start(settings());
    let workers = u64::try_from(settings().workers).unwrap();
    for from in (0..HOSTILE_AGENTS).step_by(2_500) {
        call_as_agents(&mut server.client().await, from..from + 2_500).await;
    }
    let agents = agent_samples(&server);
    let bound = u64::try_from(CALLERS_MAX).unwrap() + workers;
    let labels = u64::try_from(agents.len()).unwrap();
    assert!(labels <= bound, "{labels} callers");
    assert_eq!(agents.values().sum::<u64>(), HOSTILE_AGENTS);
    assert!(agents[&(OTHER.to_owned(), OTHER.to_owned())] >= HOSTILE_AGENTS - bound);
    assert!(agents[&(hostile_agent(7), "exchange".to_owned())] == 1);
    assert_eq!(
        server.metric("bidgate_evaluations_total{verdict=\"no_bid\"}"),
        HOSTILE_AGENTS
    );
    assert_eq!(server.metric("bidgate_shed_total"), 0);
}

#[tokio::test]
async fn an_agent_counts_together_whatever_worker_answers_it() {
    let server = Running::start(settings());
    for _ in 0..4 {
        server.client().await.evaluate(request(1)).await.unwrap();
    }
    let bidder = ("bidder".to_owned(), "exchange".to_owned());
    assert_eq!(agent_samples(&server), BTreeMap::from([(bidder, 4)]));
}

#[tokio::test]
async fn every_reply_is_timed_once_and_under_its_method() {
    let server = Running::start(Settings {
        rest: true,
        ..settings()
    });
    let mut client = server.client().await;
    for _ in 0..3 {
        client.evaluate(request(1)).await.unwrap();
    }
    let (sender, mut replies) = stream(&mut client).await;
    for _ in 0..40 {
        sender.send(request(1)).await.unwrap();
    }
    for _ in 0..40 {
        replies.message().await.unwrap().unwrap();
    }
    assert_eq!(post(&server, JSON, CALL).0, 200);
    assert_eq!(timed(&server), [3, 40, 1]);

    let nobody = EvaluateRequest {
        agent_id: String::new(),
        ..request(1)
    };
    let refused = client.evaluate(nobody).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(post(&server, JSON, "{").0, 400);
    assert_eq!(timed(&server), [3, 40, 1]);
}

#[tokio::test]
async fn a_call_is_timed_from_its_head_and_a_message_of_a_stream_from_its_last_byte() {
    let server = Running::start(settings());
    for method in ["Evaluate", "EvaluateStream"] {
        let mut caller = RawCaller::connect(server.tcp(), &[]);
        caller.open(method);
        let message = framed(&request(1));
        let (begin, end) = message.split_at(20);
        caller.data(begin);
        server.wait_for("bidgate_in_flight", 1).await;
        tokio::time::sleep(SLOWLY).await;
        caller.data(end);
        caller.end();
        let count = format!("bidgate_rpc_seconds_count{{method=\"{method}\"}}");
        server.wait_for(&count, 1).await;
    }
    let slowly = SLOWLY.as_secs_f64();
    assert!(seconds(&server, "bidgate_rpc_seconds_sum{method=\"Evaluate\"}") >= slowly);
    assert!(
        seconds(
            &server,
            "bidgate_rpc_seconds_sum{method=\"EvaluateStream\"}"
        ) < slowly
    );
    assert!(seconds(&server, "bidgate_evaluation_seconds_sum") < slowly);
}

/// Judged once for each agent, by one stream.
async fn call_as_agents(client: &mut Client, agents: std::ops::Range<u64>) {
    let (sender, mut replies) = stream(client).await;
    let calls = agents.clone().map(|number| EvaluateRequest {
        agent_id: hostile_agent(number),
        ..request(number)
    });
    let send = async {
        for call in calls {
            sender.send(call).await.unwrap();
        }
    };
    let receive = async {
        for number in agents {
            let reply = replies.message().await.unwrap().unwrap();
            assert_eq!(reply.correlation_id, number);
        }
    };
    tokio::join!(send, receive);
}

/// A name that would end its label, and its line, if it could.
fn hostile_agent(number: u64) -> String {
    format!("\\{number}\\\"}} 1\nbidgate_shed_total {number}\n#\0\u{2028}{{tool=\"")
}

/// Evaluations by `agent_id` and `tool`.
fn agent_samples(server: &Running) -> BTreeMap<(String, String), u64> {
    let (_, page) = server.admin("GET /metrics");
    let mut agents = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in page.lines() {
        if let Some(sample) = line.strip_prefix("bidgate_agent_evaluations_total{agent_id=") {
            let (agent_id, sample) = quoted(sample);
            let (tool, sample) = quoted(sample.strip_prefix(",tool=").unwrap());
            let (verdict, sample) = quoted(sample.strip_prefix(",verdict=").unwrap());
            let count: u64 = sample.strip_prefix("} ").unwrap().parse().unwrap();
            *agents.entry((agent_id.clone(), tool.clone())).or_default() += count;
            assert!(
                seen.insert((agent_id, tool, verdict)),
                "{line} is not alone"
            );
        }
    }
    agents
}

/// The value of a label as the format defines it, and what stands behind its quotes.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.strip_prefix('"').unwrap().chars();
    loop {
        match characters.next().unwrap() {
            '"' => return (value, characters.as_str()),
            '\\' => value.push(match characters.next().unwrap() {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

/// How many replies were timed, by method.
fn timed(server: &Running) -> [u64; 3] {
    ["Evaluate", "EvaluateStream", "REST"]
        .map(|method| server.metric(&format!("bidgate_rpc_seconds_count{{method=\"{method}\"}}")))
}

fn seconds(server: &Running, sample: &str) -> f64 {
    let (_, page) = server.admin("GET /metrics");
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}

const HOSTILE_AGENTS: u64 = 10_000;
const OTHER: &str = "other";
/// As long as a caller takes that sends half a message at a time: far longer than any evaluation.
const SLOWLY: Duration = Duration::from_millis(500);
