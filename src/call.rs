//! What a caller asks. It depends on nothing, because the edges, the evaluation and `tmaxGuard` all read it.

/// One auction to judge: what an `EvaluateRequest` says, borrowed from the received message (spec: contract §1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Call<'a> {
    /// Who produced the bid.
    pub agent_id: &'a str,
    /// The integration or exchange the bid goes to.
    pub tool: &'a str,
    /// OpenRTB bid request, JSON.
    pub bid_request: &'a [u8],
    /// OpenRTB bid response, JSON; empty is a no-bid.
    pub bid_response: &'a [u8],
    /// When the bid request reached the bidder, microseconds since the Unix epoch.
    pub started_at_unix_us: Option<u64>,
    /// Time already spent, microseconds; wins over `started_at_unix_us`.
    pub elapsed_us: Option<u64>,
    /// Overrides `bid_request.tmax` when above 0, milliseconds.
    pub tmax_ms: Option<u32>,
    /// The bidder's own latency, milliseconds.
    pub latency_ms: Option<f64>,
    /// Echoed.
    pub correlation_id: u64,
    /// Whether to say what may go to the exchange; every gate then has its word, whatever the policy's `fail_fast`.
    pub want_filtered_response: bool,
}
