//! An event as it is written: what was verified, and the text it came in.

use eventing::consumer::Delivery;
use eventing::envelope::Trace;
use eventing::time::{Micros, Millis};
use eventing::types::{BusId, CorrelationId, DetailType, EventId, EventKey, Kid, Resource, Source};

/// A verified event on its way into the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Names the event, whichever copy of it arrived; the record's id.
    pub key: EventKey,
    /// EventBridge's id of this copy.
    pub event_id: EventId,
    /// Who sent it.
    pub source: Source,
    /// What happened.
    pub detail_type: DetailType,
    /// What it happened to.
    pub resource: Resource,
    /// The bus whose key verified it; none of one that is restored from before that was written down.
    pub bus: Option<BusId>,
    /// What holds its story together.
    pub correlation_id: CorrelationId,
    /// The user who may follow it.
    pub user_id: Option<String>,
    /// The tenant who may follow it.
    pub tenant_id: Option<String>,
    /// The whole trace, as JSON.
    pub trace: String,
    /// The signed time.
    pub ts: Micros,
    /// EventBridge's time, cut to seconds by it and settable by callers, so for information only.
    pub time: Option<String>,
    /// When the message entered the queue.
    pub sent_at: Millis,
    /// The key that signed it.
    pub kid: Kid,
    /// The key's algorithm.
    pub algorithm: String,
    /// Whether the signature covers the envelope, and not the payload alone.
    pub envelope_verified: bool,
    /// The signed payload, as JSON: the signature's own bytes.
    pub detail_core: String,
    /// The body as received.
    pub body: String,
}

impl NewEvent {
    /// What the event says of its resource: the action in its detail-type.
    pub fn status(&self) -> &str {
        self.detail_type.action()
    }

    /// About how much a transaction grows by it.
    pub fn size(&self) -> usize {
        self.body.len().saturating_add(self.detail_core.len()).saturating_add(self.trace.len())
    }
}

impl From<&Delivery> for NewEvent {
    fn from(delivery: &Delivery) -> Self {
        let event = delivery.event.as_ref();
        Self {
            key: event.event_key,
            event_id: event.event_id.clone(),
            source: event.source.clone(),
            detail_type: event.detail_type.clone(),
            resource: event.resource.clone(),
            bus: Some(event.bus.clone()),
            correlation_id: event.correlation_id.clone(),
            user_id: event.trace.user_id().map(str::to_owned),
            tenant_id: event.trace.tenant_id().map(str::to_owned),
            trace: trace(&event.trace),
            ts: event.ts,
            time: event.time.clone(),
            sent_at: event.sent_at,
            kid: event.kid.clone(),
            algorithm: event.algorithm.to_string(),
            envelope_verified: event.has_env,
            detail_core: event.detail_core.as_str().to_owned(),
            body: delivery.body.to_string(),
        }
    }
}

/// A map of texts is always JSON.
fn trace(trace: &Trace) -> String {
    serde_json::to_string(trace).unwrap_or_else(|_| "{}".to_owned())
}
