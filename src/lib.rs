//! bidgate: the last check before a bid leaves the bidder.
//!
//! A bidder answers an exchange's bid request with a bid response. Exchanges drop bad bids silently and throttle those
//! who send many. bidgate sits in the bidder's pod, is shown each pair before it is sent, and says which bids may go
//! out, which may not, and why, in the exchanges' own codes.
//!
//! # The life of an auction
//!
//! ```text
//!  control plane   YAML ─► document ─► policy::Policy ─────────┐         admin HTTP: health, metrics, policy
//!                                                              ▼                             ▲
//!  data plane      bytes ─► wire ─► openrtb ─► auction ─► gate, gate, … ─► verdict ─► wire ─► bytes
//!                                                                             │
//!  side output                                                      metrics: one observe() ─► telemetry: one offer()
//! ```
//!
//! 1. [`server`] receives a message and takes the time. Sockets, clocks and threads are here, and beside the calls in
//!    [`telemetry`], [`otlp`] and [`log`].
//! 2. [`wire`] reads the call out of the message, in place.
//! 3. [`openrtb`] reads the two payloads into views: what stands there, no judgement. Strings are positions.
//! 4. [`auction`] joins each bid with its imp and its deal.
//! 5. [`gate`] holds the rules, one file each; [`evaluate`] runs them in order, within the budget, and is the whole
//!    hot path on one screen.
//! 6. [`verdict`] is what comes out; [`wire`] writes it as the reply, [`metrics`] counts it, and [`telemetry`] records it
//!    if somebody wants to know.
//!
//! # Code map, in reading order
//!
//! | module | what |
//! | --- | --- |
//! | [`evaluate`] | the hot path: decode, guard, join, run the gates, give the verdict |
//! | [`call`] | what a caller asks: the input of an evaluation |
//! | `sync` | the atomics of what threads share without a lock, for `models` to put its own in their place |
//! | [`callers`] | who calls, each under a number |
//! | [`openrtb`] | the field's vocabulary: payload reading, taxonomies, domains, currencies, codes |
//! | [`automaton`] | regular expressions as finished tables |
//! | [`schema`] | JSON Schema, compiled and run without a tree |
//! | [`auction`] | request and response joined: all that a gate may see |
//! | [`gate`] | the gates, and the table of them |
//! | [`policy`] | the rules' options and modes, for all calls and for some: a document compiled once |
//! | [`verdict`] | verdict, outcomes, findings, reasons and errors |
//! | [`wire`] | protobuf in and out, by hand |
//! | [`limits`] | every bound, with its reason |
//! | [`document`] | YAML with every error at once, each with its place |
//! | [`config`] | the process's own settings: file, flags, environment |
//! | [`log`] | lines on standard error, bounded and without waiting for them |
//! | [`background`] | threads that give way to those that answer calls |
//! | `rotation` | files that make room for another |
//! | [`audit`] | what happened to the process, as a chain of lines that cannot be altered unseen |
//! | [`metrics`] | counters of each worker, merged when scraped |
//! | `tls` | whom certificates are checked against |
//! | [`telemetry`] | records of evaluations: ring, batch, delivery, sink, and the account of all of them |
//! | [`otlp`] | metrics and traces for an OpenTelemetry receiver |
//! | [`reply_json`] | replies as proto JSON, for those who read them as text |
//! | [`server`] | gRPC and admin HTTP, the page for people, threads, the policy swapped under way, shutdown |
//! | [`cli`] | the commands |
//! | [`proto`] | the generated client and messages, for callers |
//!
//! # Invariants
//!
//! - The engine (`evaluate` and what it uses) has no socket, clock, lock, log or runtime. Time is an argument.
//! - After warm-up an evaluation does not allocate, pass or fail. `tests/allocations.rs` holds it.
//! - No byte of a payload gets out but through the reply to its sender: [`verdict`] holds integers, closed sets and
//!   positions, and so does everything that metrics, logs and telemetry can see. `tests/canary` holds it.
//! - A worker waits for nobody who looks on: it adds to cells that it alone writes, and puts a record into a ring that
//!   drops what has no room. `tests/scrapes.rs` and `tests/telemetry/overload.rs` hold it.
//! - An event of telemetry is delivered, dropped for a reason, or in flight: at every scrape they add up to those offered.
//! - Everything is bounded: [`limits`] for payloads, [`server`] for connections, calls, bytes and time.
//! - A policy is replaced whole: a call is judged by one, and its reply names it. `tests/server/reload.rs` holds it.
//! - A rejection is a value. Errors are for what could not be judged.
//! - There is no `unsafe` code.

pub mod evaluate;

mod call;

mod sync;

pub mod callers;

pub mod openrtb;

mod automaton;

mod schema;

mod auction;

pub mod gate;

pub mod policy;

pub mod verdict;

pub mod wire;

pub mod limits;

pub mod document;

pub mod config;

pub mod log;

mod background;

mod rotation;

pub mod audit;

pub mod metrics;

mod tls;

pub mod telemetry;

pub mod otlp;

pub mod server;

pub mod cli;

mod reply_json;

pub mod proto;
