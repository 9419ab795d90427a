//! Every bound, each with its reason. Those a deployment may change are defaults of [`Limits`].

/// Bytes of `agent_id`, 1 to this many (spec: contract §1).
pub const AGENT_ID_BYTES: usize = 200;
/// Bytes of `tool` (spec: contract §1).
pub const TOOL_BYTES: usize = 200;
/// Callers, each an `agent_id` with a `tool`, that are told from one another in metrics and telemetry. A bidder has a
/// handful of agents and some dozens of exchanges.
pub const CALLERS_MAX: usize = 256;
/// Bytes of the events of a telemetry batch, beyond which it closes: with its counts it stays below the mebibyte that a
/// collector takes. A hundred events of six gates have some sixty thousand.
pub const TELEMETRY_EVENTS_BYTES: usize = 1 << 19;
/// Bytes of the counts of a telemetry batch, beyond which the rest is left to the next one. Those of all callers there can
/// be fit, with every verdict and names of a hundred bytes; a hostile caller has longer ones, made of what is escaped.
pub const TELEMETRY_COUNTS_BYTES: usize = 3 << 17;
/// Bytes of `bid_id` and `impid` echoed in a reply (spec: contract §1).
pub const ECHOED_ID_BYTES: usize = 128;
/// Bytes of a finding's `detail` (spec: contract §1).
pub const DETAIL_BYTES: usize = 128;
/// Bytes of one gRPC message that configuration may allow. Positions in a payload are 31-bit.
pub const MESSAGE_BYTES_MAX: usize = 1 << 30;
/// Levels of nesting that configuration may allow: the reader keeps one bit a level.
pub const DEPTH_MAX: u32 = 64;
/// `durfloors` of one video or audio object: each bid is compared with all of them. Real ones have a handful.
pub const DURATION_FLOORS_MAX: usize = 64;
/// Bytes of a seat or app that is looked for on a list: a seat of half a message, shared by all bids, would be compared
/// a thousand times. Real ones have some dozens.
pub const LISTED_NAME_BYTES: usize = 1024;
/// Gates of a policy: a finding names its gate in one byte.
pub const GATES_MAX: usize = 64;
/// Overrides of a policy: the lookup keeps one bit each. An exchange each, and room.
pub const OVERRIDES_MAX: usize = 128;
/// Values of a bid response whose strings are looked into (docs/gates/pii.md). A response of a hundred bids has some
/// thousands.
pub const NODES: u32 = 10_000;
/// Bytes of a phrase that a policy lets gates look for. Longer ones are prose, and no two refusals share that.
pub const PHRASE_BYTES: usize = 128;
/// Bytes of a table of states made of a policy's phrases: some 200 of the usual length.
pub const PHRASES_TABLE_BYTES: usize = 4 << 20;
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
/// Bytes of the table that a regular expression of a policy compiles to, and of what it is made from. An innocent one
/// takes some kilobytes.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Bytes of a configuration or policy file. A real one has a few kilobytes; this stops a wrong path early.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// Levels of nesting of a configuration or policy file: it is read recursively.
pub const DOCUMENT_DEPTH_MAX: u32 = 32;
/// Steps of one check of a response against a schema: some ten milliseconds. A response of 1024 bids takes a tenth.
pub const SCHEMA_STEPS_MAX: u32 = 1 << 20;
/// Schemas within schemas at one place of a response: each takes stack.
pub const SCHEMA_LEVELS_MAX: u32 = 256;

const _: () = assert!(MESSAGE_BYTES_MAX < 1 << 31);
const _: () = assert!(TELEMETRY_EVENTS_BYTES + TELEMETRY_COUNTS_BYTES < 1 << 20);
const _: () = assert!(GATES_MAX <= 255);
const _: () = assert!(OVERRIDES_MAX <= 128);

/// How large the payloads of one auction may be. Exceeding one answers `limit_exceeded` (spec: contract §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting; the root object is level 1. A deeper payload is an attack on recursive readers.
    pub depth: u32,
    /// Imps of a bid request. The largest real ones carry some dozens.
    pub imps: u32,
    /// Bids of a bid response.
    pub bids: u32,
    /// Entries of `bcat` and `acat`, and of the other lists that the gates of a policy read, together.
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
