//! A bid response without some of its bids, and what names a bid request in the answer to it: places in payloads that
//! were read before, so that their bytes can be copied as they stand.

use std::ops::Range;

use super::fault::Read;
use super::json::{Memory, Reader, Stepping, read_payload};
use super::keys::keys;

/// Finds what to leave out of a bid response. Kept from one payload to the next, with its memory.
#[derive(Debug, Default)]
pub(crate) struct Splicer {
    cuts: Cuts,
    memory: Memory,
}

keys!(RequestKey { Id = b"id" });
keys!(ResponseKey { Seatbid = b"seatbid" });
keys!(SeatbidKey { Bid = b"bid" });

impl Splicer {
    /// Finds what to cut from `response` so that of all bids only those `left` stay, at least one: positions of
    /// seatbid and bid, in document order.
    ///
    /// A seatbid without a bid left goes whole, whatever else stands in it: `SeatBid.bid` is an "array of 1+ Bid
    /// objects" (OpenRTB 2.6 §4.2.2). An element of `seatbid` or `bid` that is no object is no bid, and stays where its
    /// array does.
    pub(crate) fn cut(&mut self, response: &[u8], left: &[(u32, u32)], depth_max: u32) -> Read<()> {
        let Self { cuts, memory } = self;
        cuts.0.clear();
        let mut cutting = Cutting { left, cuts };
        read_payload(response, Stepping::Balanced, depth_max, memory, |reader| {
            cutting.response(reader)
        })
    }

    /// What of `response` stays, in order.
    pub(crate) fn pieces<'p>(&self, response: &'p [u8]) -> impl Iterator<Item = &'p [u8]> {
        let starts = std::iter::once(0).chain(self.cuts.0.iter().map(|cut| cut.end));
        let ends = self.cuts.0.iter().map(|cut| cut.start);
        starts
            .zip(ends.chain([response.len()]))
            .map(|(start, end)| response.get(start..end).unwrap_or_default())
    }

    /// Where the `id` of a bid request stands, in its quotes. None unless it is a string, and there once.
    pub(crate) fn request_id(&mut self, request: &[u8], depth_max: u32) -> Option<Range<usize>> {
        let mut id = None;
        let read = read_payload(
            request,
            Stepping::Balanced,
            depth_max,
            &mut self.memory,
            |reader| {
                reader.object(|reader, RequestKey::Id| {
                    reader.peek();
                    let start = reader.at();
                    id = reader.text()?.map(|_| start..reader.at());
                    Ok(())
                })?;
                Ok(())
            },
        );
        read.ok().and(id)
    }
}

/// A bid response while it is cut.
struct Cutting<'c> {
    left: &'c [(u32, u32)],
    cuts: &'c mut Cuts,
}

impl Cutting<'_> {
    fn response(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        reader.object(|reader, ResponseKey::Seatbid| self.seatbids(reader))?;
        Ok(())
    }

    fn seatbids(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        let (mut row, mut position) = (Row::default(), 0);
        reader.array(|reader| {
            let goes = reader.peek() == Some(b'{') && !self.has_bid_left(position);
            row.begin(reader.at(), self.cuts);
            if goes {
                reader.step()?;
            } else {
                reader.object(|reader, SeatbidKey::Bid| self.bids(reader, position))?;
            }
            row.end(reader.at(), goes, self.cuts);
            position += 1;
            Ok(())
        })?;
        Ok(())
    }

    fn bids(&mut self, reader: &mut Reader<'_>, seatbid: u32) -> Read<()> {
        let (mut row, mut position) = (Row::default(), 0);
        reader.array(|reader| {
            let is_left = self.left.binary_search(&(seatbid, position)).is_ok();
            let goes = reader.peek() == Some(b'{') && !is_left;
            row.begin(reader.at(), self.cuts);
            reader.step()?;
            row.end(reader.at(), goes, self.cuts);
            position += 1;
            Ok(())
        })?;
        Ok(())
    }

    fn has_bid_left(&self, seatbid: u32) -> bool {
        let first = self.left.partition_point(|left| left.0 < seatbid);
        self.left.get(first).is_some_and(|left| left.0 == seatbid)
    }
}

/// The elements of one array that go, each with one comma.
///
/// Behind an element that stays, the comma before goes; ahead of the first that stays, the comma behind. White space
/// goes with the comma, so what is around the brackets is not touched.
#[derive(Debug, Default)]
struct Row {
    /// Whether an element stays that was passed already.
    stays: bool,
    /// Where the element at hand begins.
    start: usize,
    /// Where the element before it ends.
    end: usize,
    /// Whether the element before it goes, together with the comma between the two.
    leads: bool,
}

impl Row {
    fn begin(&mut self, start: usize, cuts: &mut Cuts) {
        if self.leads {
            cuts.add(self.start..start);
        }
        self.start = start;
    }

    fn end(&mut self, end: usize, goes: bool, cuts: &mut Cuts) {
        if goes && self.stays {
            cuts.add(self.end..end);
        }
        self.leads = goes && !self.stays;
        self.stays |= !goes;
        self.end = end;
    }
}

/// What is left out of a payload: spans in order, of which no two touch.
#[derive(Debug, Default)]
struct Cuts(Vec<Range<usize>>);

impl Cuts {
    fn add(&mut self, cut: Range<usize>) {
        match self.0.last_mut() {
            Some(last) if last.end == cut.start => last.end = cut.end,
            _ => self.0.push(cut),
        }
    }
}
