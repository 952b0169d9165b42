//! The consumer's numbers. Each method is one thing that happened: it counts, and logs what a person would look for.

mod claims;
mod configuration;
mod keys;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::disposition::{Disposition, Verdict};
use super::ports::{QueueError, Received};
use super::told::NotTold;
use crate::time::Millis;
pub use claims::ClaimMetrics;
pub use configuration::ConfigurationMetrics;
pub(super) use keys::KeyMetrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

/// The metrics of one consumer; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    received: Counter,
    settled: Family<Outcome, Counter>,
    dead_letters: Family<Code, Counter>,
    failures: Family<Operation, Counter>,
    not_told: Counter,
    in_flight: Gauge,
    /// From the receive to the handler's call.
    pub(super) overhead: Histogram,
    handling: Histogram,
    queue: Histogram,
    end_to_end: Histogram,
    pub(super) keys: KeyMetrics,
    pub(super) claims: ClaimMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            received: Counter::default(),
            settled: Family::default(),
            dead_letters: Family::default(),
            failures: Family::default(),
            not_told: Counter::default(),
            in_flight: Gauge::default(),
            overhead: Histogram::new(exponential_buckets(0.000_125, 2.0, 14)),
            handling: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            // From milliseconds to a day: what waits longest waits while a consumer is away.
            queue: Histogram::new(exponential_buckets(0.005, 3.0, 16)),
            end_to_end: Histogram::new(exponential_buckets(0.005, 3.0, 16)),
            keys: KeyMetrics::default(),
            claims: ClaimMetrics::default(),
        }
    }
}

impl Metrics {
    /// Registers the metrics under the prefix `qsl_consumer`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("qsl_consumer");
        registry.register("messages_received", "Messages received from the inbox", self.received.clone());
        registry.register("messages_settled", "Messages by what became of them", self.settled.clone());
        registry.register("dead_letters", "Messages written to the dead-letter queue", self.dead_letters.clone());
        registry.register("dead_letters_not_told", "Dead letters the journal does not know", self.not_told.clone());
        registry.register("queue_failures", "Calls to the queue that failed", self.failures.clone());
        registry.register("messages_in_flight", "Messages held", self.in_flight.clone());
        registry.register("overhead_seconds", "From the receive to the handler's call", self.overhead.clone());
        registry.register("handling_seconds", "Time taken by the handler", self.handling.clone());
        let help = "From a message's entry into the queue to its receive";
        registry.register("queue_seconds", help, self.queue.clone());
        let help = "From an event's signature to the handler's acceptance";
        registry.register("end_to_end_seconds", help, self.end_to_end.clone());
        self.keys.register(registry);
        self.claims.register(registry);
    }

    pub(super) fn received(&self, messages: usize) {
        self.received.inc_by(messages as u64);
    }

    pub(super) fn holding(&self) -> Holding {
        self.in_flight.inc();
        Holding(self.in_flight.clone())
    }

    pub(super) fn handled(&self, took: Duration) {
        self.handling.observe(took.as_secs_f64());
    }

    /// A message that entered the queue then is received; each receive counts.
    pub(super) fn queued(&self, sent: Millis, received: Millis) {
        self.queue.observe(seconds(sent, received));
    }

    /// The handler has accepted an event that was signed then.
    pub(super) fn done(&self, signed: Millis, now: Millis) {
        self.end_to_end.observe(seconds(signed, now));
    }

    pub(super) fn settled(&self, message: &Received, disposition: &Disposition) {
        let outcome = match disposition {
            Disposition::Acknowledge => "acknowledged",
            Disposition::Retry(after) => {
                let after_seconds = after.as_secs_f64();
                tracing::debug!(message_id = %message.message_id, after_seconds, "message given back");
                "retried"
            }
            Disposition::DeadLetter(_) => "dead_lettered",
        };
        self.settled.get_or_create(&Outcome { outcome }).inc();
    }

    pub(super) fn copy(&self, message: &Received) {
        tracing::debug!(message_id = %message.message_id, "copy of an event already handled");
        self.settled.get_or_create(&Outcome { outcome: "copy" }).inc();
    }

    pub(super) fn dead_lettered(&self, message: &Received, verdict: &Verdict) {
        let (code, stage) = (verdict.code.as_str(), verdict.stage.as_str());
        tracing::warn!(
            message_id = %message.message_id,
            code,
            stage,
            reason = %verdict.message,
            "message moved to the dead-letter queue"
        );
        self.dead_letters.get_or_create(&Code { code, stage }).inc();
    }

    /// The queue has the dead letter; the journal does not know of it.
    pub(super) fn not_told(&self, error: &NotTold) {
        tracing::warn!(%error, "the journal was not told of a dead letter");
        self.not_told.inc();
    }

    pub(super) fn failed(&self, operation: &'static str, error: &QueueError) {
        tracing::warn!(operation, %error, "call to the queue failed");
        self.failures.get_or_create(&Operation { operation }).inc();
    }
}

/// From one instant to a later one. Clocks of two machines may have it the other way round, which is no time.
fn seconds(from: Millis, to: Millis) -> f64 {
    Duration::from_millis(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or_default()).as_secs_f64()
}

/// Counts one message as held until dropped.
#[derive(Debug)]
pub(super) struct Holding(Gauge);

impl Drop for Holding {
    fn drop(&mut self) {
        self.0.dec();
    }
}
