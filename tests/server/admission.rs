//! Who may ask the admin address for what.

use std::fs;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use bidgate::server::Settings;

use crate::certificates::{Authority, Mounted, credentials};
use crate::running::{PATIENCE, Running, settings};

const TOKEN: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";

/// Status and head of the answer to a request with these lines and this body.
fn ask(admin: SocketAddr, lines: &[&str], body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = lines.join("\r\n");
    let length = body.len();
    write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.to_ascii_lowercase())
}

fn put_level(server: &Running, authorization: &str) -> (u16, String) {
    let lines = ["PUT /log HTTP/1.1", "host: localhost", authorization];
    let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    ask(server.admin, &lines, r#"{"level":"info"}"#)
}

#[tokio::test]
async fn writes_need_the_token_and_pages_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let flag = format!("--admin-token-file={}", file.display());
    let server = Running::start(Settings {
        credentials: credentials(&[flag]).unwrap(),
        rest: true,
        ..settings()
    });
    let (status, answer) = put_level(&server, "");
    assert_eq!(status, 401);
    assert!(
        answer.contains("www-authenticate: bearer realm=\"bidgate\"\r\n"),
        "{answer}"
    );
    let (status, answer) = put_level(&server, &format!("authorization: Bearer {OTHER}"));
    assert_eq!(status, 401);
    assert!(answer.contains("error=\"invalid_token\""), "{answer}");
    for wrong in [
        format!("Basic {TOKEN}"),
        format!("Bearer {TOKEN}0"),
        format!("Bearer{TOKEN}"),
        "Bearer".to_owned(),
        TOKEN.to_owned(),
    ] {
        assert_eq!(
            put_level(&server, &format!("authorization: {wrong}")).0,
            401,
            "{wrong}"
        );
    }
    for right in ["Bearer", "bearer", "BEARER "] {
        let line = format!("authorization: {right} {TOKEN}");
        assert_eq!(put_level(&server, &line).0, 200, "{right}");
    }
    let call = [
        "POST /v1/evaluate HTTP/1.1",
        "content-type: application/json",
    ];
    let body = r#"{"agent_id":"bidder","input":{"id":"a","imp":[{"id":"1"}]}}"#;
    assert_eq!(ask(server.admin, &call, body).0, 401);
    let line = format!("authorization: Bearer {TOKEN}");
    assert_eq!(
        ask(server.admin, &[&call[..], &[line.as_str()]].concat(), body).0,
        200
    );
    for page in ["/", "/metrics", "/policy", "/log", "/health/ready"] {
        let (head, _) = server.admin(&format!("GET {page}"));
        assert!(head.starts_with("http/1.1 200"), "{page}: {head}");
    }
    let turned_away =
        |reason| format!("bidgate_admin_requests_turned_away_total{{reason=\"{reason}\"}}");
    assert_eq!(server.metric(&turned_away("no_token")), 2);
    assert_eq!(server.metric(&turned_away("wrong_token")), 6);

    fs::write(&file, OTHER).unwrap();
    let other = format!("authorization: Bearer {OTHER}");
    let since = Instant::now();
    while put_level(&server, &other).0 != 200 {
        assert!(since.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(put_level(&server, &line).0, 401);
    fs::write(&file, "").unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(put_level(&server, &other).0, 200);
    assert_eq!(put_level(&server, "").0, 401);
}

#[tokio::test]
async fn without_a_token_writes_are_for_callers_on_this_machine() {
    let server = Running::start(settings());
    assert_eq!(put_level(&server, "").0, 200);
    let outside = own_address_beyond_loopback();
    let everywhere = Running::start(Settings {
        admin: SocketAddr::from(([0, 0, 0, 0], 0)),
        ..settings()
    });
    let admin = SocketAddr::new(outside, everywhere.admin.port());
    let host = format!("host: {admin}");
    assert_eq!(ask(admin, &["GET /metrics HTTP/1.1", &host], "").0, 200);
    let (status, answer) = ask(admin, &["PUT /log HTTP/1.1", &host], r#"{"level":"info"}"#);
    assert_eq!(status, 403);
    assert!(answer.contains("set admin_token_file"), "{answer}");
}

/// Where packets to elsewhere would come from; nothing is sent. All of 127.0.0.0/8 is this machine to the server, so only
/// an address of a network will do.
fn own_address_beyond_loopback() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let routed = socket.connect("192.0.2.1:9");
    assert!(
        routed.is_ok(),
        "{routed:?}: this machine has no network, and a caller from elsewhere cannot be played"
    );
    let address = socket.local_addr().unwrap().ip();
    assert!(!address.is_loopback() && !address.is_unspecified());
    address
}

#[tokio::test]
async fn a_host_that_is_not_known_is_shown_nothing() {
    let server = Running::start(Settings {
        admin_hosts: vec!["bidder.ads.svc".to_owned()],
        ..settings()
    });
    let address = server.admin.to_string();
    for known in [
        address.as_str(),
        "10.2.3.4:8080",
        "localhost",
        "bidder.ads.svc:8080",
    ] {
        let host = format!("host: {known}");
        assert_eq!(
            ask(server.admin, &["GET /policy HTTP/1.1", &host], "").0,
            200,
            "{known}"
        );
    }
    assert_eq!(ask(server.admin, &["GET /health/live HTTP/1.0"], "").0, 200);
    for page in ["/", "/metrics", "/policy", "/health/live", "/nowhere"] {
        let line = format!("GET {page} HTTP/1.1");
        let (status, answer) = ask(server.admin, &[&line, "host: rebound.example:8080"], "");
        assert_eq!(status, 421, "{page}");
        assert!(
            answer.contains("admin_hosts") && !answer.contains("gates"),
            "{answer}"
        );
    }
    let turned_away = "bidgate_admin_requests_turned_away_total{reason=\"unknown_host\"}";
    assert_eq!(server.metric(turned_away), 5);
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let server = Running::start(settings());
    let silent: Vec<TcpStream> = (0..200)
        .map(|index| {
            let mut stream = TcpStream::connect(server.admin).unwrap();
            stream.write_all(&b"GET /"[..index % 5]).unwrap();
            stream
        })
        .collect();
    for _ in 0..10 {
        let since = Instant::now();
        let (head, _) = server.admin("GET /health/live");
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(
            since.elapsed() < Duration::from_millis(900),
            "{:?}",
            since.elapsed()
        );
    }
    drop(silent);
}

#[tokio::test]
async fn connections_that_do_not_finish_keep_nobody_out_for_long() {
    let server = Running::start(settings());
    let unfinished: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(server.admin).unwrap();
            write!(stream, "PUT /log HTTP/1.1\r\ncontent-length: 9\r\n\r\n{{").unwrap();
            stream
        })
        .collect();
    let since = Instant::now();
    let (head, _) = server.admin("GET /health/live");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(
        since.elapsed() < Duration::from_secs(3),
        "{:?}",
        since.elapsed()
    );
    drop(unfinished);
}

