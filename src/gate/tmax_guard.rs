#![doc = include_str!("../../docs/gates/tmaxGuard.md")]

use super::Mode;
use crate::call::Call;
use crate::document::Section;
use crate::verdict::{GateOutcome, GateStatus, Reason};

/// The rule, compiled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TmaxGuard {
    buffer_us: f64,
    on_exhausted: GateStatus,
}

/// `EvaluateRequest` and `bid_request.tmax` speak of milliseconds.
const US_PER_MS: f64 = 1000.0;

impl TmaxGuard {
    /// Its name in policies and replies.
    pub(crate) const NAME: &'static str = "tmaxGuard";
    /// Of a guard that a policy lists without a mode.
    pub(crate) const DEFAULT_MODE: Mode = Mode::Enforce;

    pub(crate) fn compile(options: &mut Section) -> Self {
        let on_exhausted = [("skip", GateStatus::Skipped), ("fail", GateStatus::Failed)];
        Self {
            buffer_us: options.non_negative("buffer_ms", 15.0) * US_PER_MS,
            on_exhausted: options.choice("on_exhausted", &on_exhausted, GateStatus::Skipped),
        }
    }

    /// Judges the time left when `now_unix_us` it is. `request_tmax_ms` is what the bid request says.
    pub(crate) fn judge(
        &self,
        call: &Call<'_>,
        request_tmax_ms: Option<f64>,
        now_unix_us: u64,
    ) -> GateOutcome {
        match self.verify(call, request_tmax_ms, now_unix_us) {
            Ok(()) => GateOutcome::new(GateStatus::Passed, None),
            Err(Reason::TmaxExhausted) => {
                GateOutcome::new(self.on_exhausted, Some(Reason::TmaxExhausted))
            }
            Err(unknown) => GateOutcome::new(GateStatus::Skipped, Some(unknown)),
        }
    }

    fn verify(
        &self,
        call: &Call<'_>,
        request_tmax_ms: Option<f64>,
        now_unix_us: u64,
    ) -> Result<(), Reason> {
        let given = call.tmax_ms.filter(|&tmax| tmax > 0).map(f64::from);
        let tmax_ms = given
            .or_else(|| request_tmax_ms.filter(|&tmax| tmax > 0.0))
            .ok_or(Reason::TmaxUnknown)?;
        let elapsed_us = elapsed_us(call, now_unix_us)?;
        // Strictly less: what is left may be all of the buffer.
        if tmax_ms * US_PER_MS - elapsed_us < self.buffer_us {
            Err(Reason::TmaxExhausted)
        } else {
            Ok(())
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
fn elapsed_us(call: &Call<'_>, now_unix_us: u64) -> Result<f64, Reason> {
    if let Some(elapsed) = call.elapsed_us {
        return Ok(elapsed as f64);
    }
    let started = call.started_at_unix_us.ok_or(Reason::StartUnknown)?;
    now_unix_us
        .checked_sub(started)
        .map(|elapsed| elapsed as f64)
        .ok_or(Reason::ClockSkew)
}
