//! Records of the database, and their way from and to the journal's types.
//!
//! In `#[surreal(…)]` the derive reads nothing behind `crate`, so `rename_all` comes first.

use eventing::time::Micros;
use eventing::types::EventId;
use serde_json::value::RawValue;
use surrealdb::types::{Array, RecordId, RecordIdKey, SurrealValue};

use super::StoreError;
use super::schema::{ENTRIES, EVENTS};
use crate::append::Placed;
use crate::backup::line::Line;
use crate::entry::{Cursor, Entry};
use crate::query::Facts;

/// What is read of a recorded event: all but its body.
#[derive(Clone, Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
pub(super) struct Row {
    id: RecordId,
    pub(super) position: i64,
    pub(super) event_key: String,
    event_bridge_ids: Vec<String>,
    source: String,
    detail_type: String,
    resource: String,
    /// None of an event recorded before buses were.
    bus: Option<String>,
    correlation_id: String,
    user_id: Option<String>,
    tenant_id: Option<String>,
    trace: String,
    pub(super) ts: i64,
    time: Option<String>,
    sent_at: i64,
    kid: String,
    algorithm: String,
    envelope_verified: bool,
    detail_core: String,
    status: String,
}

/// A recorded event as it came, under its key.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
pub(super) struct EventRow {
    id: RecordId,
    entry: RecordId,
    /// Only of one that was moved out of version 2, until all are.
    position: Option<i64>,
    body: String,
}

/// The ids of a recorded event, whose record is its entry.
#[derive(Clone, Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
pub(super) struct Named {
    pub(super) id: RecordId,
    pub(super) event_key: String,
    pub(super) event_bridge_ids: Vec<String>,
}

/// An event's record, by its key in hex.
pub(super) fn event_id(key: &str) -> RecordId {
    RecordId::new(EVENTS, key)
}

/// An entry's record: entries of a correlation are neighbours, by signed time, then position.
fn entry_id(correlation_id: &str, ts: i64, position: i64) -> RecordId {
    let place = vec![correlation_id.to_owned().into_value(), ts.into_value(), position.into_value()];
    RecordId::new(ENTRIES, Array::from(place))
}

/// The text a record is named by.
pub(super) fn name(id: &RecordId) -> String {
    match &id.key {
        RecordIdKey::String(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

impl EventRow {
    /// An event whose entry is this row.
    pub(super) fn of(row: &Row, body: String) -> Self {
        Self { id: row.event_id(), entry: row.id.clone(), position: None, body }
    }

    /// The same of an event that version 2 had, whose place among those to move stays.
    pub(super) fn moved(row: &Row, body: String) -> Self {
        Self { position: Some(row.position), ..Self::of(row, body) }
    }
}

/// A placed event, as the two records that are written of it.
pub(super) fn rows_of(placed: &Placed<'_>) -> (Row, EventRow) {
    let event = placed.event;
    let position = i64::try_from(placed.position).unwrap_or(i64::MAX);
    let row = Row {
        id: entry_id(event.correlation_id.as_str(), event.ts.0, position),
        position,
        event_key: event.key.to_string(),
        event_bridge_ids: texts(&placed.ids),
        source: event.source.to_string(),
        detail_type: event.detail_type.to_string(),
        resource: event.resource.to_string(),
        bus: event.bus.as_ref().map(ToString::to_string),
        correlation_id: event.correlation_id.to_string(),
        user_id: event.user_id.clone(),
        tenant_id: event.tenant_id.clone(),
        trace: event.trace.clone(),
        ts: event.ts.0,
        time: event.time.clone(),
        sent_at: event.sent_at.0,
        kid: event.kid.to_string(),
        algorithm: event.algorithm.clone(),
        envelope_verified: event.envelope_verified,
        detail_core: event.detail_core.clone(),
        status: event.status().to_owned(),
    };
    let event = EventRow::of(&row, event.body.clone());
    (row, event)
}

pub(super) fn texts(ids: &[EventId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

impl Row {
    /// The record of the event that this is read of.
    pub(super) fn event_id(&self) -> RecordId {
        event_id(&self.event_key)
    }

    /// The same, in its place.
    pub(super) fn in_its_place(mut self) -> Self {
        self.id = entry_id(&self.correlation_id, self.ts, self.position);
        self
    }

    /// The event as a backup has it.
    pub(super) fn line(self, body: String) -> Line {
        Line {
            position: u64::try_from(self.position).unwrap_or_default(),
            event_key: self.event_key,
            event_bridge_ids: self.event_bridge_ids,
            source: self.source,
            detail_type: self.detail_type,
            resource: self.resource,
            bus: self.bus,
            correlation_id: self.correlation_id,
            user_id: self.user_id,
            tenant_id: self.tenant_id,
            trace: self.trace,
            ts: self.ts,
            time: self.time,
            sent_at: self.sent_at,
            kid: self.kid,
            algorithm: self.algorithm,
            envelope_verified: self.envelope_verified,
            detail_core: self.detail_core,
            body,
        }
    }

    /// About how many bytes it has in an answer.
    pub(super) fn size(&self) -> usize {
        self.detail_core.len().saturating_add(self.trace.len())
    }

    pub(super) fn place(&self) -> Cursor {
        Cursor { ts: self.ts, position: u64::try_from(self.position).unwrap_or_default() }
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            correlation_id: &self.correlation_id,
            resource: &self.resource,
            user: self.user_id.as_deref(),
            tenant: self.tenant_id.as_deref(),
            source: &self.source,
            detail_type: &self.detail_type,
            bus: self.bus.as_deref(),
        }
    }

    pub(super) fn entry(self) -> Result<Entry, StoreError> {
        let event_key = self.event_key;
        let unreadable =
            |error: serde_json::Error| StoreError::Record { record: event_key.clone(), reason: error.to_string() };
        Ok(Entry {
            position: u64::try_from(self.position).unwrap_or_default(),
            event_bridge_ids: self.event_bridge_ids,
            source: self.source,
            detail_type: self.detail_type,
            resource: self.resource,
            bus: self.bus,
            correlation_id: self.correlation_id,
            user_id: self.user_id,
            tenant_id: self.tenant_id,
            trace: serde_json::from_str(&self.trace).map_err(unreadable)?,
            ts: Micros(self.ts).to_string(),
            time: self.time,
            sent_at: self.sent_at,
            kid: self.kid,
            algorithm: self.algorithm,
            envelope_verified: self.envelope_verified,
            detail_core: RawValue::from_string(self.detail_core).map_err(unreadable)?,
            status: Some(self.status),
            body: None,
            event_key,
        })
    }
}