#[tokio::test]
async fn pages_are_served_over_tls_too_if_told_so() {
    let authority = Authority::new("one");
    let mounted = Mounted::new(&authority.issue(), Some(&authority));
    let mut flags = mounted.flags(true);
    flags.push("--tls-admin=true".to_owned());
    let server = Running::start(Settings {
        credentials: credentials(&flags).unwrap(),
        ..settings()
    });
    let page = over_tls(server.admin, &authority, "GET /health/info").await;
    assert!(
        page.contains("\"callers_need_certificates\":true"),
        "{page}"
    );
    let mut plain = TcpStream::connect(server.admin).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn healthcheck_asks_pages_over_tls_of_whom_it_is_told_to_trust() {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    let mounted = Mounted::new(&authority.issue(), Some(&authority));
    let mut flags = mounted.flags(false);
    flags.push("--tls-admin=true".to_owned());
    let server = Running::start(Settings {
        credentials: credentials(&flags).unwrap(),
        ..settings()
    });
    while !over_tls(server.admin, &authority, "GET /health/ready")
        .await
        .contains(" 200 ")
    {}
    let ours = format!("--ca-file={}", mounted.file("ca.crt").display());
    let others = mounted.file("other.crt");
    fs::write(&others, other.pem()).unwrap();
    let others = format!("--ca-file={}", others.display());
    let by_name = format!("--admin=localhost:{}", server.admin.port());
    let by_address = format!("--admin={}", server.admin);
    for (args, code) in [
        (&[&*by_name, &*ours][..], 0),
        (&[&*by_name, &*ours, "--live"], 0),
        (&[&*by_address, &*ours, "--server-name=localhost"], 0),
        (&[&*by_address, &*ours], 1),
        (&[&*by_name, &*ours, "--server-name=bidder.ads.svc"], 1),
        (&[&*by_name, &*others], 1),
        (&[&*by_name, "--ca-file=/nowhere"], 1),
        (&[&*by_name], 1),
    ] {
        let healthcheck = Command::new(env!("CARGO_BIN_EXE_bidgate"))
            .arg("healthcheck")
            .args(args)
            .output()
            .unwrap();
        assert_eq!(healthcheck.status.code(), Some(code), "{healthcheck:?}");
        let lines = [&healthcheck.stdout, &healthcheck.stderr].map(|said| said.lines().count());
        assert_eq!(lines.iter().sum::<usize>(), 1, "{healthcheck:?}");
    }
}

/// A page, asked for as probes and scrapers do: without a certificate.
async fn over_tls(admin: SocketAddr, authority: &Authority, line: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let caller = crate::certificates::Caller::for_pages(authority);
    let mut stream = caller.handshake(admin).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}
