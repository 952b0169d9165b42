//! The operator's metrics. What happens is told by the structs of [`super::telemetry`], which count here and write the log
//! line together; what stands (objects by condition) is read when it is asked for.
//!
//! Labels are bounded: kinds, conditions, classes and operations, never names.

mod objects;

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

pub use objects::Objects;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Ending {
    /// All is in effect.
    Ready,
    /// It waits for something.
    Waiting,
    /// It is tried again.
    Retry,
    /// Only an edit can help.
    Terminal,
    /// The object is paused, or its namespace is going away.
    Skipped,
    /// What the object made is gone.
    CleanedUp,
    /// A deletion is blocked.
    Blocked,
    /// This replica stopped leading in the middle; its successor goes on.
    Fenced,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PassLabels {
    pub(super) kind: &'static str,
    pub(super) ending: Ending,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabels {
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ErrorLabels {
    pub(super) kind: &'static str,
    pub(super) class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabels {
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OperationLabels {
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
}

/// Makes a histogram of seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(&'static [f64]);

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// A pass: from a steady look in memory to a creation that waits for its turn.
const PASS: Seconds = Seconds(&[0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0]);
/// A call, which is cut off after five seconds.
const CALL: Seconds = Seconds(&[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]);

/// Counts and times. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) passes: Family<PassLabels, Counter>,
    pub(super) pass_seconds: Family<KindLabels, Histogram, Seconds>,
    pub(super) errors: Family<ErrorLabels, Counter>,
    pub(super) status_writes: Family<KindLabels, Counter>,
    pub(super) queued: Family<KindLabels, Gauge>,
    pub(super) calls: Family<CallLabels, Counter>,
    pub(super) call_seconds: Family<OperationLabels, Histogram, Seconds>,
    pub(super) budget_seconds: Counter<f64, AtomicU64>,
    pub(super) events: Family<KindLabels, Counter>,
    pub(super) events_held_back: Family<KindLabels, Counter>,
    leads: Gauge,
}

impl Metrics {
    /// Metrics, shown in `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let new = Self {
            passes: Family::default(),
            pass_seconds: Family::new_with_constructor(PASS),
            errors: Family::default(),
            status_writes: Family::default(),
            queued: Family::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(CALL),
            budget_seconds: Counter::default(),
            events: Family::default(),
            events_held_back: Family::default(),
            leads: Gauge::default(),
        };
        let seconds = |registry: &mut Registry, name, help, metric| {
            registry.register_with_unit(name, help, Unit::Seconds, metric);
        };
        registry.register("reconciles", "Passes over one object, by how they ended", new.passes.clone());
        seconds(registry, "reconcile", "Time a pass took", new.pass_seconds.clone());
        registry.register("reconcile_errors", "Passes that ended in an error, by its class", new.errors.clone());
        registry.register("status_writes", "Statuses written", new.status_writes.clone());
        registry.register("work_queue_depth", "Objects that wait for a pass", new.queued.clone());
        registry.register("aws_calls", "Attempts of calls to AWS, by outcome", new.calls.clone());
        registry.register_with_unit("aws_call", "Time an attempt took", Unit::Seconds, new.call_seconds.clone());
        let help = "Time that calls to AWS waited for their turn in the budget";
        registry.register_with_unit("aws_budget_wait", help, Unit::Seconds, new.budget_seconds.clone());
        registry.register("events_published", "Kubernetes Events published", new.events.clone());
        let help = "Kubernetes Events held back: too many on one object";
        registry.register("events_held_back", help, new.events_held_back.clone());
        registry.register("leader", "1 while this replica leads", new.leads.clone());
        new
    }

    /// Whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leads.set(leads.into());
    }

    /// So many objects of a kind wait for a pass.
    pub fn queued(&self, kind: &'static str, objects: usize) {
        self.queued.get_or_create(&KindLabels { kind }).set(i64::try_from(objects).unwrap_or(i64::MAX));
    }

    /// A call waited so long for its turn in the budget.
    pub fn waited_for_budget(&self, seconds: f64) {
        self.budget_seconds.inc_by(seconds);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::{
        super::telemetry::{CallEnded, PassEnded, PassFailed},
        *,
    };

    #[test]
    fn names_carry_their_units_once() {
        let mut registry = Registry::with_prefix("qsl_operator");
        let metrics = Metrics::new(&mut registry);
        CallEnded { service: "SQS", operation: "CreateQueue", outcome: "Ok", seconds: 0.02 }.emit(&metrics);
        metrics.leads(true);
        metrics.waited_for_budget(0.5);
        metrics.queued("EventBus", 3);
        let kind = "EventRule";
        PassEnded { kind, ending: Ending::Ready, seconds: 0.02, again: None }.emit(&metrics);
        PassEnded { kind, ending: Ending::Retry, seconds: 0.2, again: None }.emit(&metrics);
        let error = std::io::Error::other("down");
        PassFailed { kind, class: "Throttled", error: &error, failures: Some(1), again: Duration::ZERO }.emit(&metrics);
        PassFailed { kind, class: "NoRoom", error: &error, failures: None, again: Duration::ZERO }.emit(&metrics);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"qsl_operator_aws_calls_total{service="SQS",operation="CreateQueue",outcome="Ok"} 1"#,
            r#"qsl_operator_aws_call_seconds_count{service="SQS",operation="CreateQueue"} 1"#,
            "qsl_operator_aws_budget_wait_seconds_total 0.5",
            "qsl_operator_leader 1",
            r#"qsl_operator_work_queue_depth{kind="EventBus"} 3"#,
            r#"qsl_operator_reconciles_total{kind="EventRule",ending="Ready"} 1"#,
            r#"qsl_operator_reconciles_total{kind="EventRule",ending="Retry"} 1"#,
            r#"qsl_operator_reconcile_seconds_sum{kind="EventRule"} 0.22"#,
            r#"qsl_operator_reconcile_seconds_count{kind="EventRule"} 2"#,
            r#"qsl_operator_reconcile_seconds_bucket{le="0.025",kind="EventRule"} 1"#,
            r#"qsl_operator_reconcile_errors_total{kind="EventRule",class="Throttled"} 1"#,
            r#"qsl_operator_reconcile_errors_total{kind="EventRule",class="NoRoom"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
