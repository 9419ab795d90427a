//! HTTP/2 by hand, for callers that no client library would be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use bidgate::proto::EvaluateRequest;
use prost::Message as _;

use crate::running::PATIENCE;

/// A connection, and stream 1 on it.
pub(crate) struct RawCaller<S = TcpStream>(pub(crate) S);

impl RawCaller {
    /// Connects with the given SETTINGS payload.
    pub(crate) fn connect(address: SocketAddr, settings: &[u8]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::begin(stream, settings)
    }
}

impl RawCaller<UnixStream> {
    pub(crate) fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::begin(stream, &[])
    }
}

impl<S: Read + Write> RawCaller<S> {
    fn begin(mut stream: S, settings: &[u8]) -> Self {
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        let mut caller = Self(stream);
        caller.frame(SETTINGS, 0, 0, settings);
        caller
    }

    /// Opens stream 1 on a method of the service.
    pub(crate) fn open(&mut self, method: &str) {
        self.open_at(&format!("/bidgate.v1.BidGateService/{method}"));
    }

    /// Opens stream 1 on a method of any service.
    pub(crate) fn open_at(&mut self, path: &str) {
        self.frame(HEADERS, END_HEADERS, 1, &header_block(path, LOCALHOST));
    }

    /// Waits for a head on stream 1.
    pub(crate) fn wait_for_head(&mut self) {
        while !matches!(self.read_frame(), (HEADERS, 1, _)) {}
    }

    /// Sends a call on a stream, its authority as a field of HPACK. True when a message comes back, false when the
    /// stream is reset.
    pub(crate) fn is_answered(
        &mut self,
        stream: u32,
        authority: &[u8],
        call: &EvaluateRequest,
    ) -> bool {
        let block = header_block(EVALUATE, authority);
        self.frame(HEADERS, END_HEADERS, stream, &block);
        self.frame(DATA, END_STREAM, stream, &framed(call));
        loop {
            match self.read_frame() {
                (DATA, of, _) if of == stream => return true,
                (RST_STREAM, of, _) if of == stream => return false,
                _ => {}
            }
        }
    }

    /// Opens this many streams and cancels them, all in one write, so that they are read together.
    pub(crate) fn open_and_cancel(&mut self, streams: u32) {
        let mut bytes = Vec::new();
        for stream in (1..=streams * 2).step_by(2) {
            bytes.extend(frame(
                HEADERS,
                END_HEADERS,
                stream,
                &header_block(EVALUATE, LOCALHOST),
            ));
            bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
        }
        self.0.write_all(&bytes).unwrap();
    }

    /// Opens these streams, in one write.
    pub(crate) fn open_all(&mut self, streams: impl Iterator<Item = u32>) {
        let open = |stream| {
            let block = header_block(EVALUATE, LOCALHOST);
            frame(HEADERS, END_HEADERS, stream, &block)
        };
        let bytes: Vec<u8> = streams.flat_map(open).collect();
        self.0.write_all(&bytes).unwrap();
    }

    /// Sends on all of these streams, in one write.
    pub(crate) fn data_on_all(&mut self, streams: impl Iterator<Item = u32>, bytes: &[u8]) {
        let frames: Vec<u8> = streams
            .flat_map(|stream| frame(DATA, 0, stream, bytes))
            .collect();
        self.0.write_all(&frames).unwrap();
    }

    /// True when the connection answers a ping, false when it says goodbye.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.frame(PING, 0, 0, &[7; 8]);
        loop {
            match self.read_frame() {
                (PING, _, payload) if payload == [7; 8] => return true,
                (GOAWAY, ..) => return false,
                _ => {}
            }
        }
    }

    /// Kind, stream and payload.
    fn read_frame(&mut self) -> (u8, u32, Vec<u8>) {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).unwrap();
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        (head[3], stream, payload)
    }

    pub(crate) fn data(&mut self, bytes: &[u8]) {
        self.frame(DATA, 0, 1, bytes);
    }

    /// Ends the caller's side of stream 1.
    pub(crate) fn end(&mut self) {
        self.frame(DATA, END_STREAM, 1, &[]);
    }

    /// Lets the other side send this many bytes more, on stream 1 and on the connection.
    pub(crate) fn open_window(&mut self, bytes: u32) {
        self.frame(WINDOW_UPDATE, 0, 1, &bytes.to_be_bytes());
        self.frame(WINDOW_UPDATE, 0, 0, &bytes.to_be_bytes());
    }

    /// Headers that cannot be decompressed.
    pub(crate) fn break_compression(&mut self) {
        self.frame(HEADERS, END_HEADERS, 1, &[0xff; 100]);
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.0
            .write_all(&frame(kind, flags, stream, payload))
            .unwrap();
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The headers of a call, without compression but perhaps of its authority.
fn header_block(path: &str, authority: &[u8]) -> Vec<u8> {
    let mut block = authority.to_vec();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

pub(crate) fn framed(request: &EvaluateRequest) -> Vec<u8> {
    let message = request.encode_to_vec();
    let mut bytes = vec![0];
    bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&message);
    bytes
}

/// The beginning of a message of 100 bytes.
pub(crate) const HALF_A_MESSAGE: &[u8] = &[0, 0, 0, 0, 100, 1, 2, 3];

const EVALUATE: &str = "/bidgate.v1.BidGateService/Evaluate";

/// A field that names the host, without compression.
const LOCALHOST: &[u8] = b"\x00\x0a:authority\x09localhost";

// RFC 9113 sections 6 and 7.
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const CANCEL: u32 = 0x8;
