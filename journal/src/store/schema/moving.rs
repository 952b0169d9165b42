//! Version 2 kept an event in one record; now what is read of it is kept in another, named by its place.
//!
//! A few are moved in each transaction, by position, and one that was moved has an entry: cut off, it goes on where it was.

use eventing::time::Micros;
use serde_json::value::RawValue;
use surrealdb::engine::any::Any;
use surrealdb::method::Transaction;
use surrealdb::types::SurrealValue;
use surrealdb::{IndexedResults, Surreal};

use super::super::StoreError;
use super::super::connection::failed;
use super::super::rows::{ArrivalRow, EntryRow, EventRow, Row, unreadable};
use crate::entry::Entry;

/// Events that one transaction moves; each may have some mebibytes.
const AT_ONCE: usize = 50;
/// How often it is told how far it is.
const TOLD_EVERY: usize = 10_000;
const OLD: &str = "SELECT *, record::id(id) AS eventKey FROM event_journal WITH INDEX event_position \
                   WHERE position > $after AND entry = NONE ORDER BY position LIMIT $most";

/// An event as version 2 has it.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
struct Old {
    position: i64,
    event_key: String,
    event_bridge_ids: Vec<String>,
    source: String,
    detail_type: String,
    resource: String,
    bus: Option<String>,
    correlation_id: String,
    user_id: Option<String>,
    tenant_id: Option<String>,
    trace: String,
    ts: i64,
    time: Option<String>,
    sent_at: i64,
    kid: String,
    algorithm: String,
    envelope_verified: bool,
    detail_core: String,
    status: String,
    body: String,
}

impl Old {
    /// As the records of this version.
    fn moved(self) -> Result<(EntryRow, EventRow, Option<ArrivalRow>), StoreError> {
        let ts = Micros(self.ts);
        let entry = Entry {
            trace: serde_json::from_str(&self.trace).map_err(unreadable(&self.event_key))?,
            detail_core: RawValue::from_string(self.detail_core).map_err(unreadable(&self.event_key))?,
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
            ts: ts.to_string(),
            time: self.time,
            sent_at: self.sent_at,
            kid: self.kid,
            algorithm: self.algorithm,
            envelope_verified: self.envelope_verified,
            status: Some(self.status),
            body: None,
        };
        let row = Row { ts, entry };
        // One by one: what was moved before may have its place between two of these.
        let arrival = ArrivalRow::of(&[(row.position(), row.entry_id())]);
        Ok((EntryRow::of(&row)?, EventRow::moved(&row, self.body), arrival))
    }
}

/// Moves all that were not moved yet.
pub(super) async fn all(db: &Surreal<Any>) -> Result<(), StoreError> {
    let (mut moved, mut told, mut after) = (0, 0, 0);
    loop {
        let transaction = db.clone().begin().await.map_err(failed("begin to move events"))?;
        let (some, last) = match some(&transaction, after).await {
            Ok(done) => done,
            Err(error) => {
                // The first error tells why.
                let _ = transaction.cancel().await;
                return Err(error);
            }
        };
        transaction.commit().await.map_err(failed("move events"))?;
        moved += some;
        if some < AT_ONCE {
            return Ok(());
        }
        if moved - told >= TOLD_EVERY {
            told = moved;
            tracing::info!(moved, "events are moved to the tables of the next version");
        }
        after = last;
    }
}

/// How many there were behind a position, and the position of the last.
pub(super) async fn some(transaction: &Transaction<Any>, after: i64) -> Result<(usize, i64), StoreError> {
    let old = transaction.query(OLD).bind(("after", after)).bind(("most", i64::try_from(AT_ONCE).unwrap_or(i64::MAX)));
    let old: Vec<Old> = old.await.and_then(|mut told| told.take(0)).map_err(failed("read events to move"))?;
    let Some(last) = old.last().map(|old| old.position) else { return Ok((0, after)) };
    let moved = old.len();
    let (mut entries, mut events, mut arrivals) = (Vec::new(), Vec::new(), Vec::new());
    for old in old {
        let (entry, event, arrival) = old.moved()?;
        entries.push(entry);
        events.push(event);
        arrivals.extend(arrival);
    }
    transaction
        .query("INSERT INTO event_entry $entries RETURN NONE")
        .query("FOR $one IN $events { UPDATE $one.id REPLACE $one RETURN NONE }")
        .query("INSERT INTO event_arrival $arrivals RETURN NONE")
        .bind(("entries", entries))
        .bind(("arrivals", arrivals))
        .bind(("events", events))
        .await
        .and_then(IndexedResults::check)
        .map_err(failed("move events"))?;
    Ok((moved, last))
}
