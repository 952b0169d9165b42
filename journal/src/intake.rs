//! The consumer's handler: a verified event is done when it is on disk.

use eventing::consumer::{Delivery, Handler, HandlerAnswer};
use eventing_service::traces;
use tracing::Instrument as _;

use crate::event::NewEvent;
use crate::observe::Metrics;
use crate::recorder::Recorder;

/// Hands verified events to the recorder.
#[derive(Clone, Debug)]
pub struct Intake {
    recorder: Recorder,
    metrics: Metrics,
}

impl Intake {
    /// An intake for this recorder.
    pub fn new(recorder: Recorder, metrics: Metrics) -> Self {
        Self { recorder, metrics }
    }

    /// Records an event in the trace that it came in, however many are written with it.
    async fn record(&self, event: NewEvent, traceparent: Option<&str>) -> HandlerAnswer {
        let span = tracing::info_span!("record", otel.kind = "consumer", event_key = %event.key, kid = %event.kid);
        traces::continues(&span, traceparent);
        match self.recorder.record(event).instrument(span).await {
            Ok(()) => HandlerAnswer::Done,
            Err(not_recorded) => HandlerAnswer::Retry(not_recorded.to_string()),
        }
    }
}

impl Handler for Intake {
    async fn handle(&self, delivery: Delivery) -> HandlerAnswer {
        self.metrics.received();
        self.record(NewEvent::from(&delivery), delivery.event.trace.traceparent()).await
    }

    /// A copy's EventBridge id is recorded; the store knows the event by its key.
    fn wants_copies(&self) -> bool {
        true
    }

    async fn ready(&self) {
        // A writer that is gone takes nothing any more.
        let mut writing = self.recorder.writing();
        if writing.wait_for(|writing| *writing).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests;
