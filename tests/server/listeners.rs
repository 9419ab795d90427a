//! Addresses and socket files.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;

use bidgate::server::{Drained, Server, Settings};

use crate::raw::RawCaller;
use crate::running::{PATIENCE, Running, request, settings, settings_on_unix};

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = Running::start(settings());
    let taken = Settings {
        listen: server.addresses.clone(),
        ..settings()
    };
    let error = Server::bind(taken).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{} is in use: ", server.tcp())),
        "{error}"
    );
}

#[tokio::test]
async fn a_unix_socket_has_its_mode_and_is_removed_at_exit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let server = Running::start(Settings {
        grace: PATIENCE,
        ..settings_on_unix(&path)
    });
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    server.client().await.evaluate(request(1)).await.unwrap();
    assert_eq!(server.ended().await, Drained::Completely);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_unix_socket_is_replaced_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let server = Running::start(settings_on_unix(&path));
    server.client().await.evaluate(request(1)).await.unwrap();
    let error = Server::bind(settings_on_unix(&path))
        .unwrap_err()
        .to_string();
    assert!(error.contains("is in use: "), "{error}");
    server.client().await.evaluate(request(1)).await.unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let error = Server::bind(settings_on_unix(&file))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn the_path_of_a_unix_socket_is_taken_as_authority() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let _server = Running::start(settings_on_unix(&path));
    let mut caller = RawCaller::connect_unix(&path);
    let newest = b"\xbe";
    let calls: [&[u8]; 6] = [
        b"\x40\x0a:authority\x0f%2Ftmp%2Fx.sock",
        newest,
        b"\x41\x0f%2Ftmp%2Fy.sock",
        newest,
        b"\xbf",
        b"\x11\x10tmp%2Fa:b@[c]%20",
    ];
    for (stream, authority) in (1..).step_by(2).zip(calls) {
        assert!(
            caller.is_answered(stream, authority, &request(1)),
            "{stream}"
        );
    }
}

#[tokio::test]
async fn on_tcp_an_authority_is_a_host() {
    let server = Running::start(settings());
    let mut caller = RawCaller::connect(server.tcp(), &[]);
    assert!(!caller.is_answered(1, b"\x41\x0f%2Ftmp%2Fx.sock", &request(1)));
    assert!(caller.is_answered(3, b"\x41\x09localhost", &request(1)));
}

#[tokio::test]
async fn a_unix_socket_is_for_the_users_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    let on = |name: &str, uids: &[u32]| {
        Running::start(Settings {
            unix_allowed_uids: uids.to_owned(),
            ..settings_on_unix(&folder.path().join(name))
        })
    };
    let turned_away = "bidgate_unix_connections_turned_away_total";
    for (name, uids) in [("everybody", &[][..]), ("listed", &[own + 1, own])] {
        let server = on(name, uids);
        server.client().await.evaluate(request(1)).await.unwrap();
        assert_eq!(server.metric(turned_away), 0);
    }
    let server = on("others", &[own + 1]);
    let mut stream = UnixStream::connect(folder.path().join("others")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
    assert_eq!(server.metric(turned_away), 1);
    assert_eq!(server.metric("bidgate_connections_open"), 0);
}
