//! What is counted.

use std::time::Duration;

use eventing::grant::Purpose;
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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPurpose {
    purpose: &'static str,
    outcome: String,
}

/// The service's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    signatures: Family<Signature, Counter>,
    requests: Family<Outcome, Counter>,
    seconds: Histogram,
    expires: Family<OfBus, Gauge>,
    grants: Family<OfPurpose, Counter>,
    waiting: Gauge,
}

/// A request that waits for a key set; it counts as long as this lives.
#[derive(Debug)]
pub struct Waiting(Gauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Adds them to a registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            signatures: Family::default(),
            requests: Family::default(),
            seconds: Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0]),
            expires: Family::default(),
            grants: Family::default(),
            waiting: Gauge::default(),
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
        registry.register("grants", "Requests for a grant, by purpose and outcome", metrics.grants.clone());
        registry.register("key_set_waiters", "Requests held open until a key set changes", metrics.waiting.clone());
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

    /// A grant was asked for; `outcome` is `OK` or the answer's code. What could not be read has no purpose.
    pub fn grant(&self, purpose: Option<Purpose>, outcome: &str) {
        let purpose = purpose.map_or("unknown", Purpose::as_str);
        self.grants.get_or_create(&OfPurpose { purpose, outcome: outcome.to_owned() }).inc();
    }

    /// A request begins to wait for a key set.
    pub fn waiting(&self) -> Waiting {
        self.waiting.inc();
        Waiting(self.waiting.clone())
    }

    /// The key sets served now, and those served before.
    pub fn key_sets(&self, before: &Directory, now: &Directory) {
        for bus in before.key_sets.keys().filter(|bus| !now.key_sets.contains_key(*bus)) {
            self.expires.remove(&OfBus { bus: bus.to_string() });
        }
        for (bus, set) in &now.key_sets {
            self.expires.get_or_create(&OfBus { bus: bus.to_string() }).set(set.expires);
        }
    }
}
