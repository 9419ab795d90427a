//! Standard output, without the buffer that others share.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::lines::Output;

/// Standard output.
#[derive(Debug)]
pub(super) struct Stdout {
    output: File,
    /// Whether part of a line stands there without its end.
    torn: bool,
}

impl Stdout {
    /// # Errors
    /// When it is closed.
    pub(super) fn open() -> io::Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::on(File::from(stdout)))
    }

    const fn on(output: File) -> Self {
        Self {
            output,
            torn: false,
        }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.output.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    self.torn = !bytes.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Whoever shares the pipe may have set it so that writing does not wait.
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(&self.output)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Output for Stdout {
    /// What was written of a line that could not be written whole becomes a line of its own.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_all(b"\n")?;
        }
        self.write_all(line)
    }
}

/// Waits until there is room.
fn wait(output: &File) -> io::Result<()> {
    let mut waiting = [PollFd::new(output, PollFlags::OUT)];
    match poll(&mut waiting, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::fs::{OFlags, fcntl_setfl};

    use super::*;

    #[test]
    fn a_pipe_that_does_not_wait_gets_whole_lines() {
        let (mut reader, writer) = io::pipe().unwrap();
        fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
        let lines: Vec<_> = (b'a'..=b'e')
            .map(|letter| [vec![letter; 150_000], b"\n".to_vec()].concat())
            .collect();
        let expected = lines.concat();
        let writing = std::thread::spawn(move || {
            let mut stdout = Stdout::on(File::from(OwnedFd::from(writer)));
            lines.iter().try_for_each(|line| stdout.write(line))
        });
        std::thread::sleep(Duration::from_millis(50));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        writing.join().unwrap().unwrap();
        assert!(read == expected);
    }

    #[test]
    fn a_line_after_a_torn_one_stands_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut stdout = Stdout::on(File::create(&path).unwrap());
        stdout.write_all(b"half of a li").unwrap();
        stdout.torn = true;
        for line in ["one\n", "two\n"] {
            stdout.write(line.as_bytes()).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "half of a li\none\ntwo\n");
    }
}
