//! What others need for the bytes that one evaluation reads. See `benches/README.md`.

#[path = "../measure/mod.rs"]
#[expect(dead_code, reason = "a part of what the benches share")]
mod measure;

use std::hint::black_box;

use measure::{AUCTIONS, Judge, Ratio, SEED, mean_bytes};
use rtblint_core::{OpenRtbVersion, validate_bid_response_against_request};
use serde::de::IgnoredAny;
use traffic::{Pair, Shape};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A peer's name and what it does with a pair. True when it could read both payloads.
type Peer = (&'static str, fn(&mut Memory, &Pair) -> bool);

const PEERS: [Peer; 4] = [
    ("serde_json_ignored_any", serde_json_ignored_any),
    ("simd_json_tape", simd_json_tape),
    ("sonic_rs_skip", sonic_rs_skip),
    ("rtblint_core_pair", rtblint_core_pair),
];

/// Every peer against the whole evaluation, by turns.
fn main() {
    let seconds = if measure::is_for_real() { 3 } else { 0 };
    let mut line = serde_json::Map::new();
    for shape in Shape::ALL {
        let pairs = traffic::pairs(shape, SEED, AUCTIONS);
        let (mut judge, mut memory) = (Judge::new(), Memory::default());
        judge.assert_right(&pairs);
        for (name, peer) in PEERS {
            assert!(pairs.iter().all(|pair| peer(&mut memory, pair)), "{name}");
            let ratio = Ratio::measure(
                seconds,
                measure::by_turns(&pairs, |pair| judge.judge(pair)),
                measure::by_turns(&pairs, |pair| {
                    black_box(peer(&mut memory, pair));
                }),
            );
            let name = format!("evaluate_{}_to_{name}", shape.name());
            ratio.report(&name, mean_bytes(&pairs));
            line.insert(name, measure::rounded(ratio.median));
        }
    }
    measure::print(&serde_json::Value::Object(line).to_string());
}

/// What the peers keep from one pair to the next.
#[derive(Default)]
struct Memory {
    buffers: simd_json::Buffers,
    tape: Option<simd_json::Tape<'static>>,
    /// simd-json unescapes strings in place, so it gets a copy.
    copy: Vec<u8>,
}

fn serde_json_ignored_any(_: &mut Memory, pair: &Pair) -> bool {
    payloads(pair).all(|payload| serde_json::from_slice::<IgnoredAny>(payload).is_ok())
}

fn simd_json_tape(memory: &mut Memory, pair: &Pair) -> bool {
    let Memory {
        buffers,
        tape,
        copy,
    } = memory;
    payloads(pair).all(|payload| {
        copy.clear();
        copy.extend_from_slice(payload);
        let mut filled = tape.take().unwrap_or_else(simd_json::Tape::null).reset();
        let read = simd_json::fill_tape(copy, buffers, black_box(&mut filled)).is_ok();
        *tape = Some(filled.reset());
        read
    })
}

fn sonic_rs_skip(_: &mut Memory, pair: &Pair) -> bool {
    payloads(pair).all(|payload| sonic_rs::from_slice::<IgnoredAny>(payload).is_ok())
}

/// It reads text, so the payloads are checked for UTF-8 first, as its server must.
fn rtblint_core_pair(_: &mut Memory, pair: &Pair) -> bool {
    let [request, response] = [&pair.request, &pair.response].map(|json| str::from_utf8(json));
    let (Ok(request), Ok(response)) = (request, response) else {
        return false;
    };
    let version = OpenRtbVersion::V2_6_202606;
    black_box(validate_bid_response_against_request(
        version, request, response,
    ));
    true
}

fn payloads(pair: &Pair) -> impl Iterator<Item = &Vec<u8>> {
    [&pair.request, &pair.response].into_iter()
}
