//! The inbox: events that this replica received and verified itself, on their way to the hub ahead of the journal.

use eventing::consumer::{Delivery, Handler, HandlerAnswer};
use eventing::verify::Verified;

use crate::event::Event;
use crate::hub::{Ahead, Hub};
use crate::metrics::Metrics;

/// Hands verified events to the hub. It never refuses one: what it does not send, the tail does.
#[derive(Debug, Clone)]
pub struct Inbox {
    hub: Hub,
    metrics: Metrics,
}

impl Inbox {
    /// An inbox that feeds `hub`.
    pub fn new(hub: Hub, metrics: Metrics) -> Self {
        Self { hub, metrics }
    }

    fn offer(&self, event: &Verified) -> Ahead {
        // What was sent again is old, and the journal has it.
        if event.purpose.is_some() {
            return Ahead::Left;
        }
        // The journal cannot have had it before it was signed, nor long before it entered a queue.
        let born = event.ts.millis().min(event.sent_at);
        Event::from_verified(event).map_or(Ahead::Left, |event| self.hub.ahead(event, born))
    }
}

impl Handler for Inbox {
    async fn handle(&self, delivery: Delivery) -> HandlerAnswer {
        self.metrics.received(self.offer(&delivery.event));
        HandlerAnswer::Done
    }
}
