//! What is read of a reply: its frame, the verdict and the correlation id. The rest is skipped.

use bytes::{Buf as _, Bytes, BytesMut};

/// The two fields of an `EvaluateResponse` that are looked at. Absent is 0, as protobuf has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) correlation_id: u64,
    /// Number of the enum `Verdict`.
    pub(crate) verdict: u64,
}

impl Reply {
    /// Reads a message without its gRPC prefix; none when it is not protobuf.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let mut reply = Self::default();
        let mut rest = message;
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            match key & 7 {
                VARINT => match (key >> 3, varint(&mut rest)?) {
                    (CORRELATION_ID, id) => reply.correlation_id = id,
                    (VERDICT, verdict) => reply.verdict = verdict,
                    _ => {}
                },
                LEN => {
                    let len = usize::try_from(varint(&mut rest)?).ok()?;
                    rest = rest.get(len..)?;
                }
                I64 => rest = rest.get(8..)?,
                I32 => rest = rest.get(4..)?,
                _ => return None,
            }
        }
        Some(reply)
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Numbers of fields and wire types (bidgate.proto; protobuf encoding).
const CORRELATION_ID: u64 = 4;
const VERDICT: u64 = 6;
const VARINT: u64 = 0;
const I64: u64 = 1;
const LEN: u64 = 2;
const I32: u64 = 5;

/// Takes messages out of the chunks of a body. What came whole is not copied.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    chunk: Bytes,
    partial: BytesMut,
}

impl Deframer {
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if self.partial.is_empty() && self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.partial.extend_from_slice(&self.chunk);
            self.partial.extend_from_slice(&chunk);
            self.chunk = self.partial.split().freeze();
        }
    }

    /// The next whole message, without its prefix.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let (_compressed, len) = self.chunk.split_first_chunk::<PREFIX_BYTES>().map(prefix)?;
        if self.chunk.len() < PREFIX_BYTES + len {
            return None;
        }
        self.chunk.advance(PREFIX_BYTES);
        Some(self.chunk.split_to(len))
    }
}

fn prefix((prefix, _): (&[u8; PREFIX_BYTES], &[u8])) -> (u8, usize) {
    let [compressed, a, b, c, d] = *prefix;
    let len = u32::from_be_bytes([a, b, c, d]);
    (compressed, usize::try_from(len).unwrap_or(usize::MAX))
}

/// Compressed flag and length (gRPC over HTTP/2, `Length-Prefixed-Message`).
pub(crate) const PREFIX_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto::{EvaluateResponse, GateResult, Verdict};

    fn response(correlation_id: u64) -> EvaluateResponse {
        EvaluateResponse {
            evaluation_id: "id".to_owned(),
            correlation_id,
            verdict: Verdict::Fail.into(),
            gates: vec![GateResult::default()],
            total_latency_ms: 0.5,
            ..EvaluateResponse::default()
        }
    }

    #[test]
    fn verdict_and_correlation_id_are_what_prost_wrote() {
        let expected = Reply {
            correlation_id: 300,
            verdict: 2,
        };
        assert_eq!(Reply::read(&response(300).encode_to_vec()), Some(expected));
        assert_eq!(Reply::read(&[]), Some(Reply::default()));
    }

    #[test]
    fn what_is_no_message_has_no_verdict() {
        assert_eq!(Reply::read(&[0x30]), None);
        assert_eq!(Reply::read(&[0x0a, 9, 1]), None);
        assert_eq!(Reply::read(&[0x07]), None);
    }

    #[test]
    fn messages_are_found_however_they_were_cut() {
        let mut bytes = Vec::new();
        for id in 1..=3 {
            let message = response(id).encode_to_vec();
            bytes.push(0);
            bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
            bytes.extend(message);
        }
        for size in 1..=bytes.len() {
            let mut deframer = Deframer::default();
            let mut ids = Vec::new();
            for chunk in bytes.chunks(size) {
                deframer.push(Bytes::copy_from_slice(chunk));
                while let Some(message) = deframer.next() {
                    ids.push(Reply::read(&message).unwrap().correlation_id);
                }
            }
            assert_eq!(ids, [1, 2, 3], "chunks of {size} bytes");
        }
    }
}
