//! HTTP/2 by hand, for callers that no client library would be.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use bidgate::proto::EvaluateRequest;
use prost::Message as _;

use crate::running::PATIENCE;

/// A connection, and stream 1 on it.
pub(crate) struct RawCaller(pub(crate) TcpStream);

impl RawCaller {
    /// Connects with the given SETTINGS payload.
    pub(crate) fn connect(address: SocketAddr, settings: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        let mut caller = Self(stream);
        caller.frame(0x4, 0, 0, settings);
        caller
    }

    /// Opens stream 1 on a method of the service.
    pub(crate) fn open(&mut self, method: &str) {
        let path = format!("/bidgate.v1.BidGateService/{method}");
        let mut block = Vec::new();
        for (name, value) in [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path.as_str()),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ] {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend_from_slice(text.as_bytes());
            }
        }
        self.frame(0x1, 0x4, 1, &block);
    }

    pub(crate) fn data(&mut self, bytes: &[u8]) {
        self.frame(0x0, 0, 1, bytes);
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).unwrap();
    }
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
