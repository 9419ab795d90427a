//! Every bound, each with its reason. Those a deployment may change are defaults of [`Limits`].

/// Bytes of `agent_id`, 1 to this many (spec: contract §1).
pub const AGENT_ID_BYTES: usize = 200;
/// Bytes of `tool` (spec: contract §1).
pub const TOOL_BYTES: usize = 200;
/// Bytes of `bid_id` and `impid` echoed in a reply (spec: contract §1).
pub const ECHOED_ID_BYTES: usize = 128;
/// Bytes of a finding's `detail` (spec: contract §1).
pub const DETAIL_BYTES: usize = 128;
/// Bytes of one gRPC message that configuration may allow. Positions in a payload are 31-bit.
pub const MESSAGE_BYTES_MAX: usize = 1 << 30;
/// Levels of nesting that configuration may allow: the reader keeps one bit a level.
pub const DEPTH_MAX: u32 = 64;
/// Gates of a policy: a finding names its gate in one byte.
pub const GATES_MAX: usize = 64;
/// Bytes of the name of a gate that is not built in. It is a label of metrics.
pub const GATE_NAME_BYTES: usize = 64;
/// Bytes of an expression; it has no more parts than that. A rule for people fits on a screen.
pub const EXPRESSION_BYTES_MAX: usize = 4096;
/// Levels of nesting of an expression: it is read and evaluated recursively.
pub const EXPRESSION_DEPTH_MAX: usize = 48;
/// Loops of an expression in one another. Two compare a list with a list; nothing in an auction has more dimensions.
pub const EXPRESSION_LOOPS_MAX: usize = 2;
/// Steps of an expression for all bids of an auction: parts evaluated, entries visited, and texts by their length.
/// A thousand times what real auctions take; 10 ms at worst, where patterns are searched.
pub const EXPRESSION_STEPS_MAX: u32 = 1_000_000;
/// Bytes of the table that a regular expression compiles to. An innocent one takes some kilobytes.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Bytes of a configuration or policy file. A real one has a few kilobytes; this stops a wrong path early.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// Levels of nesting of a configuration or policy file: it is read recursively.
pub const DOCUMENT_DEPTH_MAX: u32 = 32;

const _: () = assert!(MESSAGE_BYTES_MAX < 1 << 31);
const _: () = assert!(GATES_MAX <= 255);

/// How large the payloads of one auction may be. Exceeding one answers `limit_exceeded` (spec: contract §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting; the root object is level 1. A deeper payload is an attack on recursive readers.
    pub depth: u32,
    /// Imps of a bid request. The largest real ones carry some dozens.
    pub imps: u32,
    /// Bids of a bid response.
    pub bids: u32,
    /// Entries of `bcat` and `acat` together.
    pub block_list: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: DEPTH_MAX,
            imps: 512,
            bids: 1024,
            block_list: 16384,
        }
    }
}
