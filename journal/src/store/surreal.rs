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
use super::rows::{Ids, NewRow, Standing, event_id, name, resource_id, standing_of, texts};
use super::schema::STATE;
use super::{Appended, EventStore, StoreError};
use crate::append::{Changes, Known, append};
use crate::entry::Entry;
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
                let log = self.connection.log_number();
                transaction.commit().await.map_err(self.connection.not_committed(doing))?;
                self.connection.committed(log).map(|()| done)
            }
            Err(error) => {
                // The first error tells why; that of ending a broken transaction would hide it.
                let _ = transaction.cancel().await;
                Err(error)
            }
        }
    }

    /// Runs statements that each commit by themselves, and that may be run again.
    pub(super) async fn write(
        &self,
        doing: &'static str,
        query: &str,
        bindings: Object,
    ) -> Result<IndexedResults, StoreError> {
        let mut tries = 1;
        loop {
            let db = self.db_to_write().await?;
            let log = self.connection.log_number();
            let done = db.query(query).bind(bindings.clone()).await.and_then(IndexedResults::check);
            let done = done.map_err(self.connection.not_committed(doing))?;
            match self.connection.committed(log) {
                Ok(()) => return Ok(done),
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    /// Closes the database and opens it, after which everything written before is on disk.
    pub(super) async fn settle_down(&self) -> Result<(), StoreError> {
        self.connection.settle().await
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

    /// What is recorded of a batch's events and resources.
    async fn known(transaction: &Transaction<Any>, batch: &[NewEvent]) -> Result<Known, StoreError> {
        let events: Vec<RecordId> = batch.iter().map(|event| event_id(event.key)).collect();
        let resources: Vec<RecordId> = batch.iter().map(|event| resource_id(event.resource.as_str())).collect();
        let mut answers = transaction
            .query(format!("SELECT VALUE last FROM {STATE}:position"))
            .query("SELECT id, eventBridgeIds FROM $events")
            .query("SELECT * FROM $resources")
            .bind(("events", events))
            .bind(("resources", resources))
            .await
            .map_err(failed("read what is recorded"))?;
        let doing = failed("read what is recorded");
        let end: Vec<i64> = answers.take(0).map_err(&doing)?;
        let recorded: Vec<Ids> = answers.take(1).map_err(&doing)?;
        let standing: Vec<Standing> = answers.take(2).map_err(&doing)?;
        Ok(Known {
            end: end.first().and_then(|end| u64::try_from(*end).ok()).unwrap_or_default(),
            recorded: recorded.iter().map(recorded_ids).collect::<Result<_, _>>()?,
            projections: standing.into_iter().map(standing_of).collect::<Result<HashMap<_, _>, _>>()?,
        })
    }

    pub(super) async fn write_changes(transaction: &Transaction<Any>, changes: Changes<'_>) -> Result<(), StoreError> {
        let Changes { end, new, ids, projections } = changes;
        let rows: Vec<NewRow> = new.iter().map(NewRow::of).collect();
        let ids: Vec<Ids> =
            ids.iter().map(|(key, ids)| Ids { id: event_id(*key), event_bridge_ids: texts(ids) }).collect();
        let standing: Vec<Standing> = projections.into_iter().map(Standing::of).collect();
        transaction
            .query("INSERT INTO event_journal $rows RETURN NONE")
            .query("FOR $more IN $ids { UPDATE $more.id SET eventBridgeIds = $more.eventBridgeIds RETURN NONE }")
            .query("FOR $now IN $standing { UPSERT $now.id CONTENT $now RETURN NONE }")
            .query(format!("UPSERT {STATE}:position SET last = $last RETURN NONE"))
            .bind(("rows", rows))
            .bind(("ids", ids))
            .bind(("standing", standing))
            .bind(("last", i64::try_from(end).unwrap_or(i64::MAX)))
            .await
            .and_then(IndexedResults::check)
            .map_err(failed("write a batch"))?;
        Ok(())
    }

    async fn append_in(transaction: &Transaction<Any>, batch: &[NewEvent]) -> Result<Appended, StoreError> {
        let changes = append(batch, Self::known(transaction, batch).await?);
        let new = changes.new.len();
        let appended = Appended { new, copies: batch.len().saturating_sub(new), end: changes.end };
        if !changes.is_empty() {
            Self::write_changes(transaction, changes).await?;
        }
        Ok(appended)
    }

    /// What it came to is in `first` too, where it is not known yet whether that lasts.
    async fn append_once(&self, batch: &[NewEvent], first: &mut Option<Appended>) -> Result<Appended, StoreError> {
        let transaction = self.begin().await?;
        let worked = Self::append_in(&transaction, batch).await;
        let appended = worked.as_ref().ok().copied();
        // Copies alone are committed too: the fsync is what says that those they are copies of are on disk.
        let ended = self.end_transaction(transaction, worked, "commit a batch").await;
        if matches!(ended, Err(StoreError::NewLog)) {
            *first = first.or(appended);
        }
        ended
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

fn recorded_ids(row: &Ids) -> Result<(EventKey, Vec<EventId>), StoreError> {
    let record = name(&row.id);
    let unreadable =
        |error: eventing::types::ParseError| StoreError::Record { record: record.clone(), reason: error.to_string() };
    let ids = row.event_bridge_ids.iter().map(|id| EventId::parse(id)).collect::<Result<_, _>>();
    Ok((record.parse().map_err(unreadable)?, ids.map_err(unreadable)?))
}

#[async_trait]
impl EventStore for SurrealStore {
    async fn append(&self, batch: &[NewEvent]) -> Result<Appended, StoreError> {
        let (mut tries, mut first) = (1, None);
        loop {
            match self.append_once(batch, &mut first).await {
                // What is old is removed meanwhile, and that may be how a resource of the batch stood; or it is to be
                // seen whether the batch is on disk, where its events look like copies now.
                Err(error) if error.may_be_repeated() && tries < TRIES => tries += 1,
                Ok(appended) => return Ok(Appended { end: appended.end, ..first.unwrap_or(appended) }),
                Err(error) => return Err(error),
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
