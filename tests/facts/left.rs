//! Of what may go to the exchange.
use std::cell::RefCell;

use bidgate::evaluate::Evaluator;
use bidgate::limits::Limits;

use super::auction::{Bench, Written};
use crate::left;

thread_local! {
    static EVALUATOR: RefCell<Evaluator> = RefCell::new(Evaluator::new(Limits::default()));
}

pub(super) fn passes(bytes: &[u8]) {
    let Some(written) = Written::read(bytes) else {
        return;
    };
    let (case, policy) = Bench::with(|bench| written.case(&bench.policies));
    // A gate may hold back for one evaluation and not for the next.
    if !case.policy.to_string().contains("holdback") {
        EVALUATOR.with_borrow_mut(|evaluator| left::check(evaluator, &case, &policy));
    }
}
