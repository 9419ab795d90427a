//! What one evaluation costs, and how that compares with merely parsing the same bytes. See `benches/README.md`.

mod measure;

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use measure::{AUCTIONS, Judge, Ratio, SEED, mean_bytes};
use serde::Deserialize;
use serde::de::IgnoredAny;
use traffic::{Pair, Shape};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(50)
        .configure_from_args();
    for shape in Shape::ALL {
        let pairs = traffic::pairs(shape, SEED, AUCTIONS);
        Judge::new().assert_right(&pairs);
        pairs.iter().for_each(assert_typed_is_right);
        bench(&mut criterion, shape, &pairs);
    }
    criterion.final_summary();
    if measure::is_for_real() {
        print_ratios();
    }
}

fn bench(criterion: &mut Criterion, shape: Shape, pairs: &[Pair]) {
    let mut group = criterion.benchmark_group(format!("evaluate/{}", shape.name()));
    group.throughput(Throughput::Bytes(mean_bytes(pairs) as u64));
    let mut judge = Judge::new();
    by_turns(&mut group, "whole", pairs, |pair| judge.judge(pair));
    let parts = [
        ("request_alone", without_response as fn(&Pair) -> Pair),
        ("response_alone", without_request),
    ];
    for (name, part) in parts {
        let pairs: Vec<_> = pairs.iter().map(part).collect();
        by_turns(&mut group, name, &pairs, |pair| judge.judge(pair));
    }
    if let Some(pair) = pairs.iter().max_by_key(|pair| pair.rejected_bids) {
        group.bench_function("encode_rejection", |bencher| {
            judge.encode(pair, |encode| bencher.iter(encode));
        });
    }
    by_turns(&mut group, "serde_json_ignored_any", pairs, ignore);
    by_turns(&mut group, "serde_json_typed", pairs, |pair| {
        black_box(typed(pair).is_ok());
    });
    group.finish();
}

/// One auction an iteration, all of them by turns.
fn by_turns(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    pairs: &[Pair],
    mut work: impl FnMut(&Pair),
) {
    let mut turns = pairs.iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| turns.next().map(|pair| work(black_box(pair))));
    });
}

/// A no-bid: only the request is read.
fn without_response(pair: &Pair) -> Pair {
    Pair {
        response: Vec::new(),
        ..pair.clone()
    }
}

/// The response and nothing to compare it with.
fn without_request(pair: &Pair) -> Pair {
    Pair {
        request: b"{}".to_vec(),
        ..pair.clone()
    }
}

/// P1: the whole evaluation ÷ `serde_json` looking for the end of the same two payloads.
fn print_ratios() {
    let mut judge = Judge::new();
    let mut line = serde_json::Map::new();
    for shape in Shape::ALL {
        let pairs = traffic::pairs(shape, SEED, AUCTIONS);
        let ratio = Ratio::measure(
            4,
            measure::by_turns(&pairs, |pair| judge.judge(pair)),
            measure::by_turns(&pairs, ignore),
        );
        ratio.report(&format!("P1 {}", shape.name()), mean_bytes(&pairs));
        line.insert(
            format!("p1_{}", shape.name()),
            measure::rounded(ratio.median),
        );
    }
    measure::print(&serde_json::Value::Object(line).to_string());
}

fn ignore(pair: &Pair) {
    for payload in [&pair.request, &pair.response] {
        black_box(serde_json::from_slice::<IgnoredAny>(payload).is_ok());
    }
}

/// What somebody would write who wants the gates' fields and knows serde.
fn typed(pair: &Pair) -> serde_json::Result<(Request<'_>, Response<'_>)> {
    Ok((
        serde_json::from_slice(&pair.request)?,
        serde_json::from_slice(&pair.response)?,
    ))
}

fn assert_typed_is_right(pair: &Pair) {
    let bids = typed(pair).map(|(request, response)| {
        let bids = response.seatbid.iter().flat_map(|seatbid| &seatbid.bid);
        bids.filter(|bid| bid.names_no_imp_of(&request)).count()
    });
    assert!(
        bids.is_ok_and(|unknown| unknown == 0 || unknown == pair.rejected_bids),
        "typed structs see the same bids"
    );
}

type Text<'a> = Option<Cow<'a, str>>;

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Request<'a> {
    tmax: Option<f64>,
    #[serde(borrow, default)]
    imp: Vec<Imp<'a>>,
    #[serde(borrow, default)]
    bcat: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    acat: Vec<Cow<'a, str>>,
    cattax: Option<u32>,
    regs: Option<Regs>,
    #[serde(borrow)]
    site: Option<Inventory<'a>>,
    #[serde(borrow)]
    app: Option<Inventory<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Imp<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    bidfloor: Option<f64>,
    #[serde(borrow)]
    bidfloorcur: Text<'a>,
    #[serde(borrow)]
    pmp: Option<Pmp<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Pmp<'a> {
    #[serde(borrow, default)]
    deals: Vec<Deal<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Deal<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    bidfloor: Option<f64>,
    #[serde(borrow)]
    bidfloorcur: Text<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Regs {
    coppa: Option<u8>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Inventory<'a> {
    #[serde(borrow)]
    bundle: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Content<'a> {
    #[serde(borrow, default)]
    cat: Vec<Cow<'a, str>>,
    cattax: Option<u32>,
    #[serde(borrow)]
    contentrating: Text<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Response<'a> {
    #[serde(borrow)]
    cur: Text<'a>,
    #[serde(borrow, default)]
    seatbid: Vec<SeatBid<'a>>,
}

#[derive(Deserialize)]
struct SeatBid<'a> {
    #[serde(borrow, default)]
    bid: Vec<Bid<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what the gates read, for its cost alone")]
struct Bid<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    impid: Text<'a>,
    price: Option<f64>,
    #[serde(borrow, default)]
    adomain: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    cat: Vec<Cow<'a, str>>,
    cattax: Option<u32>,
    #[serde(borrow)]
    dealid: Text<'a>,
    qagmediarating: Option<u32>,
}

impl Bid<'_> {
    fn names_no_imp_of(&self, request: &Request<'_>) -> bool {
        !request.imp.iter().any(|imp| imp.id == self.impid)
    }
}
