//! What happens in the journal, each as one event: it logs and counts together.

mod claims;
mod retention;

use std::time::Duration;

use eventing::time::Millis;
use eventing_service::authentication::ServiceAccount;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

pub use claims::ClaimMetrics;
pub use retention::RetentionMetrics;

use crate::store::{Appended, StoreError};

/// The journal's metrics; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    received: Counter,
    written: Counter,
    copies: Counter,
    failures: Counter,
    slow: Counter,
    position: Gauge,
    batch: Histogram,
    write: Histogram,
    lag: Histogram,
    read: Family<Reading, Histogram, fn() -> Histogram>,
    told: Counter,
    refused: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reading {
    what: &'static str,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            received: Counter::default(),
            written: Counter::default(),
            copies: Counter::default(),
            failures: Counter::default(),
            slow: Counter::default(),
            position: Gauge::default(),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 8)),
            write: seconds(),
            lag: Histogram::new(exponential_buckets(0.005, 2.0, 20)),
            read: Family::new_with_constructor(seconds),
            told: Counter::default(),
            refused: Counter::default(),
        }
    }
}

impl Metrics {
    /// Registers them under the prefix `qsl_journal`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("qsl_journal");
        registry.register("events_received", "Verified events handed to the journal", self.received.clone());
        registry.register("events_written", "Events recorded", self.written.clone());
        registry.register("event_copies", "Copies of events recorded before", self.copies.clone());
        registry.register("write_failures", "Batches that could not be written", self.failures.clone());
        registry.register("slow_writes", "Batches that took so long that receiving stopped", self.slow.clone());
        registry.register("position", "The last position given", self.position.clone());
        registry.register("batch_events", "Events in a batch", self.batch.clone());
        registry.register("write_seconds", "From a batch's first statement to its commit", self.write.clone());
        registry.register("lag_seconds", "From an event's entry into the queue to its commit", self.lag.clone());
        registry.register("dead_letters_told", "Dead letters that consumers told of", self.told.clone());
        registry.register("reads_refused", "Requests to read of accounts that may not", self.refused.clone());
        registry.register("read_seconds", "Time taken to read", self.read.clone());
    }

    /// A verified event arrived.
    pub fn received(&self) {
        self.received.inc();
    }

    /// How far the journal reaches when it is opened.
    pub fn opened(&self, end: u64) {
        tracing::info!(position = end, "journal opened");
        self.position.set(i64::try_from(end).unwrap_or(i64::MAX));
    }

    /// A batch is on disk.
    pub fn wrote(&self, appended: Appended, took: Duration) {
        tracing::debug!(new = appended.new, copies = appended.copies, position = appended.end, "batch written");
        self.written.inc_by(appended.new as u64);
        self.copies.inc_by(appended.copies as u64);
        self.position.set(i64::try_from(appended.end).unwrap_or(i64::MAX));
        self.batch.observe(count(appended.new.saturating_add(appended.copies)));
        self.write.observe(took.as_secs_f64());
    }

    /// An event of a written batch: how late it was.
    pub fn recorded(&self, sent_at: Millis, now: Millis) {
        self.lag.observe(Duration::from_millis(now.distance(sent_at)).as_secs_f64());
    }

    /// The database takes longer than it should.
    pub fn slow(&self, than: Duration) {
        tracing::warn!(?than, "the database is slow; nothing more is received until it has answered");
        self.slow.inc();
    }

    /// A batch could not be written; its messages go back to the queue.
    pub fn failed(&self, error: &StoreError, events: usize) {
        tracing::error!(%error, events, "batch not written");
        self.failures.inc();
    }

    /// A consumer told of a dead letter.
    pub fn told(&self) {
        self.told.inc();
    }

    /// An account that may not read asked to.
    pub fn refused(&self, account: &ServiceAccount, path: &str) {
        tracing::warn!(target: "audit", %account, path, "reading refused");
        self.refused.inc();
    }

    /// Something was read.
    pub fn read(&self, what: &'static str, took: Duration) {
        self.read.get_or_create(&Reading { what }).observe(took.as_secs_f64());
    }
}

fn count(events: usize) -> f64 {
    u32::try_from(events).map_or(f64::MAX, f64::from)
}
