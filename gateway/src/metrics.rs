//! What is counted.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::hub::{Ahead, Hub};

/// Seconds, from half a millisecond on; the goal is 5 ms.
const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct From {
    from: &'static str,
}

/// The gateway's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    inbox: Family<Outcome, Counter>,
    sent: Counter,
    delivery: Histogram,
    opened: Counter,
    refused: Family<Reason, Counter>,
    resumed: Family<From, Counter>,
    resets: Family<Reason, Counter>,
    ended: Family<Reason, Counter>,
    tickets: Family<Outcome, Counter>,
    connections_refused: Family<Reason, Counter>,
    connections: Gauge,
    streams: Gauge,
    position: Gauge,
    tail_failures: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            inbox: Family::default(),
            sent: Counter::default(),
            delivery: Histogram::new(BOUNDS),
            opened: Counter::default(),
            refused: Family::default(),
            resumed: Family::default(),
            resets: Family::default(),
            ended: Family::default(),
            tickets: Family::default(),
            connections_refused: Family::default(),
            connections: Gauge::default(),
            streams: Gauge::default(),
            position: Gauge::default(),
            tail_failures: Counter::default(),
        }
    }
}

impl Metrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("inbox_events", "Events the inbox brought, by what became of them", self.inbox.clone());
        registry.register("events_sent", "Events sent to clients", self.sent.clone());
        registry.register_with_unit(
            "delivery",
            "From the gateway's receipt of an event to its bytes' acceptance by a client's connection",
            Unit::Seconds,
            self.delivery.clone(),
        );
        registry.register("streams_opened", "Streams opened", self.opened.clone());
        registry.register("streams_refused", "Streams refused, by reason", self.refused.clone());
        registry.register("streams_resumed", "Streams resumed, by what they were resumed from", self.resumed.clone());
        registry.register("streams_reset", "Times a client was told to begin anew, by reason", self.resets.clone());
        registry.register("streams_ended", "Streams that ended, by reason", self.ended.clone());
        registry.register("streams", "Streams open now", self.streams.clone());
        registry.register("tickets", "Tickets given and presented, by outcome", self.tickets.clone());
        registry.register("connections", "Connections open now", self.connections.clone());
        registry.register("connections_refused", "Connections refused, by reason", self.connections_refused.clone());
        registry.register("tail_position", "The journal's position that the tail has reached", self.position.clone());
        registry.register("tail_failures", "Calls to the journal by the tail that failed", self.tail_failures.clone());
    }

    /// The inbox brought an event.
    pub fn received(&self, ahead: Ahead) {
        let outcome = match ahead {
            Ahead::Sent => "sent",
            Ahead::Left => "left_to_tail",
        };
        self.inbox.get_or_create(&Outcome { outcome }).inc();
    }

    /// A client is sent an event.
    pub fn sent(&self) {
        self.sent.inc();
    }

    /// An event that had just come is on the wire.
    pub fn delivered(&self, took: Duration) {
        self.delivery.observe(took.as_secs_f64());
    }

    /// The tail went on.
    pub fn observe(&self, hub: &Hub) {
        self.position.set(i64::try_from(hub.position().map_or(0, |position| position.at)).unwrap_or(i64::MAX));
    }

    /// The tail could not go on.
    pub fn tail_failed(&self) {
        self.tail_failures.inc();
    }

    /// A stream began.
    pub fn opened(&self) {
        self.opened.inc();
        self.streams.inc();
    }

    /// A stream was refused.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// A stream goes on where it was.
    pub fn resumed(&self, from: &'static str) {
        self.resumed.get_or_create(&From { from }).inc();
    }

    /// A client was told to begin anew.
    pub fn reset(&self, reason: &'static str) {
        self.resets.get_or_create(&Reason { reason }).inc();
    }

    /// A stream ended.
    pub fn ended(&self, reason: &'static str) {
        self.streams.dec();
        self.ended.get_or_create(&Reason { reason }).inc();
    }

    /// A ticket was asked for, or presented.
    pub fn ticket(&self, outcome: &'static str) {
        self.tickets.get_or_create(&Outcome { outcome }).inc();
    }

    /// A connection was opened.
    pub fn connected(&self) {
        self.connections.inc();
    }

    /// A connection was closed.
    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// A connection was refused.
    pub fn connection_refused(&self, reason: &'static str) {
        self.connections_refused.get_or_create(&Reason { reason }).inc();
    }
}
