//! TLS: who comes to terms with the server, and who does not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bidgate::config::Listen;
use bidgate::server::{Drained, Settings};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use serde_json::Value;

use crate::certificates::{Authority, Caller, Issued, Mounted, credentials};
use crate::process::Process;
use crate::running::{PATIENCE, Running, connect, request, settings, stream};

const COMPLETED: &str = "bidgate_tls_handshakes_total{outcome=\"completed\"}";
const FAILED: &str = "bidgate_tls_handshakes_total{outcome=\"failed\"}";
const UNFINISHED: &str = "bidgate_tls_handshakes_total{outcome=\"unfinished\"}";
const LOADED: &str = "bidgate_tls_reloads_total{outcome=\"loaded\"}";
const REFUSED: &str = "bidgate_tls_reloads_total{outcome=\"refused\"}";
const ACCEPTED: &str = "bidgate_tls_files_accepted";
const NOT_AFTER: &str = "bidgate_tls_certificate_not_after_seconds";
/// 2100-01-01, when [`Authority::issue`] ends, and a year later.
const IN_2100: u64 = 4_102_444_800;
const IN_2101: u64 = 4_133_980_800;

fn serve(mounted: &Mounted, client_ca: bool) -> Running {
    Running::start(Settings {
        credentials: mounted.credentials(client_ca),
        workers: 1,
        ..settings()
    })
}

fn info(server: &Running) -> Value {
    let (_, page) = server.admin("GET /health/info");
    serde_json::from_str::<Value>(&page).unwrap()["tls"].clone()
}

#[tokio::test]
async fn calls_are_answered_over_tls_1_2_and_1_3() {
    let authority = Authority::new("one");
    let server = serve(&Mounted::new(&authority.issue(), None), false);
    for version in [&TLS12, &TLS13] {
        let caller = Caller::new(&authority, None, &[version]);
        let stream = caller.handshake(server.tcp()).await.unwrap();
        drop(stream);
        let stream = caller.handshake(server.tcp()).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
        assert_eq!(session.protocol_version(), Some(version.version));
        let mut client = caller.connect(server.tcp()).await.unwrap();
        for id in 0..100 {
            let reply = client.evaluate(request(id)).await.unwrap().into_inner();
            assert_eq!(reply.correlation_id, id);
        }
        // Larger than a record of TLS, and than what a socket takes at once.
        let mut large = request(7);
        large.bid_response = format!("{{\"id\":\"{}\"}}", "x".repeat(900_000)).into();
        client.evaluate(large).await.unwrap();
    }
    assert_eq!(server.metric(COMPLETED), 6);
    assert_eq!((server.metric(FAILED), server.metric(UNFINISHED)), (0, 0));
    assert_eq!(server.metric(NOT_AFTER), IN_2100);
    assert_eq!(
        info(&server)["certificate_not_after"],
        "2100-01-01T00:00:00Z"
    );
    assert_eq!(info(&server)["callers_need_certificates"], false);
}

#[tokio::test]
async fn connections_over_tls_drain() {
    let authority = Authority::new("one");
    let server = Running::start(Settings {
        credentials: Mounted::new(&authority.issue(), None).credentials(false),
        grace: PATIENCE,
        ..settings()
    });
    let caller = Caller::trusting(&authority);
    let mut client = caller.connect(server.tcp()).await.unwrap();
    client.evaluate(request(1)).await.unwrap();
    assert_eq!(server.ended().await, Drained::Completely);
}

