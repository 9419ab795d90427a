//! Whatever is posted, kept as it came: telemetry and OTLP alike.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A place to post to.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    requests: Receiver<Vec<u8>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                std::thread::spawn(move || serve(&stream.unwrap(), &sender));
            }
        });
        Self { address, requests }
    }

    /// Every request so far, heads and bodies.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.requests.try_iter().flatten().collect()
    }
}

fn serve(mut stream: &TcpStream, sender: &Sender<Vec<u8>>) {
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut reader = BufReader::new(stream);
    while let Ok(request) = request(&mut reader) {
        if sender.send(request).is_err() {
            return;
        }
        let answered = stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}");
        if answered.is_err() {
            return;
        }
    }
}

/// One request, if it says how long it is.
fn request(reader: &mut BufReader<&TcpStream>) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut length = 0;
    loop {
        let begin = request.len();
        if reader.read_until(b'\n', &mut request)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&request[begin..]).to_ascii_lowercase();
        if let Some(said) = line.strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.extend(body);
    Ok(request)
}
