//! The numbers of the store that an inbox's consumers share.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Operation;
use crate::consumer::claims::ClaimStoreAway;

/// The metrics of one inbox's claims; clones share them.
#[derive(Clone, Debug, Default)]
pub struct ClaimMetrics {
    usable: Gauge,
    failures: Family<Operation, Counter>,
    waits: Counter,
}

impl ClaimMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("claims_usable", "1 while the store of claims answers", self.usable.clone());
        registry.register("claim_failures", "Calls to the store of claims that failed", self.failures.clone());
        registry.register("claim_waits", "Copies that waited for another consumer", self.waits.clone());
    }

    pub(in crate::consumer) fn usable(&self, usable: bool) {
        self.usable.set(usable.into());
    }

    /// A copy waits for whoever has the event; counted once for each copy.
    pub(in crate::consumer) fn waits(&self, is_first_look: bool) {
        if is_first_look {
            self.waits.inc();
        }
    }

    pub(in crate::consumer) fn failed(&self, operation: &'static str, error: &ClaimStoreAway) {
        tracing::debug!(operation, %error, "call to the store of claims failed");
        self.failures.get_or_create(&Operation { operation }).inc();
    }
}
