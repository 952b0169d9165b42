//! Records of the database, and their way from and to the journal's types.
//!
//! In `#[surreal(…)]` the derive reads nothing behind `crate`, so `rename_all` comes first.

use eventing::time::Micros;
use eventing::types::{EventId, EventKey, Resource};
use serde_json::value::RawValue;
use surrealdb::types::{RecordId, RecordIdKey, SurrealValue, Value};

use super::StoreError;
use super::schema::{EVENTS, RESOURCES};
use crate::append::Placed;
use crate::backup::line::Line;
use crate::entry::{Cursor, Entry, Projection};
use crate::query::Facts;

/// A recorded event, without its body.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
pub(super) struct Row {
    id: RecordId,
    pub(super) position: i64,
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

/// A recorded event as it is written.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
pub(super) struct NewRow {
    #[surreal(flatten)]
    row: Row,
    body: String,
}

/// The ids of a recorded event.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
pub(super) struct Ids {
    pub(super) id: RecordId,
    pub(super) event_bridge_ids: Vec<String>,
}

/// How a resource stands.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
pub(super) struct Standing {
    pub(super) id: RecordId,
    pub(super) status: String,
    pub(super) last_updated: i64,
    pub(super) event_key: String,
}

pub(super) fn event_id(key: EventKey) -> RecordId {
    RecordId::new(EVENTS, key.to_string())
}

pub(super) fn resource_id(resource: &str) -> RecordId {
    RecordId::new(RESOURCES, resource)
}

/// The text a record is named by.
pub(super) fn name(id: &RecordId) -> String {
    match &id.key {
        RecordIdKey::String(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

impl NewRow {
    pub(super) fn of(placed: &Placed<'_>) -> Self {
        let event = placed.event;
        Self {
            row: Row {
                id: event_id(event.key),
                position: i64::try_from(placed.position).unwrap_or(i64::MAX),
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
            },
            body: event.body.clone(),
        }
    }

    /// The event as a backup has it.
    pub(super) fn line(self) -> Line {
        let Self { row, body } = self;
        Line {
            position: u64::try_from(row.position).unwrap_or_default(),
            event_key: name(&row.id),
            event_bridge_ids: row.event_bridge_ids,
            source: row.source,
            detail_type: row.detail_type,
            resource: row.resource,
            bus: row.bus,
            correlation_id: row.correlation_id,
            user_id: row.user_id,
            tenant_id: row.tenant_id,
            trace: row.trace,
            ts: row.ts,
            time: row.time,
            sent_at: row.sent_at,
            kid: row.kid,
            algorithm: row.algorithm,
            envelope_verified: row.envelope_verified,
            detail_core: row.detail_core,
            body,
        }
    }
}

pub(super) fn texts(ids: &[EventId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

impl Row {
    pub(super) fn id(&self) -> RecordId {
        self.id.clone()
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
        let event_key = name(&self.id);
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

impl Standing {
    pub(super) fn of(projection: Projection) -> Self {
        let Projection { resource, status, last_updated, event_key } = projection;
        Self { id: resource_id(&resource), status, last_updated, event_key }
    }

    pub(super) fn projection(self) -> Projection {
        let Self { id, status, last_updated, event_key } = self;
        Projection { resource: name(&id), status, last_updated, event_key }
    }
}

/// A resource, and how it stands.
pub(super) fn standing_of(row: Standing) -> Result<(Resource, Projection), StoreError> {
    let projection = row.projection();
    let resource = Resource::parse(&projection.resource)
        .map_err(|error| StoreError::Record { record: projection.resource.clone(), reason: error.to_string() })?;
    Ok((resource, projection))
}
