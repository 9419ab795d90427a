//! Calls as JSON, beside the admin pages.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bidgate::server::{Drained, Settings};
use serde_json::{Value, json};

use crate::raw::{HALF_A_MESSAGE, RawCaller};
use crate::running::{PATIENCE, Running, settings};

pub(crate) const CALL: &str = r#"{
  "agent_id": "bidder", "tool": "exchange", "correlation_id": 7,
  "input": {"id":"r","imp":[{"id":"1"}]},
  "output": {"seatbid": [{"bid": [{"id":"b","impid":"2"}, {"id":"c","impid":"1","price":1,"adomain":["brand.com"]}]}]}
}"#;
pub(crate) const JSON: &str = "content-type: application/json\r\n";

fn serving() -> Settings {
    Settings {
        rest: true,
        ..settings()
    }
}

/// Sends one call and reads the answer: status and body.
pub(crate) fn post(server: &Running, headers: &str, body: impl AsRef<[u8]>) -> (u16, Value) {
    let body = body.as_ref();
    let length = format!("content-length: {}\r\n{headers}", body.len());
    let mut stream = open(server, "POST", &length);
    stream.write_all(body).unwrap();
    answer(stream)
}

fn open(server: &Running, method: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("{method} /v1/evaluate HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> (u16, Value) {
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: application/json"),
        "{head}"
    );
    (status, serde_json::from_str(body).unwrap())
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

fn message(answer: &(u16, Value)) -> &str {
    answer.1["message"].as_str().unwrap_or_default()
}

#[test]
fn a_call_gets_the_reply_of_the_rpc() {
    let server = Running::start(serving());
    let (status, reply) = post(&server, JSON, CALL);
    assert_eq!(status, 200);
    assert_eq!(reply["verdict"], "VERDICT_FAIL");
    assert_eq!(
        (&reply["agentId"], &reply["tool"], &reply["correlationId"]),
        (&json!("bidder"), &json!("exchange"), &json!("7"))
    );
    assert_eq!(reply["bids"][0]["primaryReason"], "impid_unknown");
    assert_eq!(reply["bids"][0]["lossReasonName"], "Invalid Bid Response");
    assert_eq!(reply["filteredResponse"], "");
    let metric = "bidgate_evaluations_total{verdict=\"fail\"}";
    assert_eq!(server.metric(metric), 1);
    assert_eq!(server.metric("bidgate_in_flight"), 0);
}

#[test]
fn the_filtered_response_is_base64() {
    let server = Running::start(serving());
    let call = CALL.replace("\"tool\"", "\"want_filtered_response\": true, \"tool\"");
    let (_, reply) = post(&server, JSON, call);
    // {"seatbid": [{"bid": [{"id":"c","impid":"1","price":1,"adomain":["brand.com"]}]}]}
    assert_eq!(
        reply["filteredResponse"],
        "eyJzZWF0YmlkIjogW3siYmlkIjogW3siaWQiOiJjIiwiaW1waWQiOiIxIiwicHJpY2UiOjEsImFkb21haW4iOlsiYnJhbmQuY29tIl19XX1dfQ=="
    );
}

#[test]
fn payloads_are_judged_as_they_are_written() {
    let server = Running::start(serving());
    let twice = CALL.replace(r#""imp":[{"id":"1"}]"#, r#""imp":[{"id":"1"}],"imp":[]"#);
    let (status, reply) = post(&server, JSON, &twice);
    assert_eq!((status, &reply["verdict"]), (200, &json!("VERDICT_ERROR")));
    assert_eq!(reply["error"]["code"], "malformed_bid_request");
    let offset = r#"{"id":"r","imp":[{"id":"1"}],"#.len();
    assert_eq!(reply["error"]["byteOffset"], offset);

    let surrogate = CALL.replace(r#""id":"b""#, r#""id":"\ud800""#);
    let (_, reply) = post(&server, JSON, &surrogate);
    assert_eq!(reply["error"]["code"], "malformed_bid_response");

    for output in ["null", "{}"] {
        let call = format!(r#"{{"agent_id":"a","input":{{}},"output":{output}}}"#);
        assert_eq!(post(&server, JSON, call).1["verdict"], "VERDICT_NO_BID");
    }
    let absent = post(&server, JSON, r#"{"agent_id":"a","input":{}}"#);
    assert_eq!(absent.1["verdict"], "VERDICT_NO_BID");
}

#[test]
fn the_time_of_a_call_is_heeded() {
    let server = Running::start(serving());
    for (timing, verdict) in [
        (
            r#""elapsed_us":99000,"tmax_ms":100"#,
            "VERDICT_NOT_EVALUATED",
        ),
        (
            r#""started_at_unix_us":1,"tmax_ms":100,"latency_ms":1.5"#,
            "VERDICT_NOT_EVALUATED",
        ),
        (r#""elapsed_us":1000,"tmax_ms":100"#, "VERDICT_FAIL"),
        (r#""elapsed_us":null,"tmax_ms":null"#, "VERDICT_FAIL"),
    ] {
        let call = CALL.replace("\"tool\"", &format!("{timing},\"tool\""));
        assert_eq!(post(&server, JSON, call).1["verdict"], verdict, "{timing}");
    }
}

#[test]
fn a_body_that_is_no_call_is_refused_with_its_place() {
    let server = Running::start(serving());
    for (body, told) in [
        ("", "must be a JSON object"),
        ("[\"a\",\"\",{}]", "must be a JSON object"),
        (r#"{"agent_id":"a","inptu":{}}"#, "unknown field `inptu`"),
        (r#"{"agent_id":"a"}"#, "missing field `input`"),
        (
            r#"{"agent_id":"a","input":{},"input":{}}"#,
            "duplicate field `input`",
        ),
        (
            "{\"agent_id\":\"a\",\n\"input\":{\"imp\":}}",
            "at line 2 column 16",
        ),
        (r#"{"agent_id":"a","input":{}} {}"#, "at line 1 column 29"),
        (
            r#"{"agent_id":"a","input":{},"elapsed_us":-1}"#,
            "at line 1 column",
        ),
    ] {
        let answer = post(&server, JSON, body);
        assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"), "{body}");
        assert!(message(&answer).contains(told), "{body}: {answer:?}");
    }
    assert_eq!(
        server.metric("bidgate_malformed_total{payload=\"message\"}"),
        8
    );
    let invalid = post(&server, JSON, b"{\"agent_id\":\"\xff\",\"input\":{}}");
    assert_eq!(code(&invalid), (400, "INVALID_ARGUMENT"));
}

#[test]
fn a_field_out_of_range_is_named() {
    let server = Running::start(serving());
    let long = "t".repeat(201);
    for (call, field) in [
        (r#"{"input":{}}"#.to_owned(), "agent_id"),
        (CALL.replace("bidder", &long), "agent_id"),
        (CALL.replace("exchange", &long), "tool"),
    ] {
        let answer = post(&server, JSON, call);
        assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
        assert!(message(&answer).contains(field), "{answer:?}");
    }
    assert_eq!(server.metric("bidgate_invalid_argument_total"), 3);
}

#[test]
fn method_content_type_and_encoding_are_checked() {
    let server = Running::start(serving());
    let (head, page) = server.admin("GET /v1/evaluate");
    assert!(
        head.starts_with("http/1.1 405") && head.contains("allow: post"),
        "{head}"
    );
    assert!(page.contains("UNIMPLEMENTED"), "{page}");
    for headers in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/json2\r\n",
    ] {
        assert_eq!(
            code(&post(&server, headers, CALL)),
            (415, "INVALID_ARGUMENT")
        );
    }
    let compressed = format!("{JSON}content-encoding: gzip\r\n");
    assert_eq!(
        code(&post(&server, &compressed, CALL)),
        (415, "UNIMPLEMENTED")
    );
    let charset = "content-type: Application/JSON; charset=utf-8\r\n";
    assert_eq!(post(&server, charset, CALL).0, 200);
}

#[test]
fn a_body_too_large_is_refused_announced_or_not() {
    let server = Running::start(Settings {
        max_message_bytes: 4096,
        ..serving()
    });
    let large = CALL.replace("\"tool\"", &format!("{}\"tool\"", " ".repeat(100_000)));
    assert_eq!(code(&post(&server, JSON, &large)), (413, "OUT_OF_RANGE"));
    let chunked = format!("{JSON}transfer-encoding: chunked\r\n");
    let mut stream = open(&server, "POST", &chunked);
    write!(stream, "{:x}\r\n{large}\r\n0\r\n\r\n", large.len()).unwrap();
    assert_eq!(code(&answer(stream)), (413, "OUT_OF_RANGE"));
    let mut stream = open(&server, "POST", &chunked);
    write!(stream, "{:x}\r\n{CALL}\r\n0\r\n\r\n", CALL.len()).unwrap();
    assert_eq!(answer(stream).0, 200);
    assert_eq!(server.metric("bidgate_too_large_total"), 2);
}

#[tokio::test]
async fn it_has_its_part_of_what_may_be_in_flight() {
    let server = Running::start(Settings {
        max_in_flight: 1,
        ..serving()
    });
    let mut holder = RawCaller::connect(server.tcp(), &[]);
    holder.open("Evaluate");
    holder.data(HALF_A_MESSAGE);
    server.wait_for("bidgate_in_flight", 1).await;
    assert_eq!(
        code(&post(&server, JSON, CALL)),
        (429, "RESOURCE_EXHAUSTED")
    );
    assert_eq!(server.metric("bidgate_shed_total"), 1);
    drop(holder);
    server.wait_for("bidgate_in_flight", 0).await;
    let half = open(&server, "POST", &format!("{JSON}content-length: 100\r\n"));
    server.wait_for("bidgate_in_flight", 1).await;
    assert_eq!(
        code(&post(&server, JSON, CALL)),
        (429, "RESOURCE_EXHAUSTED")
    );
    drop(half);
    server.wait_for("bidgate_in_flight", 0).await;
    assert_eq!(post(&server, JSON, CALL).0, 200);
}

#[tokio::test]
async fn a_drain_finishes_the_call_in_flight_and_refuses_the_next() {
    let mut server = Running::start(Settings {
        grace: PATIENCE,
        ..serving()
    });
    let length = format!("{JSON}content-length: {}\r\n", CALL.len());
    let mut begun = open(&server, "POST", &length);
    server.wait_for("bidgate_in_flight", 1).await;
    server.stop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(code(&post(&server, JSON, CALL)), (503, "UNAVAILABLE"));
    begun.write_all(CALL.as_bytes()).unwrap();
    let answered = tokio::task::spawn_blocking(|| answer(begun)).await.unwrap();
    assert_eq!(answered.1["verdict"], "VERDICT_FAIL");
    assert_eq!(server.ended().await, Drained::Completely);
}

#[test]
fn it_is_off_unless_configured() {
    let server = Running::start(settings());
    assert_eq!(post(&server, JSON, CALL).0, 404);
}
