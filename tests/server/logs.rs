//! The log of the binary: its limits, its level, and what becomes of it when nobody reads.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command};
use std::time::{Duration, Instant};

use bidgate::config::Listen;
use serde_json::{Value, json};

use crate::binary::end;
use crate::process::{Process, spawn_after};
use crate::running::{PATIENCE, Running, admin_page, connect, request, settings};

/// What a connection that speaks no HTTP/2 is logged as, at level debug.
const NO_HTTP2: &str = "not an HTTP/2 connection";

#[test]
fn a_place_in_the_code_logs_some_lines_a_second_and_tells_how_many_it_did_not() {
    let process = Process::start_with("true", &["--log-level", "debug"]);
    let since = Instant::now();
    speak_no_http2(process.address, 300);
    let (mut written, mut suppressed) = (0, 0);
    while written + suppressed < 300 {
        let line = process.line();
        let message = line["fields"]["message"].as_str().unwrap();
        let told = message.strip_prefix("suppressed ");
        match told.and_then(|told| told.split_once(' ')) {
            _ if message == NO_HTTP2 => written += 1,
            Some((lines, rest)) if rest == format!("lines like \"{NO_HTTP2}\"") => {
                assert_eq!(line["level"], "DEBUG");
                suppressed += lines.parse::<u64>().unwrap();
            }
            _ => {}
        }
    }
    let seconds = since.elapsed().as_secs() + 1;
    assert!(written >= 20 && written <= 20 + 10 * seconds, "{written}");
    assert_eq!(written + suppressed, 300);
    assert_eq!(metric(process.admin), suppressed);
    assert_eq!(log_page(process.admin)["suppressed"], suppressed);
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nobody() {
    let mut process = Unread::start();
    let (address, admin) = (process.address, process.admin);
    // More than the pipe and the queue take.
    let flood = || speak_no_http2(address, 600);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(flood);
        }
    });
    let mut client = connect(&Listen::Tcp(address)).await;
    for number in 0..2000 {
        let reply = client.evaluate(request(number)).await.unwrap();
        assert_eq!(reply.into_inner().correlation_id, number);
    }
    assert!(metric(admin) > 100, "{} lines lost", metric(admin));
    drop(client);
    process.terminate();
}

#[test]
fn a_shutdown_does_not_wait_for_lines_that_nobody_reads() {
    let mut process = Unread::start();
    // More than the pipe takes, and less than pipe and queue.
    speak_no_http2(process.address, 1000);
    assert_eq!(metric(process.admin), 0);
    process.terminate();
}

/// Whatever the thread that writes comes to first: the lines that wait for it, or to tell of those that found no room.
#[test]
fn what_was_lost_is_told_once_somebody_reads() {
    let mut process = Unread::start();
    speak_no_http2(process.address, 2400);
    let (mut written, mut told) = (0, 0);
    let mut lines = process.stderr.by_ref().lines();
    while written + told < 2400 {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let fields = &line["fields"];
        match fields["message"].as_str().unwrap() {
            NO_HTTP2 => written += 1,
            "standard error was not read in time: lines are lost" => {
                told += fields["lines"].as_u64().unwrap();
            }
            _ => {}
        }
    }
    assert!(told > 0, "pipe and queue took everything");
    assert_eq!(written + told, 2400);
    assert_eq!(metric(process.admin), told);
}

