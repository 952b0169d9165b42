//! What is counted.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::hub::{Ahead, Hub};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    reason: &'static str,
}

/// The gateway's metrics. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    inbox: Family<Outcome, Counter>,
    sent: Counter,
    ended: Family<Ended, Counter>,
    streams: Gauge,
    position: Gauge,
}

impl Metrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("inbox_events", "Events the inbox brought, by what became of them", self.inbox.clone());
        registry.register("events_sent", "Events sent to clients", self.sent.clone());
        registry.register("streams_ended", "Streams that ended, by reason", self.ended.clone());
        registry.register("streams", "Streams open now", self.streams.clone());
        registry.register("tail_position", "The journal's position that the tail has reached", self.position.clone());
    }

    /// The inbox brought an event.
    pub fn received(&self, ahead: Ahead) {
        let outcome = match ahead {
            Ahead::Sent => "sent",
            Ahead::Left => "left_to_tail",
        };
        self.inbox.get_or_create(&Outcome { outcome }).inc();
    }

    /// A client was sent an event.
    pub fn sent(&self) {
        self.sent.inc();
    }

    /// A stream began or ended, or the tail went on.
    pub fn observe(&self, hub: &Hub) {
        self.streams.set(i64::try_from(hub.streams().0).unwrap_or(i64::MAX));
        self.position.set(i64::try_from(hub.position().unwrap_or_default()).unwrap_or(i64::MAX));
    }

    /// A stream ended.
    pub fn ended(&self, reason: &'static str) {
        self.ended.get_or_create(&Ended { reason }).inc();
    }
}
