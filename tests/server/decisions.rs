//! The decision log of the binary: which evaluations it tells of, how many, and what.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr};
use std::time::{Duration, Instant};

use bidgate::config::Listen;
use bidgate::proto::{EvaluateRequest, EvaluateResponse};
use serde_json::Value;

use crate::binary::end;
use crate::process::{Process, spawn_after};
use crate::running::{connect, request};

const DECISION: &str = "bidgate::decision";
/// What ends a line, paints a terminal, and looks like JSON.
const HOSTILE: &str = "bid\r\nder\u{1b}[31m\u{2028}\",\"level\":\"x";

#[tokio::test]
async fn failures_are_told_so_many_a_second_and_the_others_counted() {
    let process = Process::start_with("true", &["--log-decisions", "2"]);
    let mut client = connect(&Listen::Tcp(process.address)).await;
    client.evaluate(request(0)).await.unwrap();
    let since = Instant::now();
    for number in 0..200 {
        let reply = client.evaluate(failing(number)).await.unwrap();
        assert!(!reply.into_inner().passed);
    }
    // A new second, and one more line.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let last = client.evaluate(failing(200)).await.unwrap().into_inner();
    let (mut told, mut untold) = (0, 0);
    while told + untold < 201 {
        let line = decision(&process);
        told += 1;
        untold += line["untold"].as_u64().unwrap();
        if told + untold == 201 {
            tells_of(&line, &last);
        }
    }
    assert!(
        told >= 3 && told <= 2 * (since.elapsed().as_secs() + 1),
        "{told}"
    );
}

#[tokio::test]
async fn warnings_and_what_could_not_be_judged_are_told_and_passes_are_not() {
    let gates = "[{name: impidMatch, mode: warn}]";
    let args = [
        "--log-level",
        "trace",
        "--log-decisions",
        "1000",
        "--policy-gates",
        gates,
    ];
    let process = Process::start_with("true", &args);
    let mut client = connect(&Listen::Tcp(process.address)).await;
    client.evaluate(request(0)).await.unwrap();
    client.evaluate(failing(1)).await.unwrap();
    let line = decision(&process);
    assert_eq!(line["verdict"], "pass");
    assert_eq!(line["gates"], "impidMatch impid_unknown warn");

    let broken = EvaluateRequest {
        bid_response: b"{\"seatbid\": \"canary-1\"".as_slice().into(),
        ..request(2)
    };
    client.evaluate(broken).await.unwrap();
    let line = decision(&process);
    assert_eq!(
        (&line["verdict"], &line["gates"]),
        (&"error".into(), &"".into())
    );
}

#[tokio::test]
async fn no_name_breaks_a_line() {
    let mut human = Human::start();
    let address = human
        .line("serving gRPC")
        .split("address=")
        .last()
        .unwrap()
        .parse()
        .unwrap();
    let mut client = connect(&Listen::Tcp(address)).await;
    let hostile = EvaluateRequest {
        agent_id: HOSTILE.to_owned(),
        ..failing(1)
    };
    client.evaluate(hostile.clone()).await.unwrap();
    let line = human.line(DECISION);
    let (_, rest) = line.split_once("agent_id=").unwrap();
    assert!(
        rest.starts_with(&format!("{HOSTILE:?} tool=\"exchange\" verdict=\"fail\"")),
        "{line}"
    );
    assert!(
        !line.contains(|c: char| c.is_control() || c == '\u{2028}'),
        "{line:?}"
    );

    let process = Process::start();
    let mut client = connect(&Listen::Tcp(process.address)).await;
    client.evaluate(hostile).await.unwrap();
    assert_eq!(decision(&process)["agent_id"], HOSTILE);
}

/// An auction with a bid on no imp.
fn failing(number: u64) -> EvaluateRequest {
    let response = br#"{"id":"canary-2","seatbid":[{"bid":[{"id":"canary-3","impid":"canary-4","price":1}]}]}"#;
    EvaluateRequest {
        bid_response: response.as_slice().into(),
        ..request(number)
    }
}

/// The fields of the next line about an evaluation.
fn decision(process: &Process) -> Value {
    loop {
        let mut line = process.line();
        assert!(!line.to_string().contains("canary"), "{line}");
        if line["target"] == DECISION {
            assert_eq!(line["fields"]["message"], "decision");
            return line["fields"].take();
        }
    }
}

fn tells_of(line: &Value, reply: &EvaluateResponse) {
    assert_eq!(line["evaluation_id"], reply.evaluation_id);
    assert_eq!(
        (&line["agent_id"], &line["tool"]),
        (&"bidder".into(), &"exchange".into())
    );
    assert_eq!(line["verdict"], "fail");
    assert_eq!(line["gates"], "impidMatch impid_unknown enforce");
    assert_eq!(line["policy_version"], reply.policy_version);
    assert!(line["total_latency_ms"].as_f64().unwrap() > 0.0);
}

/// A process that logs for people.
struct Human {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Human {
    fn start() -> Self {
        let mut child = spawn_after("true", &["--log-format", "human"]);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// The next line that says so.
    fn line(&mut self, text: &str) -> String {
        let mut lines = self.stderr.by_ref().lines().map(Result::unwrap);
        lines.find(|line| line.contains(text)).unwrap()
    }
}

impl Drop for Human {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
