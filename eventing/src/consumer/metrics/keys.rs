//! The numbers of an inbox's keys: whether they are usable, until when, and what became of every set that came.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Outcome;
use crate::keyset::{KeyRing, KeySetError};
use crate::time::Millis;
use crate::types::BusId;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Bus {
    bus: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    from: &'static str,
    outcome: &'static str,
}

/// The metrics of one inbox's keys; clones share them.
#[derive(Clone, Debug, Default)]
pub(in crate::consumer) struct KeyMetrics {
    usable: Gauge,
    expiry: Family<Bus, Gauge<f64, AtomicU64>>,
    issued: Family<Bus, Gauge<f64, AtomicU64>>,
    left_out: Family<Bus, Gauge>,
    refused: Family<Refusal, Counter>,
    confirmations: Family<Outcome, Counter>,
}

impl KeyMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("keys_usable", "1 while every bus of the inbox has a set in its time", self.usable.clone());
        registry.register(
            "key_set_expiry_timestamp_seconds",
            "When the bus's key set expires: receiving stops then",
            self.expiry.clone(),
        );
        registry.register(
            "key_set_issue_timestamp_seconds",
            "When the bus's key set was issued: what has passed since is its age",
            self.issued.clone(),
        );
        registry.register("keys_left_out", "Keys of the bus's set that do not parse", self.left_out.clone());
        registry.register("key_sets_refused", "Key sets that were not taken", self.refused.clone());
        registry.register("confirmations", "Attempts to have the keys confirmed", self.confirmations.clone());
    }

    pub(in crate::consumer) fn usable(&self, usable: bool) {
        self.usable.set(usable.into());
    }

    /// The sets that count now.
    pub(in crate::consumer) fn sets(&self, ring: &KeyRing) {
        for bus in ring.buses() {
            if let Some(set) = ring.set(bus) {
                let bus = Bus { bus: bus.to_string() };
                // Seconds of any true date are far below 2^53, so the double is exact.
                #[expect(clippy::cast_precision_loss, reason = "seconds of a date")]
                let double = |at: Millis| at.seconds() as f64;
                self.expiry.get_or_create(&bus).set(double(set.expires()));
                self.issued.get_or_create(&bus).set(double(set.issued()));
                self.left_out.get_or_create(&bus).set(i64::try_from(set.left_out()).unwrap_or(i64::MAX));
            }
        }
    }

    /// These buses feed the inbox no more: that nobody renews their sets is no news.
    pub(in crate::consumer) fn gone(&self, buses: &BTreeSet<BusId>) {
        for bus in buses {
            let bus = Bus { bus: bus.to_string() };
            self.expiry.remove(&bus);
            self.issued.remove(&bus);
            self.left_out.remove(&bus);
        }
    }

    pub(in crate::consumer) fn refused(&self, from: &'static str, error: &KeySetError) {
        self.refused.get_or_create(&Refusal { from, outcome: error.as_str() }).inc();
    }

    pub(in crate::consumer) fn confirmation(&self, outcome: &'static str) {
        self.confirmations.get_or_create(&Outcome { outcome }).inc();
    }
}
