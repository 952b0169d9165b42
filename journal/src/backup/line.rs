//! One event of a backup.

use eventing::time::{Micros, Millis};
use eventing::types::{CorrelationId, DetailType, EventId, EventKey, Kid, ParseError, Resource, Source};
use serde::{Deserialize, Serialize};

use crate::event::NewEvent;

/// An event with its place, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// Its place.
    pub position: u64,
    /// Names it.
    pub event_key: String,
    /// EventBridge's ids of its copies.
    pub event_bridge_ids: Vec<String>,
    /// Who sent it.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// What it happened to.
    pub resource: String,
    /// The bus whose key verified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// The story.
    pub correlation_id: String,
    /// Whose.
    pub user_id: Option<String>,
    /// Whose.
    pub tenant_id: Option<String>,
    /// The whole trace, as JSON.
    pub trace: String,
    /// The signed time, in microseconds since 1970.
    pub ts: i64,
    /// EventBridge's time.
    pub time: Option<String>,
    /// When it entered the queue, in milliseconds since 1970.
    pub sent_at: i64,
    /// The key that signed it.
    pub kid: String,
    /// That key's algorithm.
    pub algorithm: String,
    /// Whether the signature covers the envelope.
    pub envelope_verified: bool,
    /// The signed payload, as JSON.
    pub detail_core: String,
    /// The body as received.
    pub body: String,
}

/// A line that is no event.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not JSON of this form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A field does not say what it should.
    #[error("{field}: {source}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: ParseError,
    },
}

/// An event with its place, read from a line.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its place.
    pub position: u64,
    /// EventBridge's ids of its copies.
    pub ids: Vec<EventId>,
    /// The event.
    pub event: NewEvent,
}

impl Line {
    /// Reads a line whose fields are what they should be.
    pub(super) fn read(text: &str) -> Result<Self, LineError> {
        let line: Self = serde_json::from_str(text)?;
        line.clone().kept()?;
        Ok(line)
    }

    /// The event.
    pub fn kept(self) -> Result<Kept, LineError> {
        let wrong = |field| move |source| LineError::Field { field, source };
        let ids: Vec<EventId> = self
            .event_bridge_ids
            .iter()
            .map(|id| EventId::parse(id))
            .collect::<Result<_, _>>()
            .map_err(wrong("eventBridgeIds"))?;
        let event = NewEvent {
            key: self.event_key.parse::<EventKey>().map_err(wrong("eventKey"))?,
            event_id: EventId::parse(self.event_bridge_ids.first().map_or("", String::as_str))
                .map_err(wrong("eventBridgeIds"))?,
            source: Source::parse(&self.source).map_err(wrong("source"))?,
            detail_type: DetailType::parse(&self.detail_type).map_err(wrong("detailType"))?,
            resource: Resource::parse(&self.resource).map_err(wrong("resource"))?,
            bus: self.bus.map(|bus| bus.parse()).transpose().map_err(wrong("bus"))?,
            correlation_id: CorrelationId::parse(&self.correlation_id).map_err(wrong("correlationId"))?,
            user_id: self.user_id,
            tenant_id: self.tenant_id,
            trace: self.trace,
            // Entries have it as a text, which not every number can be.
            ts: Micros::parse_rfc3339(&Micros(self.ts).to_string()).map_err(wrong("ts"))?,
            time: self.time,
            sent_at: Millis(self.sent_at),
            kid: Kid::parse(&self.kid).map_err(wrong("kid"))?,
            algorithm: self.algorithm,
            envelope_verified: self.envelope_verified,
            detail_core: self.detail_core,
            body: self.body,
        };
        Ok(Kept { position: self.position, ids, event })
    }
}
