//! What the benches share: evaluations as the server makes them, and ratios of two costs.
//!
//! Absolute times of a shared machine are noise. A claim is a ratio: both sides by turns in one process, over the same
//! bytes (spec: performance).

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::limits::Limits;
use bidgate::policy::Policy;
use bidgate::proto::{EvaluateResponse, Verdict};
use bidgate::server::Arrival;
use bidgate::wire::EvaluationId;
use prost::Message as _;
use traffic::Pair;

/// Different auctions by turns, so that no branch predictor learns one by heart.
pub(crate) const AUCTIONS: usize = 64;
/// What the traffic is made from.
pub(crate) const SEED: u64 = 20_261_120;

/// Bytes to encoded reply, in the memory of one worker, as a rule with the six gates of the default policy.
///
/// Gates do not fail fast: an auction with a rejected bid would be cheaper than one without.
pub(crate) struct Judge {
    evaluator: Evaluator,
    policy: Policy,
    reply: Vec<u8>,
    count: u128,
}

impl Judge {
    /// # Panics
    /// When the policy does not compile.
    pub(crate) fn new() -> Self {
        Self::by("fail_fast: false")
    }

    /// By a policy of its own, in YAML.
    ///
    /// # Panics
    /// When the policy does not compile.
    pub(crate) fn by(policy: &str) -> Self {
        let policy = Policy::from_yaml(policy, "bench");
        assert!(policy.is_ok(), "the policy of the benches compiles");
        Self {
            evaluator: Evaluator::new(Limits::default()),
            policy: policy.unwrap_or_default(),
            reply: Vec::new(),
            count: 0,
        }
    }

    /// Judges a pair under the clock of the wall, as the server does.
    pub(crate) fn judge(&mut self, pair: &Pair) {
        self.reply(&call(pair), &Arrival::now());
    }

    /// Judges a call and returns the reply.
    pub(crate) fn reply(&mut self, call: &Call<'_>, clock: &impl Clock) -> &[u8] {
        self.count += 1;
        self.reply.clear();
        self.evaluator
            .evaluate(call, &self.policy, clock)
            .encode(EvaluationId(self.count), &mut self.reply);
        &self.reply
    }

    /// Judges a call, then encodes the reply over and over: what `repeat` is given.
    pub(crate) fn encode(&mut self, pair: &Pair, repeat: impl FnOnce(&mut dyn FnMut())) {
        let (call, reply) = (call(pair), &mut self.reply);
        let evaluation = self
            .evaluator
            .evaluate(&call, &self.policy, &Arrival::now());
        repeat(&mut || {
            reply.clear();
            evaluation.encode(EvaluationId(1), reply);
        });
    }

    /// Asserts that every gate is run on every pair, and rejects the bids that the traffic says.
    pub(crate) fn assert_right(&mut self, pairs: &[Pair]) {
        for pair in pairs {
            let reply = EvaluateResponse::decode(self.reply(&call(pair), &SteadyClock::default()));
            assert!(reply.is_ok(), "the reply decodes");
            let reply = reply.unwrap_or_default();
            let rejected = reply.bids.iter().filter(|bid| !bid.passed).count();
            let verdict = match pair.rejected_bids {
                0 => Verdict::Pass,
                _ => Verdict::Fail,
            };
            assert_eq!(rejected, pair.rejected_bids, "{reply:?}");
            assert_eq!(reply.verdict(), verdict, "{reply:?}");
            assert_eq!(reply.gates.len(), 6, "{reply:?}");
        }
    }
}

/// The call a bidder makes of a pair, in time.
pub(crate) fn call(pair: &Pair) -> Call<'_> {
    Call {
        agent_id: "bidder-eu-1",
        tool: "northlane",
        bid_request: &pair.request,
        bid_response: &pair.response,
        elapsed_us: Some(12_000),
        correlation_id: 7,
        ..Call::default()
    }
}

/// A clock that goes on by a tenth of a microsecond at each look: no gate ever times out, however slowly the bench runs, and
/// each has its latency.
#[derive(Default)]
pub(crate) struct SteadyClock {
    elapsed_ns: Cell<u64>,
}

impl Clock for SteadyClock {
    fn arrived_unix_us(&self) -> u64 {
        1_760_000_000_000_000
    }

