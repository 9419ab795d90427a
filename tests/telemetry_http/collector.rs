//! Collectors: one that behaves, and those that do not. Every connection has a thread, every post is kept.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::post::Post;
use crate::running::{LOOPBACK, PATIENCE};

/// What a collector does with a post.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status, with further lines of the head.
    Status(u16, &'static str),
    /// Takes its time first.
    After(Duration, &'static Self),
    /// Reads the head, then closes.
    CutBeforeBody,
    /// Writes this, then closes.
    Raw(&'static [u8]),
    /// Accepts, with a body that has no end.
    Endless,
    /// Reads, and never answers.
    Hang,
}

pub(crate) const ACCEPTED: Answer = Answer::Status(202, "");

/// Says what to do with a post, and whether one with the same batch came before.
pub(crate) type Temper = fn(&Post, bool) -> Answer;

/// Listens until the test ends.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    posts: Vec<Post>,
    /// Batches that came, and events in batches that were accepted.
    batches: BTreeSet<String>,
    accepted: BTreeSet<String>,
    connections: usize,
    /// Of answers that have no end.
    endless_bytes: usize,
}

impl Collector {
    pub(crate) fn start(temper: Temper) -> Self {
        Self::listen(temper, None, LOOPBACK)
    }

    pub(crate) fn start_tls(temper: Temper, tls: Arc<ServerConfig>) -> Self {
        Self::listen(temper, Some(tls), LOOPBACK)
    }

    pub(crate) fn listen(temper: Temper, tls: Option<Arc<ServerConfig>>, on: SocketAddr) -> Self {
        let listener = TcpListener::bind(on).unwrap();
        let collector = Self {
            address: listener.local_addr().unwrap(),
            scheme: if tls.is_some() { "https" } else { "http" },
            state: Arc::default(),
        };
        let shared = collector.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, stream) = (shared.clone(), stream.unwrap());
                let tls = tls.clone();
                shared.state.lock().unwrap().connections += 1;
                // Whoever ends a connection early has reasons.
                std::thread::spawn(move || drop(shared.serve(stream, temper, tls)));
            }
        });
        collector
    }

    /// The address for `telemetry.endpoint`.
    pub(crate) fn endpoint(&self) -> String {
        let port = self.address.port();
        format!("{}://localhost:{port}/somewhere/", self.scheme)
    }

    /// What came, in the order of its heads.
    pub(crate) fn posts(&self) -> Vec<Post> {
        self.state.lock().unwrap().posts.clone()
    }

    /// Events in batches that were accepted, each once.
    pub(crate) fn accepted(&self) -> BTreeSet<String> {
        self.state.lock().unwrap().accepted.clone()
    }

    /// Connections that were opened.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// What was taken of answers that have no end.
    pub(crate) fn endless_bytes(&self) -> usize {
        self.state.lock().unwrap().endless_bytes
    }

    fn serve(
        &self,
        stream: TcpStream,
        temper: Temper,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let Some(tls) = tls else {
            let closing = stream.try_clone()?;
            return self.converse(stream, temper, || drop(closing.shutdown(Shutdown::Both)));
        };
        let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
        self.converse(StreamOwned::new(connection, stream), temper, || {})
    }

    fn converse(
        &self,
        stream: impl Read + Write,
        temper: Temper,
        close: impl Fn(),
    ) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(mut post) = Post::read_head(&mut stream)? {
            if matches!(temper(&post, false), Answer::CutBeforeBody) {
                close();
                return Ok(());
            }
            post.read_body(&mut stream)?;
            let again = !self.state.lock().unwrap().batches.insert(post.batch_id());
            self.state.lock().unwrap().posts.push(post.clone());
            if !self.answer(stream.get_mut(), &post, &temper(&post, again))? {
                close();
                return Ok(());
            }
        }
        Ok(())
    }

    /// True when there may be another post.
    fn answer(&self, stream: &mut impl Write, post: &Post, answer: &Answer) -> io::Result<bool> {
        match answer {
            Answer::Status(status, head) => {
                if (200..300).contains(status) {
                    self.accept(post);
                }
                write!(
                    stream,
                    "HTTP/1.1 {status} As Told\r\n{head}content-length: 2\r\n\r\n{{}}"
                )?;
                stream.flush()?;
                return Ok(true);
            }
            Answer::After(time, answer) => {
                std::thread::sleep(*time);
                return self.answer(stream, post, answer);
            }
            Answer::Raw(bytes) => {
                if bytes.starts_with(b"HTTP/1.1 202 ") {
                    self.accept(post);
                }
                stream.write_all(bytes)?;
            }
            Answer::Endless => {
                self.accept(post);
                stream.write_all(b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n")?;
                loop {
                    stream.write_all(b"400\r\n")?;
                    stream.write_all(&[b'x'; 1024])?;
                    stream.write_all(b"\r\n")?;
                    self.state.lock().unwrap().endless_bytes += 1024;
                }
            }
            Answer::Hang => std::thread::sleep(PATIENCE),
            Answer::CutBeforeBody => {}
        }
        Ok(false)
    }

    fn accept(&self, post: &Post) {
        self.state
            .lock()
            .unwrap()
            .accepted
            .extend(post.evaluation_ids());
    }
}
