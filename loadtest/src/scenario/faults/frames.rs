//! HTTP/2 by hand, for callers that no client library would be.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::error::Error;
use crate::target::Target;

/// A connection whose frames are written by hand.
#[derive(Debug)]
pub(super) struct Caller(TcpStream);

impl Caller {
    /// Connects, and says what every HTTP/2 connection begins with.
    pub(super) fn connect(target: &Target) -> Result<Self, Error> {
        let mut caller = Self(connect(target)?);
        caller.greet()?;
        Ok(caller)
    }

    pub(super) fn greet(&mut self) -> Result<(), Error> {
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        self.write(&hello)
            .map_err(Error::system("write to the server"))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Opens this many calls and sends the first bytes of each message.
    pub(super) fn open_calls(&mut self, calls: u32) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for stream in (1..calls * 2).step_by(2) {
            bytes.extend(frame(HEADERS, END_HEADERS, stream, &header_block()));
            bytes.extend(frame(DATA, 0, stream, BEGINNING));
        }
        self.write(&bytes)
            .map_err(Error::system("write to the server"))
    }

    /// Whether the connection answers a ping, in time.
    pub(super) fn is_alive(&mut self) -> bool {
        self.write(&frame(PING, 0, 0, PING_PAYLOAD)).is_ok() && self.reads_pong().unwrap_or(false)
    }

    fn reads_pong(&mut self) -> io::Result<bool> {
        loop {
            match self.read_frame()? {
                (PING, _, payload) if payload == PING_PAYLOAD => return Ok(true),
                (GOAWAY, ..) => return Ok(false),
                _ => {}
            }
        }
    }

    fn read_frame(&mut self) -> io::Result<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let [a, b, c, kind, _flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = vec![0; usize::try_from(length).unwrap_or_default()];
        self.0.read_exact(&mut payload)?;
        Ok((kind, u32::from_be_bytes(stream), payload))
    }

    /// Reads until the server ends the connection. False if it does not.
    pub(super) fn is_ended(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

impl From<TcpStream> for Caller {
    fn from(stream: TcpStream) -> Self {
        Self(stream)
    }
}

/// A connection that says nothing yet.
pub(super) fn connect(target: &Target) -> Result<TcpStream, Error> {
    let connecting = Error::system("connect to the server");
    let Target::Tcp(address) = target else {
        return Err(connecting(io::ErrorKind::Unsupported.into()));
    };
    let stream = TcpStream::connect_timeout(address, PATIENCE).map_err(&connecting)?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(&connecting)?;
    stream
        .set_write_timeout(Some(PATIENCE))
        .map_err(&connecting)?;
    Ok(stream)
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len())
        .unwrap_or_default()
        .to_be_bytes();
    [
        &length,
        [kind, flags].as_slice(),
        &stream.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// The head of a call of `Evaluate`, without compression.
pub(super) fn header_block() -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/bidgate.v1.BidGateService/Evaluate"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap_or_default());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Of a message of 100 bytes.
pub(super) const BEGINNING: &[u8] = &[0, 0, 0, 0, 100, 1, 2, 3];
const PING_PAYLOAD: &[u8] = &[7; 8];
const PATIENCE: Duration = Duration::from_secs(15);

// RFC 9113 sections 6 and 7.
pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PING: u8 = 0x6;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;
pub(super) const END_HEADERS: u8 = 0x4;
