//! A rule of the policy's own, written as an expression over the auction.
//!
//! A policy's text goes through [`token`], [`syntax`] and [`typing`] to a [`program`] when it is loaded; [`field`] is the
//! table of what can be read, and a [`mistake`] is shown under its place.
#![doc = include_str!("../../../docs/gates/expression.md")]

mod field;
mod mistake;
mod program;
mod syntax;
mod token;
mod typing;

use std::fmt;

use super::{Gate, Judged, Sheet};
use crate::auction::{Auction, JoinedBid};
use crate::document::Section;
use crate::limits::EXPRESSION_STEPS_MAX;
use crate::verdict::{Detail, Reason};
use field::Subject;
use mistake::Mistake;
use program::Run;
use typing::Compiled;

/// The rule, compiled.
pub(crate) struct Expression {
    compiled: Compiled,
    reads_deal: bool,
    reason: Reason,
}

impl Expression {
    /// The key that makes an entry of the list an expression gate.
    pub(crate) const KEY: &'static str = "expression";

    /// Reads the options besides the name. None when the expression is missing or wrong, which is then recorded.
    pub(crate) fn compile(options: &mut Section) -> Option<Self> {
        let source = options.optional_string(Self::KEY);
        let reasons: Vec<_> = rejecting().map(|reason| (reason.name(), reason)).collect();
        let reason = options.choice("reason", &reasons, Reason::ExpressionFalse);
        let source = source?;
        match compile(&source) {
            Ok(compiled) => Some(Self {
                reads_deal: compiled.fields.iter().any(|field| field.is_of_deal()),
                compiled,
                reason,
            }),
            Err(mistake) => {
                options.reject(Self::KEY, &mistake.shown_in(&source).to_string());
                None
            }
        }
    }

    /// Why the bid may not go out, if so.
    fn offence(&self, bid: &JoinedBid<'_>, steps: &mut u32) -> Option<Reason> {
        let subject = Subject::new(bid, self.reads_deal);
        let holds = Run::new(&subject, steps).condition(&self.compiled.condition);
        match holds {
            Some(true) => None,
            Some(false) => Some(self.reason),
            None if *steps == 0 => Some(Reason::ExpressionTooCostly),
            None => Some(Reason::ExpressionUnknown),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression")
            .field("reads", &self.compiled.fields)
            .finish_non_exhaustive()
    }
}

impl Gate for Expression {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let mut steps = EXPRESSION_STEPS_MAX;
        for bid in auction.bids() {
            if let Some(reason) = self.offence(&bid, &mut steps) {
                sheet.reject(&bid, reason, Detail::None);
            }
        }
        Judged::Bids
    }
}

fn compile(source: &str) -> Result<Compiled, Mistake> {
    typing::compile(&syntax::parse(source)?)
}

/// Reasons with which a bid may be rejected. Those of time have a meaning of their own in a reply.
fn rejecting() -> impl Iterator<Item = Reason> {
    let timely = |reason: &Reason| !matches!(reason, Reason::TmaxExhausted | Reason::Timeout);
    let reasons = Reason::ALL.iter().copied().filter(timely);
    reasons.filter(|reason| reason.loss_reason().is_some())
}
