//! The consumer's handler: a verified event is done when it is on disk.

use eventing::consumer::{Delivery, Handler, HandlerAnswer};

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
}

impl Handler for Intake {
    async fn handle(&self, delivery: Delivery) -> HandlerAnswer {
        self.metrics.received();
        match self.recorder.record(NewEvent::from(&delivery)).await {
            Ok(()) => HandlerAnswer::Done,
            Err(not_recorded) => HandlerAnswer::Retry(not_recorded.to_string()),
        }
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
