//! Counters with one writer each.

use super::counter::Counter;
use super::histogram::Histogram;
use super::rpc_method::RpcMethod;
use crate::callers::CallerId;
use crate::policy::GateSlot;
use crate::sync::{AtomicBool, Ordering};
use crate::verdict::{GateMode, GateStatus, Reason, Verdict};

/// One worker's counters. Aligned to two cache lines, so that no other worker's data shares one with them.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Cells {
    /// By caller.
    evaluations: Box<[CallerCells]>,
    /// Those that are built in, and behind them one for all others.
    gates: Box<[GateCells]>,
    pub(super) evaluation_seconds: Histogram,
    /// By method.
    rpc_seconds: [Histogram; RpcMethod::ALL.len()],
    pub(super) shed: Counter,
    pub(super) unread: Counter,
    pub(super) too_large: Counter,
    pub(super) malformed_message: Counter,
    pub(super) malformed_bid_request: Counter,
    pub(super) malformed_bid_response: Counter,
    pub(super) invalid_argument: Counter,
    /// Take what has no cell, which the tables' sizes rule out.
    spill: Counter,
    spilled_outcomes: OutcomeCells,
}

impl Cells {
    pub(super) fn new(gates: usize) -> Self {
        Self {
            evaluations: (0..CallerId::COUNT)
                .map(|_| CallerCells::default())
                .collect(),
            gates: (0..gates).map(|_| GateCells::default()).collect(),
            evaluation_seconds: Histogram::default(),
            rpc_seconds: Default::default(),
            shed: Counter::default(),
            unread: Counter::default(),
            too_large: Counter::default(),
            malformed_message: Counter::default(),
            malformed_bid_request: Counter::default(),
            malformed_bid_response: Counter::default(),
            invalid_argument: Counter::default(),
            spill: Counter::default(),
            spilled_outcomes: OutcomeCells::default(),
        }
    }

    pub(super) fn evaluations(&self, caller: CallerId, verdict: Verdict) -> &Counter {
        self.evaluations
            .get(caller.index())
            .and_then(|caller| caller.verdicts.get(verdict as usize))
            .unwrap_or(&self.spill)
    }

    pub(super) const fn rpc_seconds(&self, method: RpcMethod) -> &Histogram {
        let [evaluate, evaluate_stream, rest] = &self.rpc_seconds;
        match method {
            RpcMethod::Evaluate => evaluate,
            RpcMethod::EvaluateStream => evaluate_stream,
            RpcMethod::Rest => rest,
        }
    }

    pub(super) fn outcomes(
        &self,
        gate: GateSlot,
        mode: GateMode,
        status: GateStatus,
    ) -> &OutcomeCells {
        let others = self.gates.len().saturating_sub(1);
        let gate = usize::from(gate.number()).min(others);
        self.gates
            .get(gate)
            .and_then(|gate| gate.outcomes.get(mode as usize))
            .and_then(|statuses| statuses.get(status as usize))
            .unwrap_or(&self.spilled_outcomes)
    }
}

/// One caller's evaluations by verdict, in a cache line of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct CallerCells {
    verdicts: [Counter; Verdict::ALL.len()],
}

/// One gate's outcomes, by mode and status.
#[derive(Debug, Default)]
#[repr(align(128))]
struct GateCells {
    outcomes: [[OutcomeCells; GateStatus::ALL.len()]; GateMode::ALL.len()],
}

/// Outcomes of one gate, mode and status.
#[derive(Debug)]
pub(super) struct OutcomeCells {
    pub(super) without_reason: Counter,
    /// Whether there is one with a reason: a reader then need not look at every reason to know that there is none.
    have_reasons: AtomicBool,
    by_reason: [Counter; Reason::ALL.len()],
}

impl Default for OutcomeCells {
    fn default() -> Self {
        Self {
            without_reason: Counter::default(),
            have_reasons: AtomicBool::new(false),
            by_reason: std::array::from_fn(|_| Counter::default()),
        }
    }
}

impl OutcomeCells {
    pub(super) fn increment(&self, reason: Option<Reason>) {
        let Some(reason) = reason else {
            return self.without_reason.increment();
        };
        self.by_reason(reason).increment();
        if !self.have_reasons() {
            self.have_reasons.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn have_reasons(&self) -> bool {
        self.have_reasons.load(Ordering::Relaxed)
    }

    pub(super) fn by_reason(&self, reason: Reason) -> &Counter {
        self.by_reason
            .get(reason as usize)
            .unwrap_or(&self.without_reason)
    }
}
