//! [`EventStore`] on SurrealDB: embedded on disk, fsync at every commit.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use eventing::time::Millis;
use eventing::types::{EventId, EventKey};
use surrealdb::engine::any::Any;
use surrealdb::method::Transaction;
use surrealdb::types::{Object, RecordId, SurrealValue};
use surrealdb::{IndexedResults, Surreal};

use super::connection::{Connection, Location, failed};
use super::names::{ARRIVAL, event_id};
use super::rows::{ArrivalRow, Retold, Row, rows_of, unreadable};
use super::schema::STATE;
use super::{Appended, EventStore, StoreError};
use crate::append::{Changes, Known, append};
use crate::entry::{Entry, Told};
use crate::event::NewEvent;

/// A store in SurrealDB.
#[derive(Clone, Debug)]
pub struct SurrealStore {
    connection: Arc<Connection>,
}

/// How often a transaction is tried that another one was in the way of.
const TRIES: u32 = 8;

impl SurrealStore {
    /// Opens the database, making it where it is not there, and its tables as this version has them.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        Ok(Self { connection: Arc::new(Connection::open(location).await?) })
    }

    /// The way to the database.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The database, to read from.
    pub(super) async fn db(&self) -> Result<Surreal<Any>, StoreError> {
        self.connection.to_read().await
    }

    /// The database, to write to.
    pub(super) async fn db_to_write(&self) -> Result<Surreal<Any>, StoreError> {
        self.connection.to_write().await
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction<Any>, StoreError> {
        self.db_to_write().await?.begin().await.map_err(failed("begin a transaction"))
    }

    /// Commits a transaction whose work was done, and gives any other up.
    pub(super) async fn end_transaction<T>(
        &self,
        transaction: Transaction<Any>,
        worked: Result<T, StoreError>,
        doing: &'static str,
    ) -> Result<T, StoreError> {
        match worked {
            Ok(done) => {
                transaction.commit().await.map_err(self.connection.not_committed(doing))?;
                Ok(done)
            }
            Err(error) => {
                // The first error tells why; that of ending a broken transaction would hide it.
                let _ = transaction.cancel().await;
                Err(error)
            }
        }
    }

    /// Runs statements that each commit by themselves.
    pub(super) async fn write(
        &self,
        doing: &'static str,
        query: &str,
        bindings: Object,
    ) -> Result<IndexedResults, StoreError> {
        let db = self.db_to_write().await?;
        let done = db.query(query).bind(bindings).await.and_then(IndexedResults::check);
        done.map_err(self.connection.not_committed(doing))
    }

    /// Removes at most `most` of the records that a query over `$before` and `$most` selects, and says how many.
    pub(super) async fn remove(
        &self,
        doing: &'static str,
        old: &str,
        before: Millis,
        most: usize,
    ) -> Result<usize, StoreError> {
        let query = format!("LET $old = ({old}); DELETE $old RETURN NONE; RETURN array::len($old)");
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let bindings = surrealdb::types::object! { before: before.0, most: most };
        let mut answers = self.write(doing, &query, bindings).await?;
        let removed: Option<i64> = answers.take(2).map_err(failed(doing))?;
        Ok(removed.and_then(|removed| usize::try_from(removed).ok()).unwrap_or_default())
    }

    /// What is recorded of a batch's events, and the entries of those that are.
    async fn known(
        transaction: &Transaction<Any>,
        batch: &[NewEvent],
    ) -> Result<(Known, HashMap<EventKey, Row>), StoreError> {
        let doing = failed("read what is recorded");
        let events: Vec<RecordId> = batch.iter().map(|event| event_id(&event.key.to_string())).collect();
        let mut answers = transaction
            .query(format!("SELECT VALUE last FROM {STATE}:position"))
            .query("SELECT VALUE entry.told FROM $events")
            .bind(("events", events))
            .await
            .map_err(&doing)?;
        let end: Vec<i64> = answers.take(0).map_err(&doing)?;
        let told: Vec<String> = answers.take(1).map_err(&doing)?;
        let rows = told.into_iter().map(|told| Row::read(&Told::kept(told)).and_then(|row| Ok((key(&row)?, row))));
        let rows: HashMap<EventKey, Row> = rows.collect::<Result<_, _>>()?;
        let known = Known {
            end: end.first().and_then(|end| u64::try_from(*end).ok()).unwrap_or_default(),
            recorded: rows.iter().map(|(key, row)| Ok((*key, ids(row)?))).collect::<Result<_, StoreError>>()?,
        };
        Ok((known, rows))
    }

    /// Writes what a batch changes; `recorded` are the entries of those events that were recorded before.
    pub(super) async fn write_changes(
        transaction: &Transaction<Any>,
        changes: Changes<'_>,
        mut recorded: HashMap<EventKey, Row>,
    ) -> Result<(), StoreError> {
        let Changes { end, new, ids } = changes;
        let (mut entries, mut events, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for placed in &new {
            let (entry, event, name) = rows_of(placed)?;
            entries.push(entry);
            events.push(event);
            places.push((i64::try_from(placed.position).unwrap_or(i64::MAX), name));
        }
        let arrivals: Vec<ArrivalRow> = places.chunks(ARRIVAL).filter_map(ArrivalRow::of).collect();
        let more = ids.iter().filter_map(|(key, ids)| Some(Retold::of(recorded.remove(key)?, ids)));
        let more: Vec<Retold> = more.collect::<Result<_, _>>()?;
        transaction
            // First: of a record that is there the engine goes back to before it, and sorts all anew that was written before.
            .query(format!("UPSERT {STATE}:position SET last = $last RETURN NONE"))
            .query("INSERT INTO event_entry $entries RETURN NONE")
            .query("INSERT INTO event_journal $events RETURN NONE")
            .query("INSERT INTO event_arrival $arrivals RETURN NONE")
            .query("FOR $one IN $more { UPDATE $one.id SET told = $one.told RETURN NONE }")
            .bind(("entries", entries))
            .bind(("events", events))
            .bind(("arrivals", arrivals))
            .bind(("more", more))
            .bind(("last", i64::try_from(end).unwrap_or(i64::MAX)))
            .await
            .and_then(IndexedResults::check)
            .map_err(failed("write a batch"))?;
        Ok(())
    }

    async fn append_in(transaction: &Transaction<Any>, batch: &[NewEvent]) -> Result<Appended, StoreError> {
        let (known, recorded) = Self::known(transaction, batch).await?;
        let changes = append(batch, known);
        let new = changes.new.len();
        let appended = Appended { new, copies: batch.len().saturating_sub(new), end: changes.end };
        if !changes.is_empty() {
            Self::write_changes(transaction, changes, recorded).await?;
        }
        Ok(appended)
    }

    async fn append_once(&self, batch: &[NewEvent]) -> Result<Appended, StoreError> {
        let transaction = self.begin().await?;
        let worked = Self::append_in(&transaction, batch).await;
        // Copies alone are committed too: the fsync is what says that those they are copies of are on disk.
        self.end_transaction(transaction, worked, "commit a batch").await
    }

    pub(super) async fn rows<R: SurrealValue>(
        &self,
        doing: &'static str,
        query: String,
        bindings: impl surrealdb::types::SurrealValue,
    ) -> Result<Vec<R>, StoreError> {
        let db = self.db().await?;
        db.query(query).bind(bindings).await.and_then(|mut answers| answers.take(0)).map_err(failed(doing))
    }
}

fn key(row: &Row) -> Result<EventKey, StoreError> {
    row.entry.event_key.parse().map_err(unreadable(&row.entry.event_key))
}

fn ids(row: &Row) -> Result<Vec<EventId>, StoreError> {
    let ids = row.entry.event_bridge_ids.iter().map(|id| EventId::parse(id));
    ids.collect::<Result<_, _>>().map_err(unreadable(&row.entry.event_key))
}

#[async_trait]
impl EventStore for SurrealStore {
    async fn append(&self, batch: &[NewEvent]) -> Result<Appended, StoreError> {
        let mut tries = 1;
        loop {
            match self.append_once(batch).await {
                Err(error) if error.may_be_repeated() && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.follow(after, limit).await
    }

    async fn end(&self) -> Result<u64, StoreError> {
        let query = format!("SELECT VALUE last FROM {STATE}:position");
        let end: Vec<i64> = self.rows("read its end", query, surrealdb::types::object! {}).await?;
        Ok(end.first().and_then(|end| u64::try_from(*end).ok()).unwrap_or_default())
    }

    async fn generation(&self) -> Result<u64, StoreError> {
        let query = format!("SELECT VALUE last FROM {STATE}:generation");
        let generation: Vec<i64> = self.rows("read its generation", query, surrealdb::types::object! {}).await?;
        Ok(generation.first().and_then(|generation| u64::try_from(*generation).ok()).unwrap_or_default())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let query = format!("UPSERT {STATE}:probe SET last = (last ?? 0) + 1 RETURN NONE");
        self.write("take a write", &query, surrealdb::types::object! {}).await.map(drop)
    }
}
