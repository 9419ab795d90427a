//! All frames of a zstd file, one after another, each held to its checksum.

use std::error::Error;
use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Bytes that tell the format.
pub(super) const MAGIC_BYTES: u64 = 4;

/// RFC 8878 §3.1.1: the magic number, little endian.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// True when a file that begins so is a sequence of frames; the first may be one to skip (RFC 8878 §3.1.2).
pub(super) fn is_magic(start: &[u8]) -> bool {
    start == MAGIC || matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

/// The content of all frames.
pub(super) struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether the decoder has begun a frame and not handed out all of it.
    in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            in_frame: false,
        }
    }

    pub(super) const fn get_ref(&self) -> &R {
        &self.source
    }

    /// Decodes until there is something to hand out; false at the end of the last frame.
    fn decode(&mut self) -> io::Result<bool> {
        while self.decoder.can_collect() == 0 {
            if !self.in_frame {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(false);
                }
                self.begin_frame()?;
            } else if self.decoder.is_finished() {
                self.end_frame()?;
            } else {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(into_io)?;
            }
        }
        Ok(true)
    }

    fn begin_frame(&mut self) -> io::Result<()> {
        match self.decoder.reset(&mut self.source) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => self.skip(u64::from(length))?,
            Err(error) => return Err(into_io(error)),
        }
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(bytes), &mut io::sink())?;
        if skipped == bytes {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        let said = self.decoder.get_checksum_from_data();
        if said.is_none() || said == self.decoder.get_calculated_checksum() {
            Ok(())
        } else {
            let mismatch = "the checksum of a frame does not match";
            Err(io::Error::new(io::ErrorKind::InvalidData, mismatch))
        }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.decode()? {
            self.decoder.read(buffer)
        } else {
            Ok(0)
        }
    }
}

/// An error of reading stays what it is: that a file ends too early is another matter than that it is corrupt.
fn into_io(error: FrameDecoderError) -> io::Error {
    let mut kind = io::ErrorKind::InvalidData;
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(read) = inner.downcast_ref::<io::Error>() {
            kind = read.kind();
        }
        cause = inner.source();
    }
    io::Error::new(kind, error)
}
