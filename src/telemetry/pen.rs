//! The worker's side: one record into a ring, and on with the next call.

use super::record::{self, is_notable};
use super::ring::Producer;
use super::seen::Hears;
use super::trace_parent::TraceParent;
use crate::callers::CallerId;
use crate::evaluate::Evaluation;
use crate::wire::EvaluationId;

/// What one worker records evaluations with. It allocates nothing, locks nothing, calls no system and waits for nobody
/// (spec: telemetry §2).
#[derive(Debug)]
pub struct Pen {
    producer: Producer,
    hears: Hears,
}

impl Pen {
    pub(super) const fn new(producer: Producer, hears: Hears) -> Self {
        Self { producer, hears }
    }

    /// Records an evaluation if anybody wants to be told of it. Without room it is counted and left out.
    pub fn offer(
        &mut self,
        id: EvaluationId,
        caller: CallerId,
        evaluation: &Evaluation<'_>,
        trace_parent: Option<TraceParent>,
    ) {
        let wanted = self.hears == Hears::All
            || is_notable(evaluation.verdict, evaluation.outcomes().iter());
        if wanted {
            self.producer
                .push(|words| record::write(words, id, caller, evaluation, trace_parent));
        }
    }
}
