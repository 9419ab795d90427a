//! Where in a trace a call stands.

use http::HeaderMap;

use super::settings::Settings;
use crate::telemetry::TraceParent;

/// Reads `traceparent` of the head of a call, if traces are exported: nobody else wants to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceHeader {
    is_wanted: bool,
}

impl TraceHeader {
    pub(super) fn of(settings: &Settings) -> Self {
        let otlp = settings.otlp.as_ref();
        Self {
            is_wanted: otlp.is_some_and(|otlp| otlp.traces.is_some()),
        }
    }

    pub(super) fn read(self, headers: &HeaderMap) -> Option<TraceParent> {
        if !self.is_wanted {
            return None;
        }
        let value = headers.get(TraceParent::HEADER)?;
        TraceParent::read(value.as_bytes())
    }
}