#[test]
fn the_level_changes_under_way() {
    let process = Process::start_with("true", &["--log-level", "info"]);
    assert_eq!(
        log_page(process.admin),
        json!({"level": "info", "format": "json", "decisions": 1, "lines_per_second": 10, "suppressed": 0})
    );
    speak_no_http2(process.address, 1);
    let (status, page) = put(process.admin, r#"{"level": "debug"}"#);
    assert_eq!((status, &page["level"]), (200, &json!("debug")));
    let line = process.line();
    assert_eq!(line["fields"]["message"], "log changed");
    assert_eq!(line["fields"]["level"], "debug");
    speak_no_http2(process.address, 1);
    assert_eq!(process.line()["fields"]["message"], NO_HTTP2);

    put(process.admin, r#"{"level": "error", "decisions": 7}"#);
    let told = loop {
        let line = process.line();
        if line["fields"]["message"] == "log changed" {
            break line;
        }
    };
    assert_eq!(told["level"], "WARN");
    assert_eq!(told["fields"]["decisions"], 7);
    let page = log_page(process.admin);
    assert_eq!(
        (&page["level"], &page["decisions"]),
        (&json!("error"), &json!(7))
    );
}

#[test]
fn a_change_that_is_not_possible_changes_nothing_and_says_what_is() {
    let server = Running::start(settings());
    let before = log_page(server.admin);
    for body in [
        "",
        "{}",
        "debug",
        r#"{"level": "verbose"}"#,
        r#"{"level": 3}"#,
        r#"{"level": "debug", "format": "json"}"#,
        r#"{"level": "debug"} {}"#,
        r#"{"decisions": 1001}"#,
        r#"{"decisions": -1}"#,
    ] {
        let (status, page) = put(server.admin, body);
        assert_eq!(status, 400, "{body}");
        let error = page["error"].as_str().unwrap();
        for allowed in ["off, error, warn, info, debug, trace", "0 to 1000"] {
            assert!(error.contains(allowed), "{error}");
        }
    }
    let (status, page) = put(server.admin, &format!("{:1025}", ""));
    assert_eq!(status, 413, "{page}");
    let (head, _) = server.admin("POST /log");
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head, put"));
    assert_eq!(log_page(server.admin), before);
}

#[tokio::test]
async fn only_lines_of_the_sidecar_itself_are_logged() {
    let process = Process::start_with("true", &["--log-level", "trace"]);
    // HTTP/2 would have much to tell of this.
    let mut client = connect(&Listen::Tcp(process.address)).await;
    client.evaluate(request(1)).await.unwrap();
    speak_no_http2(process.address, 1);
    let mut message = Value::Null;
    while message != NO_HTTP2 {
        let line = process.line();
        let target = line["target"].as_str().unwrap();
        assert!(target.starts_with("bidgate::"), "{line}");
        message = line["fields"]["message"].clone();
    }
}

/// Opens connections, one after another, that the server closes for what they say.
fn speak_no_http2(address: SocketAddr, connections: u64) {
    for _ in 0..connections {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        // Closed or reset, as it comes, but not left open.
        let end = stream.read(&mut [0]).map_err(|error| error.kind());
        assert_ne!(end, Err(ErrorKind::WouldBlock));
    }
}

fn log_page(admin: SocketAddr) -> Value {
    serde_json::from_str(&admin_page(admin, "GET /log").1).unwrap()
}

fn put(admin: SocketAddr, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "PUT /log HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn metric(admin: SocketAddr) -> u64 {
    let (_, page) = admin_page(admin, "GET /metrics");
    let name = "bidgate_log_lines_suppressed_total ";
    let value = page.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap().parse().unwrap()
}

/// A process whose log is read until it serves, and then left to fill its pipe.
struct Unread {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Unread {
    fn start() -> Self {
        let args = ["--log-level", "trace", "--log-lines-per-second", "100000"];
        let mut child = spawn_after("true", &args);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut address = |message: &str| loop {
            let mut line = String::new();
            stderr.read_line(&mut line).unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["fields"]["message"] == message {
                return line["fields"]["address"].as_str().unwrap().parse().unwrap();
            }
        };
        let (grpc, admin) = (address("serving gRPC"), address("serving admin HTTP"));
        Self {
            child,
            stderr,
            address: grpc,
            admin,
        }
    }

    /// Has it drain, which takes no patience.
    fn terminate(&mut self) {
        let since = Instant::now();
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
        let ended = loop {
            assert!(since.elapsed() < PATIENCE);
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(ended.success());
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
