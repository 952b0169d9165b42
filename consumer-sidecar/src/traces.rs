//! The sidecar's part of an event's trace: spans `publish`, `receive` and `handle`, sent by OTLP where an endpoint is
//! set. It writes OTLP itself: an SDK, an exporter and protobuf are much for a program that is in every pod and whose
//! size is a budget, and these spans need little of them.
//!
//! The trace goes with the event, in the signed `trace.traceparent`: the publisher's own, else that of the request that
//! published it, else a new one. `export` sends, `publish` gives events their trace.

mod export;
mod publish;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eventing::time::Millis;
use eventing::trace_context::TraceContext;
use tokio::sync::mpsc;

pub use export::{Exporter, Metrics, Origin};
pub use publish::publishing;

/// What a span is of, by OTLP's numbers.
/// <https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request to the application.
    Client = 3,
    /// An event that leaves.
    Producer = 4,
    /// An event that arrives.
    Consumer = 5,
}

/// Records spans, or does not; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<mpsc::Sender<Ended>>);

impl Tracer {
    /// Whether spans go anywhere.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span now, in its parent's trace or a new one. It ends when it is dropped.
    pub fn begin(&self, name: &'static str, kind: Kind, parent: Option<TraceContext>) -> Span {
        let context = match parent {
            // What is not recorded is nobody's parent.
            Some(parent) if !self.is_on() => parent,
            Some(parent) => parent.child(),
            None => TraceContext::begin(),
        };
        Span {
            tracer: self.clone(),
            context,
            parent,
            name,
            kind,
            began: SystemTime::now(),
            facts: Vec::new(),
            why: None,
        }
    }
}

/// A span that goes on.
#[derive(Debug)]
pub struct Span {
    tracer: Tracer,
    context: TraceContext,
    parent: Option<TraceContext>,
    name: &'static str,
    kind: Kind,
    began: SystemTime,
    facts: Vec<(&'static str, String)>,
    why: Option<String>,
}

impl Span {
    /// What goes to those who go on.
    pub const fn context(&self) -> TraceContext {
        self.context
    }

    /// It began then.
    #[must_use]
    pub fn since(mut self, at: Millis) -> Self {
        self.began = UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or_default());
        self
    }

    /// With a fact about it; never of a payload.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// It does not end well.
    pub fn fail(&mut self, why: impl Into<String>) {
        self.why = Some(why.into());
    }
}

/// Recorded however it ends: also where whoever waited went away.
impl Drop for Span {
    fn drop(&mut self) {
        let Some(spans) = self.tracer.0.as_ref().filter(|_| self.context.is_sampled()) else { return };
        let ended = Ended {
            context: self.context,
            parent: self.parent,
            name: self.name,
            kind: self.kind,
            since: self.began,
            until: SystemTime::now(),
            facts: std::mem::take(&mut self.facts),
            why: self.why.take(),
        };
        // What the exporter has no room for is lost: a trace is worth no event's delay.
        let _ = spans.try_send(ended);
    }
}

/// A span that is over.
#[derive(Debug)]
pub struct Ended {
    context: TraceContext,
    parent: Option<TraceContext>,
    name: &'static str,
    kind: Kind,
    since: SystemTime,
    until: SystemTime,
    facts: Vec<(&'static str, String)>,
    why: Option<String>,
}
