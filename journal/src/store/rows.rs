//! Records of the database, and their way from and to the journal's types.
//!
//! In `#[surreal(…)]` the derive reads nothing behind `crate`, so `rename_all` comes first.

use eventing::time::Micros;
use eventing::types::EventId;
use eventing_http::Correlation;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use surrealdb::types::{RecordId, SurrealValue};

use super::StoreError;
use super::names::{arrival_id, entry_id, event_id, lead_of};
use super::schema::ENTRIES;
use crate::append::Placed;
use crate::backup::line::Line;
use crate::entry::{Cursor, Entry};
use crate::query::{Facts, Lead};
use crate::recent::Glance;

/// What is read of a recorded event: all but its body.
///
/// It is kept as one text. Each field of a record costs the engine on every write and read, so those are few: what the
/// index names, and what is read without the rest: the key, for dead letters, and the time of the queue, for retention.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) position: i64,
    pub(super) event_key: String,
    pub(super) event_bridge_ids: Vec<String>,
    pub(super) source: String,
    pub(super) detail_type: String,
    pub(super) resource: String,
    /// None of an event recorded before buses were.
    pub(super) bus: Option<String>,
    pub(super) correlation_id: String,
    pub(super) user_id: Option<String>,
    pub(super) tenant_id: Option<String>,
    pub(super) trace: Box<RawValue>,
    pub(super) ts: i64,
    pub(super) time: Option<String>,
    pub(super) sent_at: i64,
    pub(super) kid: String,
    pub(super) algorithm: String,
    pub(super) envelope_verified: bool,
    pub(super) detail_core: Box<RawValue>,
    pub(super) status: String,
}

/// An entry's record, as it is written.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
pub(super) struct EntryRow {
    id: RecordId,
    position: i64,
    ts: i64,
    event_key: String,
    /// What it is found by, as [`lead_of`](super::names::lead_of) says it.
    leads: Vec<String>,
    sent_at: i64,
    told: String,
}

/// What was recorded at once.
#[derive(Debug, SurrealValue)]
#[surreal(crate = "surrealdb::types")]
pub(super) struct ArrivalRow {
    id: RecordId,
    entries: Vec<RecordId>,
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

/// What an entry tells now.
#[derive(Debug, SurrealValue)]
#[surreal(crate = "surrealdb::types")]
pub(super) struct Retold {
    id: RecordId,
    told: String,
}

impl EventRow {
    /// An event whose entry is this row.
    pub(super) fn of(row: &Row, body: String) -> Self {
        Self { id: row.event_id(), entry: row.entry_id(), position: None, body }
    }

    /// The same of an event that version 2 had, whose place among those to move stays.
    pub(super) fn moved(row: &Row, body: String) -> Self {
        Self { position: Some(row.position), ..Self::of(row, body) }
    }
}

impl EntryRow {
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.entry_id(),
            position: row.position,
            ts: row.ts,
            event_key: row.event_key.clone(),
            leads: row.leads(),
            sent_at: row.sent_at,
            told: row.told()?,
        })
    }
}

impl ArrivalRow {
    /// These entries with their positions, which ascend; nothing of none.
    pub(super) fn of(places: &[(i64, RecordId)]) -> Option<Self> {
        let (last, _) = places.last()?;
        Some(Self { id: arrival_id(*last), entries: places.iter().map(|(_, entry)| entry.clone()).collect() })
    }
}

impl Retold {
    /// A recorded event that came under one more of EventBridge's ids.
    pub(super) fn of(mut row: Row, ids: &[EventId]) -> Result<Self, StoreError> {
        row.event_bridge_ids = texts(ids);
        Ok(Self { id: row.entry_id(), told: row.told()? })
    }
}

/// A record whose text is not what it should be.
pub(super) fn unreadable<E: std::fmt::Display>(record: &str) -> impl Fn(E) -> StoreError {
    move |error| StoreError::Record { record: record.to_owned(), reason: error.to_string() }
}

/// A placed event, as the two records that are written of it, and the name of the entry.
pub(super) fn rows_of(placed: &Placed<'_>) -> Result<(EntryRow, EventRow, RecordId), StoreError> {
    let event = placed.event;
    let key = event.key.to_string();
    let json = |text: &str| RawValue::from_string(text.to_owned()).map_err(unreadable(&key));
    let row = Row {
        position: i64::try_from(placed.position).unwrap_or(i64::MAX),
        event_bridge_ids: texts(&placed.ids),
        source: event.source.to_string(),
        detail_type: event.detail_type.to_string(),
        resource: event.resource.to_string(),
        bus: event.bus.as_ref().map(ToString::to_string),
        correlation_id: event.correlation_id.to_string(),
        user_id: event.user_id.clone(),
        tenant_id: event.tenant_id.clone(),
        trace: json(&event.trace)?,
        ts: event.ts.0,
        time: event.time.clone(),
        sent_at: event.sent_at.0,
        kid: event.kid.to_string(),
        algorithm: event.algorithm.clone(),
        envelope_verified: event.envelope_verified,
        detail_core: json(&event.detail_core)?,
        status: event.status().to_owned(),
        event_key: key,
    };
    Ok((EntryRow::of(&row)?, EventRow::of(&row, event.body.clone()), row.entry_id()))
}

fn texts(ids: &[EventId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

impl Row {
    /// Reads what an entry tells.
    pub(super) fn read(told: &str) -> Result<Self, StoreError> {
        serde_json::from_str(told).map_err(unreadable(ENTRIES))
    }

    fn leads(&self) -> Vec<String> {
        let facts = [
            (Lead::Time, Some("")),
            (Lead::Resource, Some(self.resource.as_str())),
            (Lead::User, self.user_id.as_deref()),
            (Lead::Tenant, self.tenant_id.as_deref()),
            (Lead::DetailType, Some(self.detail_type.as_str())),
        ];
        facts.into_iter().filter_map(|(lead, value)| Some(lead_of(lead, value?))).collect()
    }

    fn told(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(unreadable(&self.event_key))
    }

    /// The record of the event that this is read of.
    pub(super) fn event_id(&self) -> RecordId {
        event_id(&self.event_key)
    }

    /// This entry's own record.
    pub(super) fn entry_id(&self) -> RecordId {
        entry_id(&self.correlation_id, self.ts, self.position)
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
            trace: Box::<str>::from(self.trace).into_string(),
            ts: self.ts,
            time: self.time,
            sent_at: self.sent_at,
            kid: self.kid,
            algorithm: self.algorithm,
            envelope_verified: self.envelope_verified,
            detail_core: Box::<str>::from(self.detail_core).into_string(),
            body,
        }
    }

    /// About how many bytes it has in an answer.
    pub(super) fn size(&self) -> usize {
        self.detail_core.get().len().saturating_add(self.trace.get().len())
    }

    pub(super) fn glance(self) -> Glance {
        let place = self.place();
        let Self { ts, correlation_id, source, detail_type, resource, envelope_verified, .. } = self;
        let correlation = Correlation { correlation_id, ts: Micros(ts).to_string(), source, detail_type, resource };
        Glance { place, envelope_verified, correlation }
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
            trace: serde_json::from_str(self.trace.get()).map_err(unreadable(&event_key))?,
            ts: Micros(self.ts).to_string(),
            time: self.time,
            sent_at: self.sent_at,
            kid: self.kid,
            algorithm: self.algorithm,
            envelope_verified: self.envelope_verified,
            detail_core: self.detail_core,
            status: Some(self.status),
            body: None,
            event_key,
        })
    }
}
