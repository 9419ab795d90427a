//! Auctions that nobody would think of: generated as JSON text, so that keys may stand twice, in any order, escaped,
//! and values may be of the wrong type.
mod compliance;
mod expressions;
mod mutate;
mod payloads;
mod policies;
mod strings;
pub(crate) mod text;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::oracle::Timing;
use crate::support::{Case, NOW_UNIX_US};
use mutate::Mutation;
use payloads::{request, response};
use policies::policy;

/// Tools of generated calls.
const TOOLS: &[&str] = &["", "openx", "openx-eu", "adx"];

/// Any auction under any policy, with up to two mutations of each payload.
pub(crate) fn case() -> impl Strategy<Value = Case> {
    let mutations =
        || prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(mutate::mutation(), 1..3)];
    (
        request(),
        mutations(),
        response(),
        mutations(),
        policy(),
        select(TOOLS),
        timing(),
    )
        .prop_map(
            |(request, of_request, response, of_response, policy, tool, timing)| Case {
                tool: tool.to_owned(),
                timing,
                ..Case::new(
                    mutated(&request, &of_request),
                    mutated(&response, &of_response),
                    policy,
                )
            },
        )
}

fn mutated(payload: &str, mutations: &[Mutation]) -> Vec<u8> {
    mutations
        .iter()
        .fold(payload.as_bytes().to_vec(), |bytes, mutation| {
            mutation.apply(bytes)
        })
}

/// Mostly in time, so that the bids are looked at.
fn timing() -> impl Strategy<Value = Timing> {
    let elapsed_us = option::weighted(
        0.3,
        select(vec![0, 1, 20_000, 85_000, 85_001, 300_000, u64::MAX]),
    );
    let since_start_us = select(vec![0, 1, 20_000, 85_000, 85_001, NOW_UNIX_US]);
    let started_at_unix_us = option::weighted(
        0.5,
        prop_oneof![4 => since_start_us.prop_map(|since| NOW_UNIX_US - since), 1 => Just(NOW_UNIX_US + 1), 1 => Just(u64::MAX)],
    );
    let tmax_ms = option::weighted(0.2, select(vec![0, 14, 15, 100, u32::MAX]));
    let latency_ms = option::weighted(
        0.8,
        select(vec![
            0.0,
            -0.0,
            20.0,
            20.5,
            100.0,
            100.1,
            -1.0,
            f64::INFINITY,
            f64::NAN,
        ]),
    );
    (elapsed_us, started_at_unix_us, tmax_ms, latency_ms).prop_map(
        |(elapsed_us, started_at_unix_us, tmax_ms, latency_ms)| Timing {
            now_unix_us: NOW_UNIX_US,
            started_at_unix_us,
            elapsed_us,
            tmax_ms,
            latency_ms,
        },
    )
}
