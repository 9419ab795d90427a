//! Recorded traffic as bytes: plain, gzip or zstd, told apart by how the file begins, whatever its name.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::zstd::{self, ZstdFrames};

/// RFC 1952 §2.3.1: ID1, ID2 and the only compression method there is.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Bytes read at a time.
pub(super) const READ_BYTES: usize = 1 << 16;

/// The traffic, decompressed, and where in the file it stands.
pub(super) struct Source(Format);

enum Format {
    Plain(Raw),
    Gzip(Box<MultiGzDecoder<Raw>>),
    Zstd(Box<ZstdFrames<Raw>>),
}

impl Source {
    /// Looks at the first bytes and takes the whole for what they say.
    ///
    /// # Errors
    /// When nothing can be read.
    pub(super) fn new(mut file: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut start = Vec::new();
        file.by_ref()
            .take(zstd::MAGIC_BYTES)
            .read_to_end(&mut start)?;
        let is_gzip = start.starts_with(&GZIP_MAGIC);
        let is_zstd = zstd::is_magic(&start);
        let raw = Raw::new(start, file);
        Ok(Self(if is_gzip {
            Format::Gzip(Box::new(MultiGzDecoder::new(raw)))
        } else if is_zstd {
            Format::Zstd(Box::new(ZstdFrames::new(raw)))
        } else {
            Format::Plain(raw)
        }))
    }

    /// Bytes of the file, as it is stored, that have been taken.
    pub(super) fn position(&self) -> u64 {
        match &self.0 {
            Format::Plain(raw) => raw.taken,
            Format::Gzip(gzip) => gzip.get_ref().taken,
            Format::Zstd(zstd) => zstd.get_ref().taken,
        }
    }

    /// What is wrong with the file when it cannot be read on.
    pub(super) fn problem(&self, cause: &io::Error) -> String {
        let format = match &self.0 {
            Format::Plain(_) => return cause.to_string(),
            Format::Gzip(_) => "gzip",
            Format::Zstd(_) => "zstd",
        };
        if cause.kind() == io::ErrorKind::UnexpectedEof {
            format!("the {format} stream ends too early")
        } else {
            format!("the {format} stream is corrupt: {cause}")
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Format::Plain(raw) => raw.read(buffer),
            Format::Gzip(gzip) => gzip.read(buffer),
            Format::Zstd(zstd) => zstd.read(buffer),
        }
    }
}

/// The file as it is stored.
struct Raw {
    bytes: Chain<Cursor<Vec<u8>>, BufReader<Box<dyn Read + Send>>>,
    taken: u64,
}

impl Raw {
    fn new(start: Vec<u8>, rest: Box<dyn Read + Send>) -> Self {
        Self {
            bytes: Cursor::new(start).chain(BufReader::with_capacity(READ_BYTES, rest)),
            taken: 0,
        }
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.taken += u64::try_from(read).unwrap_or_default();
        Ok(read)
    }
}

impl BufRead for Raw {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.bytes.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.taken += u64::try_from(amount).unwrap_or_default();
        self.bytes.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// What can be read, and what is said of the rest.
    fn read(file: &[u8]) -> (String, Option<String>) {
        let mut source = Source::new(Box::new(Cursor::new(file.to_vec()))).unwrap();
        let mut bytes = Vec::new();
        let end = source.read_to_end(&mut bytes);
        let problem = end.err().map(|cause| source.problem(&cause));
        (String::from_utf8(bytes).unwrap(), problem)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &str) -> Vec<u8> {
        compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
    }

    fn whole(text: &str) -> (String, Option<String>) {
        (text.to_owned(), None)
    }

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        for text in ["", "{", "{}\n{}\n", "\u{1f}"] {
            assert_eq!(read(text.as_bytes()), whole(text));
            assert_eq!(read(&gzip(text)), whole(text));
            assert_eq!(read(&zstd(text)), whole(text));
        }
    }

    #[test]
    fn files_that_were_joined_are_read_as_one() {
        let long = "many bytes ".repeat(100_000);
        assert_eq!(
            read(&[gzip("a\n"), gzip(&long)].concat()),
            whole(&format!("a\n{long}"))
        );
        let skippable = [0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'x', b'y', b'z'];
        let frames = [
            &skippable,
            &*zstd("a\n"),
            &skippable,
            &*zstd(&long),
            &*zstd(""),
        ];
        assert_eq!(read(&frames.concat()), whole(&format!("a\n{long}")));
    }

    #[test]
    fn a_file_that_ends_too_early_says_so_wherever_it_is_cut() {
        let text = "a few words, a few more words, and a few words";
        for (format, file) in [("gzip", gzip(text)), ("zstd", zstd(text))] {
            for end in 4..file.len() {
                let (read, problem) = read(&file[..end]);
                assert!(text.starts_with(&read));
                let told = format!("the {format} stream ends too early");
                assert_eq!(problem, Some(told), "{end} of {} bytes", file.len());
            }
        }
    }

    #[test]
    fn a_file_that_is_corrupt_is_never_taken_for_whole() {
        let text = "a few words, a few more words, and a few words";
        for file in [gzip(text), zstd(text)] {
            for place in file.len() - 12..file.len() {
                let mut corrupt = file.clone();
                corrupt[place] ^= 0x55;
                let (_, problem) = read(&corrupt);
                assert!(problem.is_some(), "byte {place} of {}", file.len());
            }
        }
        let (_, problem) = read(&[zstd(text), b"junk".to_vec()].concat());
        assert!(problem.unwrap().contains("is corrupt"));
    }
}