#[tokio::test]
async fn plaintext_on_a_tls_port_is_not_answered_and_tls_on_a_plain_port_neither() {
    let authority = Authority::new("one");
    let server = serve(&Mounted::new(&authority.issue(), None), false);
    let mut plain = TcpStream::connect(server.tcp()).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer));
    // An alert of TLS, or nothing.
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    server.wait_for(FAILED, 1).await;

    let plain = Running::start(settings());
    assert!(!Caller::trusting(&authority).is_answered(plain.tcp()).await);
    plain.client().await.evaluate(request(1)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_believed() {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    let server = serve(&Mounted::new(&authority.issue(), None), false);
    assert!(!Caller::trusting(&other).is_answered(server.tcp()).await);
    server.wait_for(FAILED, 1).await;
    assert!(Caller::trusting(&authority).is_answered(server.tcp()).await);
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_served_and_believed_by_nobody() {
    let authority = Authority::new("one");
    let server = serve(&Mounted::new(&authority.issue_until(2020), None), false);
    assert_eq!(server.metric(NOT_AFTER), 1_577_836_800);
    assert!(!Caller::trusting(&authority).is_answered(server.tcp()).await);
    server.wait_for(FAILED, 1).await;
}

#[tokio::test]
async fn callers_need_a_certificate_that_the_client_ca_vouches_for() {
    let (authority, callers, other) = (
        Authority::new("servers"),
        Authority::new("callers"),
        Authority::new("callers"),
    );
    let server = serve(&Mounted::new(&authority.issue(), Some(&callers)), true);
    assert_eq!(info(&server)["callers_need_certificates"], true);
    let known = callers.issue();
    for versions in [&[&TLS12], &[&TLS13]] {
        let caller = |own: Option<&Issued>| Caller::new(&authority, own, versions);
        assert!(caller(Some(&known)).is_answered(server.tcp()).await);
        assert!(!caller(None).is_answered(server.tcp()).await);
        assert!(!caller(Some(&other.issue())).is_answered(server.tcp()).await);
        assert!(
            !caller(Some(&authority.issue()))
                .is_answered(server.tcp())
                .await
        );
        assert!(
            !caller(Some(&callers.issue_until(2020)))
                .is_answered(server.tcp())
                .await
        );
    }
    // A client tries more than once.
    let since = Instant::now();
    while server.metric(FAILED) < 8 {
        assert!(since.elapsed() < PATIENCE, "{}", server.metric(FAILED));
    }
    assert_eq!(server.metric(COMPLETED), 2);
}

#[tokio::test]
async fn a_unix_socket_beside_tls_is_plain() {
    let authority = Authority::new("one");
    let folder = tempfile::tempdir().unwrap();
    let socket = Listen::Unix(folder.path().join("s"));
    let server = Running::start(Settings {
        listen: vec![settings().listen[0].clone(), socket.clone()],
        credentials: Mounted::new(&authority.issue(), None).credentials(false),
        ..settings()
    });
    connect(&socket).await.evaluate(request(1)).await.unwrap();
    assert!(Caller::trusting(&authority).is_answered(server.tcp()).await);
}

#[tokio::test]
async fn slow_handshakes_hold_up_nobody_and_are_given_up() {
    let authority = Authority::new("one");
    let server = serve(&Mounted::new(&authority.issue(), None), false);
    let slow: Vec<TcpStream> = (0..100)
        .map(|index| {
            let mut stream = TcpStream::connect(server.tcp()).unwrap();
            // Silent, or within the head of a record or of a ClientHello.
            let begun = [22, 3, 1, 2, 0, 1, 0, 1, 252];
            stream.write_all(&begun[..index % begun.len()]).unwrap();
            stream
        })
        .collect();
    let since = Instant::now();
    for _ in 0..10 {
        assert!(Caller::trusting(&authority).is_answered(server.tcp()).await);
    }
    assert!(
        since.elapsed() < Duration::from_secs(4),
        "{:?}",
        since.elapsed()
    );
    server.wait_for(UNFINISHED, 100).await;
    assert!(since.elapsed() > Duration::from_secs(4));
    drop(slow);
}

#[tokio::test]
async fn a_certificate_is_replaced_under_calls_and_a_bad_one_is_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let mounted = Mounted::new(&old.issue(), None);
    let server = serve(&mounted, false);
    let mut before = Caller::trusting(&old).connect(server.tcp()).await.unwrap();
    let (calls, mut replies) = stream(&mut before).await;

    mounted.swap(&new.issue_until(2101), None);
    server.wait_for(LOADED, 1).await;
    assert_eq!(server.metric(NOT_AFTER), IN_2101);
    assert_eq!(server.metric(ACCEPTED), 1);
    assert!(Caller::trusting(&new).is_answered(server.tcp()).await);
    assert!(!Caller::trusting(&old).is_answered(server.tcp()).await);

    let wrong_key = Issued {
        key: new.issue().key,
        ..new.issue()
    };
    let torn = Issued {
        certificate: new.issue().certificate.chars().take(300).collect(),
        ..new.issue()
    };
    let emptied = Issued {
        certificate: String::new(),
        key: String::new(),
    };
    let refused = [wrong_key, torn, emptied, new.issue_until(2020)];
    for (bad, count) in refused.iter().zip(1..) {
        mounted.swap(bad, None);
        server.wait_for(REFUSED, count).await;
        assert_eq!(server.metric(ACCEPTED), 0);
        assert!(Caller::trusting(&new).is_answered(server.tcp()).await);
    }
    let told = info(&server);
    assert!(
        told["problem"]
            .as_str()
            .unwrap()
            .contains("tls.cert_file: has ended"),
        "{told}"
    );
    assert!(
        told["refused_at"].is_string() && told["certificate_not_after"] == "2101-01-01T00:00:00Z"
    );

    calls.send(request(8)).await.unwrap();
    assert_eq!(replies.message().await.unwrap().unwrap().correlation_id, 8);
    mounted.swap(&new.issue(), None);
    server.wait_for(LOADED, 2).await;
    assert_eq!(info(&server)["problem"], Value::Null);
    assert_eq!(server.metric(ACCEPTED), 1);
    before.evaluate(request(9)).await.unwrap();
}

#[tokio::test]
async fn a_client_ca_is_replaced_too() {
    let (authority, old, new) = (
        Authority::new("servers"),
        Authority::new("old"),
        Authority::new("new"),
    );
    let mounted = Mounted::new(&authority.issue(), Some(&old));
    let server = serve(&mounted, true);
    let [of_old, of_new] = [&old, &new].map(|callers| Caller::with(&callers.issue(), &authority));
    assert!(of_old.is_answered(server.tcp()).await);
    mounted.swap(&authority.issue(), Some(&new));
    server.wait_for(LOADED, 1).await;
    assert!(of_new.is_answered(server.tcp()).await);
    assert!(!of_old.is_answered(server.tcp()).await);
}

#[tokio::test]
async fn sighup_reads_certificates_again_and_each_refusal_is_logged_once() {
    let authority = Authority::new("one");
    let mounted = Mounted::new(&authority.issue(), None);
    let flags = mounted.flags(false);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let process = Process::start_with("true", &flags);
    // At start, and again.
    for _ in 0..2 {
        let not_after = process.logged("TLS certificate loaded", "not_after");
        assert_eq!(not_after, "2100-01-01T00:00:00Z");
        process.signal("-HUP");
    }
    process.logged("TLS certificate loaded", "not_after");
    assert!(
        Caller::trusting(&authority)
            .is_answered(process.address)
            .await
    );
    std::fs::remove_file(mounted.file("tls.key")).unwrap();
    let refused = "TLS certificate refused: the one before serves on";
    let problem = process.logged(refused, "problem");
    assert!(
        problem.contains("tls.key: tls.key_file: cannot be read"),
        "{problem}"
    );
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let (_, page) = crate::running::admin_page(process.admin, "GET /metrics");
    for sample in [format!("{LOADED} 2\n"), format!("{REFUSED} 1\n")] {
        assert!(page.contains(&sample), "{page}");
    }
    assert!(
        Caller::trusting(&authority)
            .is_answered(process.address)
            .await
    );
}

#[test]
fn a_start_with_a_bad_file_says_which_and_what_it_must_be() {
    let authority = Authority::new("one");
    let mounted = Mounted::new(&authority.issue(), Some(&authority));
    let problem = || credentials(&mounted.flags(true)).unwrap_err().to_string();
    let write = |file: &str, text: &str| {
        std::fs::remove_file(mounted.file(file)).unwrap();
        std::fs::write(mounted.file(file), text).unwrap();
    };
    write("ca.crt", "none");
    let told = problem();
    assert!(
        told.contains("ca.crt: tls.client_ca_file: must hold certificates"),
        "{told}"
    );
    write("tls.key", &authority.issue().key);
    let told = problem();
    assert!(
        told.contains("tls.key: tls.key_file: is not the key of the certificate"),
        "{told}"
    );
    write("tls.key", "-----BEGIN PRIVATE KEY-----\n");
    let told = problem();
    assert!(
        told.contains("tls.key: tls.key_file: must hold a private key"),
        "{told}"
    );
    write("tls.crt", &authority.issue().key);
    let told = problem();
    assert!(
        told.contains("tls.crt: tls.cert_file: must hold certificates"),
        "{told}"
    );
    std::fs::remove_file(mounted.file("tls.crt")).unwrap();
    let told = problem();
    assert!(
        told.contains("tls.crt: tls.cert_file: cannot be read"),
        "{told}"
    );
}
