//! Whether new calls should come here, as `/health/ready` and `grpc.health.v1` say it.

use std::sync::atomic::{AtomicU8, Ordering};

use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The state, and the gRPC service that reports it.
#[derive(Debug)]
pub(super) struct Readiness {
    state: AtomicU8,
    health: HealthReporter,
}

impl Readiness {
    /// Not ready: starting.
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU8::new(STARTING),
            health: HealthReporter::new(),
        }
    }

    pub(super) fn health(&self) -> HealthReporter {
        self.health.clone()
    }

    pub(super) async fn ready(&self) {
        self.set(READY, ServingStatus::Serving).await;
    }

    pub(super) async fn draining(&self) {
        self.set(DRAINING, ServingStatus::NotServing).await;
    }

    /// Draining, and new calls are refused.
    pub(super) fn close(&self) {
        self.state.store(CLOSED, Ordering::Relaxed);
    }

    /// Whether new calls are refused.
    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CLOSED
    }

    /// Why not, if not.
    pub(super) fn not_ready_reason(&self) -> Option<&'static str> {
        match self.state.load(Ordering::Relaxed) {
            READY => None,
            DRAINING | CLOSED => Some("draining"),
            _ => Some("starting"),
        }
    }

    async fn set(&self, state: u8, status: ServingStatus) {
        self.state.store(state, Ordering::Relaxed);
        for service in HEALTH_SERVICES {
            self.health.set_service_status(service, status).await;
        }
    }
}

/// The server as a whole, and its service.
const HEALTH_SERVICES: [&str; 2] = ["", "bidgate.v1.BidGateService"];

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;
const CLOSED: u8 = 3;
