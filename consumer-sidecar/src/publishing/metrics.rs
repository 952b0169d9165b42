//! The numbers of publishing.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    outcome: &'static str,
}

/// The numbers of publishing.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: Family<Label, Counter>,
    publishing: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { events: Family::default(), publishing: Histogram::new(exponential_buckets(0.001, 2.0, 16)) }
    }
}

impl Metrics {
    /// Registers the metrics under the prefix `qsl_publisher`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("qsl_publisher");
        registry.register("events", "Events posted by the application, by what became of them", self.events.clone());
        let help = "From a request's body to the bus's answer for each of its events";
        registry.register("publish_seconds", help, self.publishing.clone());
    }

    pub(super) fn published(&self, took: Duration) {
        self.publishing.observe(took.as_secs_f64());
    }

    pub(super) fn count(&self, outcome: &'static str, events: usize) {
        self.events.get_or_create(&Label { outcome }).inc_by(events as u64);
    }
}