    fn elapsed_ns(&self) -> u64 {
        self.elapsed_ns.update(|elapsed| elapsed + 100);
        self.elapsed_ns.get()
    }
}

/// Bytes of payload in a turn of either side: short enough that most turns are not interrupted.
const TURN_BYTES: usize = 1 << 16;

/// Works through the pairs over and over, some at a turn. Each turn returns the bytes worked through.
pub(crate) fn by_turns<'p>(
    pairs: &'p [Pair],
    mut work: impl FnMut(&'p Pair),
) -> impl FnMut() -> usize {
    let mut pairs = pairs.iter().cycle();
    move || {
        let mut bytes = 0;
        for pair in pairs.by_ref() {
            work(black_box(pair));
            bytes += pair.bytes();
            if bytes >= TURN_BYTES {
                break;
            }
        }
        bytes
    }
}

/// One cost per byte divided by another.
pub(crate) struct Ratio {
    /// The median of the turns, and the quartiles around it.
    pub(crate) median: f64,
    quartiles: [f64; 2],
    /// Median nanoseconds a byte of either side.
    sides_ns: [f64; 2],
    turns: usize,
}

impl Ratio {
    /// Runs both sides by turns for some seconds, at least 31 times each, and compares them turn by turn.
    #[expect(clippy::disallowed_methods, reason = "a bench is about time")]
    pub(crate) fn measure(
        seconds: u64,
        mut this: impl FnMut() -> usize,
        mut that: impl FnMut() -> usize,
    ) -> Self {
        const TURNS_MIN: usize = 31;
        let (began, lasting) = (Instant::now(), Duration::from_secs(seconds));
        let mut turns: Vec<[f64; 2]> = Vec::new();
        while turns.len() < TURNS_MIN || began.elapsed() < lasting {
            // Neither side always follows the other's caches.
            let turn = if turns.len().is_multiple_of(2) {
                [ns_per_byte(&mut this), ns_per_byte(&mut that)]
            } else {
                let that = ns_per_byte(&mut that);
                [ns_per_byte(&mut this), that]
            };
            turns.push(turn);
        }
        let quantile = |of: fn(&[f64; 2]) -> f64, share| quantile(turns.iter().map(of), share);
        let ratio = |[this, that]: &[f64; 2]| this / that;
        Self {
            median: quantile(ratio, 0.5),
            quartiles: [0.25, 0.75].map(|share| quantile(ratio, share)),
            sides_ns: [quantile(|turn| turn[0], 0.5), quantile(|turn| turn[1], 0.5)],
            turns: turns.len(),
        }
    }

    /// Prints what was measured, with what it costs to work through this many bytes.
    pub(crate) fn report(&self, name: &str, bytes: usize) {
        let [low, high] = self.quartiles;
        let [this, that] = self.sides_ns.map(|ns| ns * as_f64(bytes) / 1000.0);
        print(&format!(
            "{name}: {:.3} (quartiles {low:.3} {high:.3}; {this:.2} us / {that:.2} us for {bytes} bytes; {} turns)",
            self.median, self.turns
        ));
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench is about time")]
fn ns_per_byte(side: &mut impl FnMut() -> usize) -> f64 {
    let began = Instant::now();
    let bytes = side();
    began.elapsed().as_secs_f64() * 1e9 / as_f64(bytes)
}

fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let rank = share * as_f64(values.len().saturating_sub(1));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position in the vector"
    )]
    values.get(rank as usize).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Bytes of one pair, on average.
pub(crate) fn mean_bytes(pairs: &[Pair]) -> usize {
    pairs.iter().map(Pair::bytes).sum::<usize>() / pairs.len().max(1)
}

/// A ratio as it stands in a line of JSON.
pub(crate) fn rounded(ratio: f64) -> serde_json::Value {
    ((ratio * 1000.0).round() / 1000.0).into()
}

/// Prints a line of the result.
#[expect(clippy::print_stdout, reason = "the result of a bench")]
pub(crate) fn print(line: &str) {
    println!("{line}");
}

/// False when cargo only asks whether the bench works (`cargo bench -- --test`, `cargo test --benches`).
pub(crate) fn is_for_real() -> bool {
    let mut bench = false;
    let mut test = false;
    for argument in std::env::args() {
        bench |= argument == "--bench";
        test |= argument == "--test";
    }
    bench && !test
}
