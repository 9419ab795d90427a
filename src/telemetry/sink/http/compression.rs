//! How a body is compressed on its way.
//!
//! A batch of 100 events of the six default gates is some 55 kB. gzip makes 6.4 kB of it, zstd 8.4 kB: its encoder here
//! is the one in Rust at its only level, which costs 70 kB of binary; the one in C makes 6.1 kB and costs 460 kB.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::HeaderValue;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::config::telemetry::Compression;

/// The bytes to send; none when they cannot be made, which does not happen in memory.
pub(super) fn encode(compression: Compression, body: &Bytes) -> Option<Bytes> {
    match compression {
        Compression::None => Some(body.clone()),
        Compression::Gzip => gzip(body),
        Compression::Zstd => Some(compress_to_vec(&body[..], CompressionLevel::Fastest).into()),
    }
}

/// `Content-Encoding`, if there is one.
pub(super) const fn content_encoding(compression: Compression) -> Option<HeaderValue> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some(HeaderValue::from_static("gzip")),
        Compression::Zstd => Some(HeaderValue::from_static("zstd")),
    }
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).ok()?;
    Some(encoder.finish().ok()?.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use ruzstd::decoding::StreamingDecoder;

    use super::*;

    #[test]
    fn what_is_compressed_can_be_read_again_and_is_smaller() {
        let body = Bytes::from(r#"{"name":"impidMatch","passed":true}"#.repeat(1000));
        let [plain, gzip, zstd] = [Compression::None, Compression::Gzip, Compression::Zstd]
            .map(|compression| encode(compression, &body).unwrap());
        assert_eq!(plain, body);
        assert!(gzip.len() < body.len() / 10 && zstd.len() < body.len() / 10);
        let mut read = Vec::new();
        GzDecoder::new(&gzip[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, body);
        read.clear();
        let mut decoder = StreamingDecoder::new(&zstd[..]).unwrap();
        decoder.read_to_end(&mut read).unwrap();
        assert_eq!(read, body);
    }
}
