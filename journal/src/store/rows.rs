//! Records of the database, and their way from and to the journal's types.
//!
//! In `#[surreal(…)]` the derive reads nothing behind `crate`, so `rename_all` comes first.

use eventing::time::Micros;
use eventing::types::EventId;
use eventing_http::Correlation;
use serde_json::value::RawValue;
use surrealdb::types::{RecordId, SurrealValue};

use super::StoreError;
use super::names::{arrival_id, entry_id, event_id, lead_of};
use super::schema::ENTRIES;
use crate::append::Placed;
use crate::backup::line::Line;
use crate::entry::{Cursor, Entry, Told};
use crate::query::{Facts, Lead};
use crate::recent::Glance;

/// What is read of a recorded event: all but its body.
///
/// It is kept as one text. Each field of a record costs the engine on every write and read, so those are few: what the
/// index names, and what is read without the rest: the key, for dead letters, and the time of the queue, for retention.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The signed time, which the entry has as a text.
    pub(super) ts: Micros,
    pub(super) entry: Entry,
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
        Self { position: Some(row.position()), ..Self::of(row, body) }
    }
}

impl EntryRow {
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.entry_id(),
            position: row.position(),
            ts: row.ts.0,
            event_key: row.entry.event_key.clone(),
            leads: row.leads(),
            sent_at: row.entry.sent_at,
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
        row.entry.event_bridge_ids = texts(ids);
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
    let entry = Entry {
        position: placed.position,
        event_bridge_ids: texts(&placed.ids),
        source: event.source.to_string(),
        detail_type: event.detail_type.to_string(),
        resource: event.resource.to_string(),
        bus: event.bus.as_ref().map(ToString::to_string),
        correlation_id: event.correlation_id.to_string(),
        user_id: event.user_id.clone(),
        tenant_id: event.tenant_id.clone(),
        trace: serde_json::from_str(&event.trace).map_err(unreadable(&key))?,
        ts: event.ts.to_string(),
        time: event.time.clone(),
        sent_at: event.sent_at.0,
        kid: event.kid.to_string(),
        algorithm: event.algorithm.clone(),
        envelope_verified: event.envelope_verified,
        detail_core: RawValue::from_string(event.detail_core.clone()).map_err(unreadable(&key))?,
        status: Some(event.status().to_owned()),
        body: None,
        event_key: key,
    };
    let row = Row { ts: event.ts, entry };
    Ok((EntryRow::of(&row)?, EventRow::of(&row, event.body.clone()), row.entry_id()))
}

fn texts(ids: &[EventId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

impl Row {
    /// Reads what an entry tells.
    pub(super) fn read(told: &Told) -> Result<Self, StoreError> {
        let entry = told.read().map_err(unreadable(ENTRIES))?;
        Ok(Self { ts: Micros::parse_rfc3339(&entry.ts).map_err(unreadable(&entry.event_key))?, entry })
    }

    fn leads(&self) -> Vec<String> {
        let Entry { resource, user_id, tenant_id, detail_type, .. } = &self.entry;
        let facts = [
            (Lead::Time, Some("")),
            (Lead::Resource, Some(resource.as_str())),
            (Lead::User, user_id.as_deref()),
            (Lead::Tenant, tenant_id.as_deref()),
            (Lead::DetailType, Some(detail_type.as_str())),
        ];
        facts.into_iter().filter_map(|(lead, value)| Some(lead_of(lead, value?))).collect()
    }

    fn told(&self) -> Result<String, StoreError> {
        Told::of(&self.entry).map(Told::into_string).map_err(unreadable(&self.entry.event_key))
    }

    pub(super) fn position(&self) -> i64 {
        i64::try_from(self.entry.position).unwrap_or(i64::MAX)
    }

    /// The record of the event that this is read of.
    pub(super) fn event_id(&self) -> RecordId {
        event_id(&self.entry.event_key)
    }

    /// This entry's own record.
    pub(super) fn entry_id(&self) -> RecordId {
        entry_id(&self.entry.correlation_id, self.ts.0, self.position())
    }

    /// The event as a backup has it.
    pub(super) fn line(self, body: String) -> Result<Line, StoreError> {
        let entry = self.entry;
        Ok(Line {
            position: entry.position,
            event_bridge_ids: entry.event_bridge_ids,
            source: entry.source,
            detail_type: entry.detail_type,
            resource: entry.resource,
            bus: entry.bus,
            correlation_id: entry.correlation_id,
            user_id: entry.user_id,
            tenant_id: entry.tenant_id,
            trace: serde_json::to_string(&entry.trace).map_err(unreadable(&entry.event_key))?,
            ts: self.ts.0,
            time: entry.time,
            sent_at: entry.sent_at,
            kid: entry.kid,
            algorithm: entry.algorithm,
            envelope_verified: entry.envelope_verified,
            detail_core: Box::<str>::from(entry.detail_core).into_string(),
            event_key: entry.event_key,
            body,
        })
    }

    pub(super) fn glance(self) -> Glance {
        let place = self.place();
        let Entry { ts, correlation_id, source, detail_type, resource, envelope_verified, .. } = self.entry;
        Glance {
            place,
            envelope_verified,
            correlation: Correlation { correlation_id, ts, source, detail_type, resource },
        }
    }

    pub(super) fn place(&self) -> Cursor {
        Cursor { ts: self.ts.0, position: self.entry.position }
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        let Entry { correlation_id, resource, user_id, tenant_id, source, detail_type, bus, .. } = &self.entry;
        Facts {
            correlation_id,
            resource,
            user: user_id.as_deref(),
            tenant: tenant_id.as_deref(),
            source,
            detail_type,
            bus: bus.as_deref(),
        }
    }
}
