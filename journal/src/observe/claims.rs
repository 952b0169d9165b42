//! The numbers of claims.

use std::time::Duration;

use eventing::claim::{Answer, Ask};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::seconds;
use crate::store::StoreError;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    action: &'static str,
    outcome: &'static str,
}

/// The metrics of claims; clones share them.
#[derive(Clone, Debug)]
pub struct ClaimMetrics {
    answered: Family<Answered, Counter>,
    failures: Counter,
    settle: Histogram,
}

impl Default for ClaimMetrics {
    fn default() -> Self {
        Self { answered: Family::default(), failures: Counter::default(), settle: seconds() }
    }
}

impl ClaimMetrics {
    /// Registers them under the prefix `qsl_journal`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("qsl_journal");
        registry.register("claims", "Claims by what was asked and answered", self.answered.clone());
        registry.register("claim_failures", "Transactions of claims that failed", self.failures.clone());
        registry.register("claim_seconds", "Time taken to settle those that came together", self.settle.clone());
    }

    /// A claim was settled.
    pub fn answered(&self, ask: Ask, answer: Answer) {
        let action = match ask {
            Ask::Claim { .. } => "claim",
            Ask::Confirm => "confirm",
            Ask::Release { .. } => "release",
        };
        let outcome = match answer {
            Answer::Claimed { .. } => "claimed",
            Answer::Handled => "handled",
            Answer::Held { .. } => "held",
            Answer::Settled => "settled",
        };
        self.answered.get_or_create(&Answered { action, outcome }).inc();
    }

    /// A batch was settled.
    pub fn settled(&self, took: Duration) {
        self.settle.observe(took.as_secs_f64());
    }

    /// A batch was not settled; its consumers ask again.
    pub fn failed(&self, error: &StoreError, claims: usize) {
        tracing::error!(%error, claims, "claims not settled");
        self.failures.inc();
    }

    /// What says nothing any more was not removed; it is tried again.
    pub fn not_pruned(&self, error: &StoreError) {
        tracing::warn!(%error, "old claims not removed");
        self.failures.inc();
    }
}
