#![doc = include_str!("../../docs/gates/latency.md")]

use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::Section;
use crate::verdict::{Detail, Reason};

/// The rule, compiled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    max_ms: f64,
}

impl Latency {
    pub(super) fn compile(options: &mut Section) -> Self {
        Self {
            max_ms: options.positive("max_ms", 100.0),
        }
    }
}

impl Gate for Latency {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let Some(latency_ms) = auction.call.latency_ms.filter(|&latency| latency >= 0.0) else {
            return Judged::Skipped(Reason::LatencyUnknown);
        };
        if latency_ms > self.max_ms {
            sheet.reject_all(auction, Reason::LatencyExceeded, Detail::None);
        }
        Judged::Bids
    }
}
