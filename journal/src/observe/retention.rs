//! The numbers of what was removed.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::store::{Pruned, StoreError};

/// The metrics of retention; clones share them.
#[derive(Clone, Debug, Default)]
pub struct RetentionMetrics {
    pruned: Counter,
    position: Gauge,
    failures: Counter,
}

impl RetentionMetrics {
    /// Registers them under the prefix `qsl_journal`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("qsl_journal");
        registry.register("events_pruned", "Events removed for their age", self.pruned.clone());
        registry.register("pruned_position", "The last position removed for its age", self.position.clone());
        registry.register("prune_failures", "Removals of old events that failed", self.failures.clone());
    }

    /// Old events were removed, or there were none.
    pub fn pruned(&self, Pruned { removed, last }: Pruned) {
        if removed > 0 {
            tracing::debug!(removed, position = last, "old events removed");
        }
        self.pruned.inc_by(removed as u64);
        self.position.set(i64::try_from(last).unwrap_or(i64::MAX));
    }

    /// They were not, and it is tried again.
    pub fn failed(&self, error: &StoreError) {
        tracing::warn!(%error, "old events not removed");
        self.failures.inc();
    }
}
