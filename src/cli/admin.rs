//! Asking an admin port for a page.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What was answered, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    head: String,
    /// Bytes of the page.
    pub(super) body_len: usize,
}

impl Answer {
    /// The first line.
    pub(super) fn status_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// True when there is a page, and it is one to show.
    pub(super) fn is_ok(&self) -> bool {
        self.status_line().split(' ').nth(1) == Some("200")
    }
}

/// Gets a page of an admin port, `host:port`.
///
/// # Errors
/// When there is no answer.
pub(super) async fn get(admin: &str, path: &str) -> io::Result<Answer> {
    ask(TcpStream::connect(admin).await?, admin, path).await
}

/// The same over TLS, of a server that must have a certificate of this name.
///
/// # Errors
/// When it has none, or there is no answer.
pub(super) async fn get_over_tls(
    admin: &str,
    path: &str,
    (tls, name): (ClientConfig, ServerName<'static>),
) -> io::Result<Answer> {
    let stream = TcpStream::connect(admin).await?;
    let tls = TlsConnector::from(Arc::new(tls));
    ask(tls.connect(name, stream).await?, admin, path).await
}

/// It is one request a connection, so it is written by hand.
async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    admin: &str,
    path: &str,
) -> io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(BYTES_MAX).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(Answer {
        head: head.to_owned(),
        body_len: body.len(),
    })
}

/// More than any page that is asked for has.
const BYTES_MAX: u64 = 1 << 20;
