//! What is told of what happens: each a struct that counts and writes the log line together, so that neither can be
//! forgotten. Where a line is written inside a pass, its span adds kind, namespace, name and reconcile id.

use std::time::Duration;

use super::metrics::{CallLabels, Ending, ErrorLabels, KindLabels, Metrics, OperationLabels, PassLabels};

/// A pass over an object ended.
#[derive(Clone, Copy, Debug)]
pub struct PassEnded {
    /// The object's kind.
    pub kind: &'static str,
    /// How.
    pub ending: Ending,
    /// How long it took.
    pub seconds: f64,
    /// When it is looked at again, if nothing wakes it before.
    pub again: Option<Duration>,
}

impl PassEnded {
    /// Counts it and writes the line.
    pub fn emit(self, metrics: &Metrics) {
        let Self { kind, ending, seconds, again } = self;
        metrics.passes.get_or_create(&PassLabels { kind, ending }).inc();
        metrics.pass_seconds.get_or_create(&KindLabels { kind }).observe(seconds);
        let again_seconds = again.map(|again| again.as_secs_f64());
        tracing::debug!(?ending, seconds, again_seconds, "pass ended");
    }
}

/// A pass ended early: it is tried again, or only an edit can help.
#[derive(Debug)]
pub struct PassFailed<'a> {
    /// The object's kind.
    pub kind: &'static str,
    /// The class of error: a bounded word.
    pub class: &'static str,
    /// The error, in a sentence.
    pub error: &'a (dyn std::error::Error + 'static),
    /// How many in a row, where it is tried again.
    pub failures: Option<u32>,
    /// When it is tried again.
    pub again: Duration,
}

impl PassFailed<'_> {
    /// Counts it and writes the line.
    pub fn emit(self, metrics: &Metrics) {
        let Self { kind, class, error, failures, again } = self;
        metrics.errors.get_or_create(&ErrorLabels { kind, class }).inc();
        let again_seconds = again.as_secs();
        if let Some(failures) = failures {
            tracing::warn!(class, %error, failures, again_seconds, "failed, trying again");
        } else {
            tracing::warn!(class, %error, "cannot work as it is");
        }
    }
}

/// An attempt of a call to AWS ended.
#[derive(Clone, Copy, Debug)]
pub struct CallEnded {
    /// The service.
    pub service: &'static str,
    /// The operation, in AWS's name.
    pub operation: &'static str,
    /// `Ok`, or the class of error.
    pub outcome: &'static str,
    /// How long it took.
    pub seconds: f64,
}

impl CallEnded {
    /// Counts it and writes the line.
    pub fn emit(self, metrics: &Metrics) {
        let Self { service, operation, outcome, seconds } = self;
        metrics.calls.get_or_create(&CallLabels { service, operation, outcome }).inc();
        metrics.call_seconds.get_or_create(&OperationLabels { service, operation }).observe(seconds);
        tracing::debug!(service, operation, outcome, seconds, "call to AWS");
    }
}

/// A status was written.
#[derive(Clone, Copy, Debug)]
pub struct StatusWritten {
    /// The object's kind.
    pub kind: &'static str,
}

impl StatusWritten {
    /// Counts it and writes the line.
    pub fn emit(self, metrics: &Metrics) {
        metrics.status_writes.get_or_create(&KindLabels { kind: self.kind }).inc();
        tracing::debug!("status written");
    }
}

/// A Kubernetes Event was published, or held back.
#[derive(Clone, Copy, Debug)]
pub struct EventTold<'a> {
    /// The object's kind.
    pub kind: &'static str,
    /// The Event's reason.
    pub reason: &'a str,
    /// Whether it was held back, because the object had too many.
    pub held_back: bool,
}

impl EventTold<'_> {
    /// Counts it and writes the line.
    pub fn emit(self, metrics: &Metrics) {
        let Self { kind, reason, held_back } = self;
        let family = if held_back { &metrics.events_held_back } else { &metrics.events };
        family.get_or_create(&KindLabels { kind }).inc();
        tracing::debug!(reason, held_back, "event");
    }
}
