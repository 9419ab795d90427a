//! A TCP or Unix socket on a worker, with TLS or without.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::acceptor::Stream;
use super::authority::AuthorityMask;
use super::credentials::LivingTls;

/// What every HTTP/2 connection begins with (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connected socket. One type for all kinds, so that HTTP/2 is compiled once.
#[derive(Debug)]
pub(super) struct Socket {
    kind: Kind,
    /// Read before the socket: what is left of the preface, once it has been checked.
    replay: &'static [u8],
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream, AuthorityMask),
    /// Boxed because it is some ten times as large as the others.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Puts an accepted socket on this thread's runtime, and speaks TLS on TCP if there is any.
    ///
    /// # Errors
    /// When the caller has left, or does not come together with TLS.
    pub(super) async fn open(stream: Stream, tls: Option<&LivingTls>) -> io::Result<Self> {
        let kind = match stream {
            Stream::Tcp(stream) => {
                // A reply is a few hundred bytes that wait for nothing.
                stream.set_nodelay(true)?;
                find_dead_peer(&stream)?;
                let stream = TcpStream::from_std(stream)?;
                match tls {
                    Some(tls) => Kind::Tls(Box::new(tls.accept_calls(stream).await?)),
                    None => Kind::Tcp(stream),
                }
            }
            Stream::Unix(stream) => Kind::Unix(UnixStream::from_std(stream)?, AuthorityMask::new()),
        };
        Ok(Self { kind, replay: b"" })
    }

    /// Lets the preface, which has been read and is known, be read again.
    pub(super) fn replay_preface(&mut self) {
        self.replay = PREFACE;
    }

    fn read_replay(&mut self, buffer: &mut ReadBuf<'_>) {
        let len = self.replay.len().min(buffer.remaining());
        if let Some((now, later)) = self.replay.split_at_checked(len) {
            buffer.put_slice(now);
            self.replay = later;
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.replay.is_empty() {
            self.read_replay(buffer);
            return Poll::Ready(Ok(()));
        }
        match &mut self.kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Kind::Unix(stream, mask) => poll_read_masked(stream, mask, cx, buffer),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Kind::Unix(stream, _) => Pin::new(stream).poll_write(cx, bytes),
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// A matter of how HTTP/2 writes, not of what the socket can do. It copies small payloads behind one another, so that
    /// the replies of many calls leave in one write, and writes larger ones by themselves. For a socket that gathers,
    /// large begins at 256 bytes, and that is less than a reply; for others it is 1024.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Unix(stream, _) => Pin::new(stream).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Unix(stream, _) => Pin::new(stream).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Has the kernel end the connection when its peer has gone without a word, idle or with replies on the way. It tells of
/// one on a Unix socket by itself.
fn find_dead_peer(stream: &std::net::TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_IDLE)
        .with_interval(KEEP_ALIVE_INTERVAL);
    socket.set_tcp_keepalive(&probes)?;
    socket.set_tcp_user_timeout(Some(DEAD_AFTER))
}

fn poll_read_masked(
    stream: &mut UnixStream,
    mask: &mut AuthorityMask,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let before = buffer.filled().len();
    ready!(Pin::new(stream).poll_read(cx, buffer))?;
    if let Some(received) = buffer.filled_mut().get_mut(before..) {
        mask.apply(received);
    }
    Poll::Ready(Ok(()))
}

/// Silence after which a peer is asked whether it is there, and how often.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Silence, or sent bytes without an acknowledgement, after which it is not.
const DEAD_AFTER: Duration = Duration::from_secs(40);
