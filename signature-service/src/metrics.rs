//! What is counted.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::directory::Directory;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Signature {
    bus: String,
    algorithm: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBus {
    bus: String,
}

/// The service's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    signatures: Family<Signature, Counter>,
    requests: Family<Outcome, Counter>,
    seconds: Histogram,
    expires: Family<OfBus, Gauge>,
}

impl Metrics {
    /// Adds them to a registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            signatures: Family::default(),
            requests: Family::default(),
            seconds: Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0]),
            expires: Family::default(),
        };
        registry.register("signatures", "Signatures made", metrics.signatures.clone());
        registry.register("sign_requests", "Requests to sign, by outcome", metrics.requests.clone());
        registry.register_with_unit(
            "sign",
            "Time to sign a batch, authentication left out",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register(
            "key_set_expiry_timestamp_seconds",
            "When verifiers stop taking the bus's key set",
            metrics.expires.clone(),
        );
        metrics
    }

    /// A batch was signed.
    pub fn batch(&self, took: Duration) {
        self.requests.get_or_create(&Outcome { code: "OK".to_owned() }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// One signature was made.
    pub fn signature(&self, bus: String, algorithm: &'static str) {
        self.signatures.get_or_create(&Signature { bus, algorithm }).inc();
    }

    /// A batch was refused.
    pub fn refused(&self, code: &str) {
        self.requests.get_or_create(&Outcome { code: code.to_owned() }).inc();
    }

    /// The key sets served now.
    pub fn key_sets(&self, directory: &Arc<Directory>) {
        self.expires.clear();
        for (bus, set) in &directory.key_sets {
            self.expires.get_or_create(&OfBus { bus: bus.to_string() }).set(set.expires);
        }
    }
}
