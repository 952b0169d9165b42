//! What became of signed configuration that was mounted and not taken.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::config::ConfigError;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    kind: &'static str,
    outcome: &'static str,
}

/// The metrics of a mounted configuration; clones share them.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationMetrics {
    refused: Family<Refusal, Counter>,
}

impl ConfigurationMetrics {
    /// Registers them under the prefix `qsl_consumer`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("qsl_consumer");
        let help = "Mounted configuration that was not taken; what is there is tried each second";
        registry.register("configurations_refused", help, self.refused.clone());
    }

    /// An entry of that kind was refused.
    pub(in crate::consumer) fn refused(&self, kind: &'static str, error: &ConfigError) {
        self.refused.get_or_create(&Refusal { kind, outcome: error.as_str() }).inc();
    }
}
