//! How cost grows with lists, bids and markup. It should grow with bytes, and with nothing faster. See
//! `benches/README.md`.

#[expect(dead_code, reason = "a part of what the benches share")]
mod measure;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use measure::{AUCTIONS, Judge, Ratio, SEED, mean_bytes};
use traffic::{Pair, Shape};

/// Auctions of one size, by turns.
const SEEDS: u64 = 16;
const BID_CATEGORIES: usize = 20;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    bench(
        &mut criterion,
        "block_list_entries",
        &[20, 100, 1_000, 10_000],
        |entries, seed| traffic::with_block_list(entries, BID_CATEGORIES, seed),
    );
    bench(
        &mut criterion,
        "bids",
        &[1, 10, 50, 200],
        traffic::with_bids,
    );
    bench(
        &mut criterion,
        "markup_bytes",
        &[1_000, 10_000, 100_000],
        traffic::with_markup,
    );
    criterion.final_summary();
    if measure::is_for_real() {
        print_ratios();
    }
}

/// The whole evaluation at every step of a scale.
fn bench(criterion: &mut Criterion, scale: &str, steps: &[usize], make: fn(usize, u64) -> Pair) {
    let mut group = criterion.benchmark_group(format!("scale/{scale}"));
    let mut judge = Judge::new();
    for &step in steps {
        let pairs: Vec<_> = (0..SEEDS).map(|seed| make(step, SEED + seed)).collect();
        judge.assert_right(&pairs);
        group.throughput(Throughput::Bytes(mean_bytes(&pairs) as u64));
        group.bench_function(BenchmarkId::from_parameter(step), |bencher| {
            let mut turns = pairs.iter().cycle();
            bencher.iter(|| turns.next().map(|pair| judge.judge(black_box(pair))));
        });
    }
    group.finish();
}

/// P10: cost per payload byte of much ÷ that of little.
fn print_ratios() {
    let shape = |shape| traffic::pairs(shape, SEED, AUCTIONS);
    let listed = |entries| {
        (0..SEEDS)
            .map(|seed| traffic::with_block_list(entries, BID_CATEGORIES, SEED + seed))
            .collect()
    };
    let measures = [
        (
            "p10_large_per_byte",
            shape(Shape::Large),
            shape(Shape::Typical),
        ),
        ("p10_block_list_per_byte", listed(10_000), listed(20)),
    ];
    let mut line = serde_json::Map::new();
    for (name, much, little) in measures {
        let (mut judge, mut other) = (Judge::new(), Judge::new());
        let ratio = Ratio::measure(
            4,
            measure::by_turns(&much, |pair| judge.judge(pair)),
            measure::by_turns(&little, |pair| other.judge(pair)),
        );
        ratio.report(name, mean_bytes(&little));
        line.insert(name.to_owned(), measure::rounded(ratio.median));
    }
    measure::print(&serde_json::Value::Object(line).to_string());
}
