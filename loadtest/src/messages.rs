//! What is sent: requests that were encoded before the run, one behind another in one buffer.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message as _;
use traffic::{Pair, Shape};

use crate::client::reply::PREFIX_BYTES;
use crate::proto::{EvaluateRequest, Verdict};

/// Requests as they stand on the wire. The correlation id of each is its index, so that a reply of a stream can be told
/// to belong to it.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    bytes: Bytes,
    messages: Vec<Placed>,
}

#[derive(Clone, Copy, Debug)]
struct Placed {
    start: usize,
    end: usize,
    expected: Verdict,
}

impl Messages {
    /// The same messages for the same shape and seed.
    pub(crate) fn generate(shape: Shape, seed: u64) -> Self {
        let mut bytes = BytesMut::new();
        let pairs = traffic::pairs(shape, seed, PAIRS);
        let messages = (0..).zip(pairs).map(|(index, pair)| Placed {
            start: bytes.len(),
            expected: expected(&pair),
            end: write(&mut bytes, index, pair),
        });
        let messages = messages.collect();
        Self {
            bytes: bytes.freeze(),
            messages,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Mean bytes of a message, with its prefix.
    pub(crate) fn mean_bytes(&self) -> usize {
        self.bytes.len() / self.len().max(1)
    }

    /// One message; the index starts again after the last one.
    pub(crate) fn message(&self, index: usize) -> Bytes {
        self.run(index, 1).bytes
    }

    /// Up to `count` messages from `index` on: as many as lie behind one another and fit into [`RUN_BYTES`], but one at
    /// least.
    pub(crate) fn run(&self, index: usize, count: usize) -> Run {
        let rest = self.messages.get(index % self.len()..).unwrap_or_default();
        let start = rest.first().map_or(0, |first| first.start);
        let fits = |placed: &&Placed| placed.end - start <= RUN_BYTES;
        let len = rest.iter().take(count).take_while(fits).count().max(1);
        let end = rest.get(len - 1).map_or(start, |last| last.end);
        Run {
            bytes: self.bytes.slice(start..end),
            len,
        }
    }

    /// What bidgate with its default policy answers.
    pub(crate) fn expected(&self, index: usize) -> Verdict {
        self.messages
            .get(index % self.len())
            .map_or(Verdict::Unspecified, |placed| placed.expected)
    }
}

/// Messages that are sent at once.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Bytes,
    pub(crate) len: usize,
}

fn expected(pair: &Pair) -> Verdict {
    if pair.rejected_bids == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    }
}

/// Returns where the message ends.
fn write(bytes: &mut BytesMut, index: u64, pair: Pair) -> usize {
    let message = EvaluateRequest {
        agent_id: "bidder-eu-1".to_owned(),
        tool: "exchange-a".to_owned(),
        bid_request: pair.request,
        bid_response: pair.response,
        elapsed_us: Some(ELAPSED_US),
        correlation_id: index,
        ..EvaluateRequest::default()
    };
    let len = message.encoded_len();
    bytes.reserve(PREFIX_BYTES + len);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
    bytes.extend_from_slice(&message.encode_to_vec());
    bytes.len()
}

/// Different auctions of a run: more than one connection can have in flight, and too many for a server to learn.
const PAIRS: usize = 1024;
/// What a bidder has spent when it asks, in microseconds: far from every deadline of the traffic.
const ELAPSED_US: u64 = 4_000;
/// What a gRPC client puts into one write of a stream.
const RUN_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_the_messages_that_it_says() {
        let messages = Messages::generate(Shape::Typical, 1);
        let run = messages.run(3, 2);
        let expected = [messages.message(3), messages.message(4)].concat();
        assert_eq!((run.len, run.bytes), (2, Bytes::from(expected)));
    }

    #[test]
    fn a_run_ends_with_the_buffer_and_with_the_size_of_a_write() {
        let messages = Messages::generate(Shape::Typical, 1);
        assert_eq!(messages.run(PAIRS - 1, 10).len, 1);
        assert!(messages.run(0, PAIRS).bytes.len() <= RUN_BYTES);
        let large = Messages::generate(Shape::Large, 1);
        assert_eq!(large.run(0, PAIRS).len, 1);
    }

    #[test]
    fn a_message_is_the_request_behind_its_prefix() {
        let messages = Messages::generate(Shape::Typical, 1);
        let mut message = messages.message(7 + PAIRS);
        let prefix = message.split_to(PREFIX_BYTES);
        assert_eq!(prefix[0], 0);
        assert_eq!(
            prefix[1..],
            u32::try_from(message.len()).unwrap().to_be_bytes()
        );
        let request = EvaluateRequest::decode(message).unwrap();
        assert_eq!(request.correlation_id, 7);
        assert!(request.bid_request.starts_with(b"{"));
    }
}
