//! Messages out of the body of a call (gRPC over HTTP/2, `Length-Prefixed-Message`).

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Body;

use super::refusal::Refusal;

/// Reads messages one by one. A message that came in one frame is a slice of it; one that came in
/// parts is put together, in memory that grows with what has arrived and not with what was announced.
pub(super) struct MessageReader<B> {
    body: B,
    /// Received and not yet read.
    frame: Bytes,
    /// The beginning of a message, with its prefix, of which the rest is not in `frame`.
    partial: BytesMut,
    max_message_bytes: usize,
}

impl<B> MessageReader<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    pub(super) fn new(body: B, max_message_bytes: usize) -> Self {
        Self {
            body,
            frame: Bytes::new(),
            partial: BytesMut::new(),
            max_message_bytes,
        }
    }

    /// The next message; none at the end of the caller's side.
    pub(super) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Refusal>>> {
        loop {
            if let Some(message) = self.take_message().transpose() {
                return Poll::Ready(Some(message));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.frame = frame.into_data().unwrap_or_default(),
                Some(Err(_broken)) => return Poll::Ready(Some(Err(Refusal::Gone))),
                None if self.is_partial() => return Poll::Ready(Some(Err(Refusal::Truncated))),
                None => return Poll::Ready(None),
            }
        }
    }

    /// True when part of a message is held.
    pub(super) fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Takes a whole message, or moves what there is to `partial`: `frame` is empty when none is returned.
    fn take_message(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.partial.is_empty()
            && let Some(end) = self.message_end(&self.frame)?
            && end <= self.frame.len()
        {
            return Ok(Some(without_prefix(self.frame.split_to(end))));
        }
        self.move_to_partial(PREFIX_BYTES);
        if let Some(end) = self.message_end(&self.partial)? {
            self.move_to_partial(end);
            if self.partial.len() == end {
                return Ok(Some(without_prefix(mem::take(&mut self.partial).freeze())));
            }
        }
        Ok(None)
    }

    /// Makes `partial` this long, or as long as can be.
    fn move_to_partial(&mut self, end: usize) {
        let missing = end.saturating_sub(self.partial.len()).min(self.frame.len());
        self.partial
            .extend_from_slice(&self.frame.split_to(missing));
    }

    /// Where the message that `bytes` begin with ends, if its prefix is complete.
    fn message_end(&self, mut bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        if bytes.len() < PREFIX_BYTES {
            return Ok(None);
        }
        match bytes.get_u8() {
            0 => {}
            1 => return Err(Refusal::Compressed),
            _ => return Err(Refusal::BadPrefix),
        }
        let announced = bytes.get_u32();
        match usize::try_from(announced) {
            Ok(len) if len <= self.max_message_bytes => Ok(Some(PREFIX_BYTES + len)),
            _ => Err(Refusal::TooLarge {
                announced,
                max: self.max_message_bytes,
            }),
        }
    }
}

impl<B> fmt::Debug for MessageReader<B> {
    /// Sizes only: what was received stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader")
            .field("frame_bytes", &self.frame.len())
            .field("partial_bytes", &self.partial.len())
            .finish_non_exhaustive()
    }
}

fn without_prefix(mut message: Bytes) -> Bytes {
    message.advance(PREFIX_BYTES);
    message
}

/// Compressed flag and length.
pub(super) const PREFIX_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::task::Waker;

    struct Frames(VecDeque<Bytes>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
        }
    }

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.push(0);
            bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(message);
        }
        bytes
    }

    fn read(frames: impl Iterator<Item = Vec<u8>>) -> Vec<Result<Bytes, Refusal>> {
        let frames = Frames(frames.map(Bytes::from).collect());
        let mut reader = MessageReader::new(frames, 10);
        let mut messages = Vec::new();
        while let Poll::Ready(Some(message)) =
            reader.poll_message(&mut Context::from_waker(Waker::noop()))
        {
            let failed = message.is_err();
            messages.push(message);
            if failed {
                break;
            }
        }
        messages
    }

    #[test]
    fn messages_are_the_same_however_they_are_cut_into_frames() {
        let sent: [&[u8]; 4] = [b"one", b"", b"three", b"4444444444"];
        let bytes = framed(&sent);
        for size in 1..=bytes.len() {
            let received = read(bytes.chunks(size).map(<[u8]>::to_vec));
            let expected: Vec<_> = sent
                .iter()
                .map(|message| Ok(Bytes::copy_from_slice(message)))
                .collect();
            assert_eq!(received, expected, "frames of {size} bytes");
        }
    }

    #[test]
    fn a_message_in_one_frame_is_not_copied() {
        let frame = Bytes::from(framed(&[b"one"]));
        let start = frame.as_ptr();
        let mut reader = MessageReader::new(Frames(VecDeque::from([frame])), 10);
        let Poll::Ready(Some(Ok(message))) =
            reader.poll_message(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("no message");
        };
        assert_eq!(message.as_ptr(), start.wrapping_add(PREFIX_BYTES));
    }

    #[test]
    fn an_announced_size_above_the_bound_is_refused_by_its_prefix() {
        let received = read([vec![0, 0xff, 0xff, 0xff, 0xff]].into_iter());
        assert_eq!(
            received,
            [Err(Refusal::TooLarge {
                announced: u32::MAX,
                max: 10
            })]
        );
    }

    #[test]
    fn memory_grows_with_what_has_arrived() {
        let frames = VecDeque::from([Bytes::from_static(&[0, 0, 16, 0, 0, 1, 2, 3])]);
        let mut reader = MessageReader::new(Frames(frames), 1 << 20);
        let message = reader.poll_message(&mut Context::from_waker(Waker::noop()));
        assert_eq!(message, Poll::Ready(Some(Err(Refusal::Truncated))));
        assert!(
            reader.partial.capacity() < 1024,
            "{}",
            reader.partial.capacity()
        );
    }

    #[test]
    fn an_end_within_a_message_is_an_error() {
        assert_eq!(
            read([vec![0, 0, 0, 0, 9, 1]].into_iter()),
            [Err(Refusal::Truncated)]
        );
        assert_eq!(read([vec![0, 0]].into_iter()), [Err(Refusal::Truncated)]);
    }

    #[test]
    fn a_compressed_message_is_refused() {
        assert_eq!(
            read([vec![1, 0, 0, 0, 0]].into_iter()),
            [Err(Refusal::Compressed)]
        );
        assert_eq!(
            read([vec![7, 0, 0, 0, 0]].into_iter()),
            [Err(Refusal::BadPrefix)]
        );
    }
}
