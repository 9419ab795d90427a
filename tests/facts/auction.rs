//! Of payloads, and of whole auctions.
use std::cell::RefCell;
use std::rc::Rc;

use bidgate::policy::Policy;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::generate;
use crate::oracle::Timing;
use crate::support::{Case, Engine, NOW_UNIX_US};

/// Where a request ends and a response begins. In JSON it may stand nowhere.
const END_OF_REQUEST: u8 = 0x1e;

/// A whole auction as bytes: one for the policy, one for the time, then both payloads.
pub(crate) struct Written<'a> {
    policy: u8,
    time: u8,
    request: &'a [u8],
    response: &'a [u8],
}

impl<'a> Written<'a> {
    /// Any bytes but very few are one.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let [policy, time, payloads @ ..] = bytes else {
            return None;
        };
        let mut payloads = payloads.splitn(2, |byte| *byte == END_OF_REQUEST);
        Some(Self {
            policy: *policy,
            time: *time,
            request: payloads.next().unwrap_or_default(),
            response: payloads.next().unwrap_or_default(),
        })
    }

    pub(crate) fn new(policy: u8, request: &'a [u8], response: &'a [u8]) -> Self {
        Self {
            policy,
            time: b'0',
            request,
            response,
        }
    }

    /// The auction, and the policy that it takes place under.
    pub(crate) fn case(&self, policies: &[Listed]) -> (Case, Rc<Policy>) {
        let listed = &policies[usize::from(self.policy.wrapping_sub(b'0')) % policies.len()];
        let mut case = Case::new(self.request, self.response, listed.document.clone());
        case.timing = timing(self.time.wrapping_sub(b'0'));
        (case, Rc::clone(&listed.policy))
    }
}

/// A bit for each thing that a call may say of its time.
fn timing(bits: u8) -> Timing {
    let said = |bit: u32| bits >> bit & 1 == 1;
    Timing {
        now_unix_us: NOW_UNIX_US,
        elapsed_us: said(0).then_some(if said(1) { 85_000 } else { 20_000 }),
        started_at_unix_us: said(2).then_some(if said(3) {
            NOW_UNIX_US + 1
        } else {
            NOW_UNIX_US - 85_001
        }),
        tmax_ms: said(4).then_some(15),
        latency_ms: said(5).then_some(if said(6) { 20.5 } else { -0.0 }),
    }
}

/// A policy of `policies.json`, as it is written and as it judges.
pub(crate) struct Listed {
    pub(crate) document: Value,
    pub(crate) policy: Rc<Policy>,
}

/// What many auctions are judged with.
pub(crate) struct Bench {
    pub(crate) policies: Vec<Listed>,
    pub(crate) engine: Engine,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(Bench::new());
}

impl Bench {
    fn new() -> Self {
        let documents: Vec<Value> = serde_json::from_str(include_str!("policies.json")).unwrap();
        let listed = |document: Value| Listed {
            policy: Rc::new(Case::new("", "", document.clone()).compile_policy()),
            document,
        };
        Self {
            policies: documents.into_iter().map(listed).collect(),
            engine: Engine::new(),
        }
    }

    /// With the one of this thread.
    pub(crate) fn with<T>(act: impl FnOnce(&mut Self) -> T) -> T {
        BENCH.with_borrow_mut(act)
    }

    /// The engine's answer to a case is one of the oracle's. What comes of an auction before is told from what does
    /// not: an engine that has seen none answers, too.
    fn check(&mut self, written: &Written<'_>) {
        let (case, policy) = written.case(&self.policies);
        let Err(disagreement) = self.engine.check_under(&case, &policy) else {
            return;
        };
        let alone = Engine::new().check_under(&case, &policy);
        let alone = if alone.is_err() { "also" } else { "not" };
        panic!("{case:?}\n{disagreement}\n({alone} when it is the first auction)");
    }
}

/// An auction is judged as by the oracle under one policy of the list, whatever its number.
#[cfg(test)]
pub(crate) fn judged(policy: usize, request: &[u8], response: &[u8]) {
    Bench::with(|bench| {
        let policy = u8::try_from(policy % bench.policies.len()).unwrap();
        bench.check(&Written::new(b'0' + policy, request, response));
    });
}

pub(super) fn is_judged(bytes: &[u8]) {
    if let Some(written) = Written::read(bytes) {
        Bench::with(|bench| bench.check(&written));
    }
}

/// The bytes are the seed of the generator of auctions, policies and expressions.
pub(super) fn generated_is_judged(bytes: &[u8]) {
    let mut seed = [0; 32];
    for (position, byte) in bytes.iter().enumerate() {
        let at = position % seed.len();
        seed[at] = u8::wrapping_add(seed[at], *byte).rotate_left(3);
    }
    let draws = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), draws);
    let Ok(tree) = generate::case().new_tree(&mut runner) else {
        return;
    };
    let case = tree.current();
    Bench::with(|bench| {
        let checked = bench.engine.check(&case);
        checked.unwrap_or_else(|disagreement| panic!("{case:?}\n{disagreement}"));
    });
}

/// Judged by the six default gates, and by all that read more.
const FEW_AND_MANY: [u8; 2] = *b"08";

pub(super) fn request_is_read(bytes: &[u8]) {
    Bench::with(|bench| {
        for policy in FEW_AND_MANY {
            bench.check(&Written::new(policy, bytes, RESPONSE));
        }
    });
}

pub(super) fn response_is_read(bytes: &[u8]) {
    Bench::with(|bench| {
        for policy in FEW_AND_MANY {
            bench.check(&Written::new(policy, REQUEST, bytes));
        }
    });
}

/// Three readers: a parser that others wrote takes what the engine takes, keys that stand twice and what is too large
/// for either of them aside; the oracle says which of those it is.
pub(super) fn is_json_or_refused(bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let parsed = serde_json::from_slice::<Value>(bytes);
    Bench::with(|bench| {
        let written = Written::new(b'9', b"{}", bytes);
        bench.check(&written);
        let (case, policy) = written.case(&bench.policies);
        let refused = bench.engine.reply_under(&case, &policy).unwrap().error;
        match (
            &parsed,
            refused.as_ref().map(|error| error.message.as_str()),
        ) {
            (Ok(Value::Object(_)), None) => {}
            (Ok(Value::Object(_)), Some(message)) => {
                assert!(is_of_ours(message), "{case:?}\nis JSON, and {message}");
            }
            (Ok(_), refused) => assert!(refused.is_some(), "{case:?}\nis no object"),
            (Err(error), None) => {
                let beyond = error.to_string();
                let beyond = beyond.contains("out of range") || beyond.contains("recursion");
                assert!(beyond, "{case:?}\nis no JSON: {error}");
            }
            (Err(_), Some(_)) => {}
        }
    });
}

/// What is refused though it is JSON.
fn is_of_ours(message: &str) -> bool {
    ["twice", "too "].iter().any(|said| message.contains(said))
}

/// What a request is answered with when it is the request that matters.
const RESPONSE: &[u8] = include_bytes!("response.json");
const REQUEST: &[u8] = include_bytes!("request.json");
