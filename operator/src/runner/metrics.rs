//! Metrics of the passes: how many, how they ended, how long they took.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        histogram::Histogram,
    },
    registry::Registry,
};

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
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    kind: &'static str,
    ending: Ending,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Copy, Debug)]
struct PassSeconds;

impl MetricConstructor<Histogram> for PassSeconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new([0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0])
    }
}

/// Counts and times passes.
#[derive(Clone, Debug)]
pub struct Metrics {
    passes: Family<PassLabels, Counter>,
    seconds: Family<KindLabels, Histogram, PassSeconds>,
    status_writes: Family<KindLabels, Counter>,
}

impl Metrics {
    /// Metrics, shown in `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            passes: Family::default(),
            seconds: Family::new_with_constructor(PassSeconds),
            status_writes: Family::default(),
        };
        registry.register("reconciles", "Passes over one object, by how they ended", metrics.passes.clone());
        registry.register("reconcile_seconds", "Time a pass took", metrics.seconds.clone());
        registry.register("status_writes", "Statuses written", metrics.status_writes.clone());
        metrics
    }

    /// A pass ended.
    pub fn pass(&self, kind: &'static str, ending: Ending, seconds: f64) {
        self.passes.get_or_create(&PassLabels { kind, ending }).inc();
        self.seconds.get_or_create(&KindLabels { kind }).observe(seconds);
    }

    /// A status was written.
    pub fn status_written(&self, kind: &'static str) {
        self.status_writes.get_or_create(&KindLabels { kind }).inc();
    }
}
