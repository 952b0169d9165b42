//! [`EventStore`] on SurrealDB: embedded on disk, fsync at every commit.

use std::collections::HashMap;
use std::path::PathBuf;

use async_trait::async_trait;
use eventing::time::Millis;
use eventing::types::{EventId, EventKey, Resource};
use surrealdb::engine::any::{Any, connect};
use surrealdb::method::Transaction;
use surrealdb::types::{RecordId, SurrealValue};
use surrealdb::{IndexedResults, Surreal};

use super::rows::{Ids, NewRow, Row, Standing, event_id, name, resource_id, texts};
use super::schema::{DEFINITION, STATE};
use super::{Appended, EventStore, StoreError};
use crate::append::{Changes, Known, append};
use crate::entry::{Entry, Projection};
use crate::event::NewEvent;

/// Everything of a recorded event but its body, which is the largest part and which no answer shows.
const FIELDS: &str = "SELECT * OMIT body FROM event_journal";

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In this folder.
    Folder(PathBuf),
    /// In memory, for tests.
    Memory,
}

impl Location {
    /// The engine's address. `sync=every` is its default and stands here because acknowledging rests on it: a commit
    /// returns after its fsync.
    fn address(&self) -> String {
        match self {
            Self::Folder(folder) => format!("surrealkv://{}?sync=every", folder.display()),
            Self::Memory => "mem://".to_owned(),
        }
    }
}

/// A store in SurrealDB.
#[derive(Clone, Debug)]
pub struct SurrealStore {
    db: Surreal<Any>,
}

pub(super) fn failed(doing: &'static str) -> impl Fn(surrealdb::Error) -> StoreError {
    move |source| StoreError::Database { doing, source: Box::new(source) }
}

impl SurrealStore {
    /// Opens the database, making it and its tables where they are not there.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        let db = connect(location.address()).await.map_err(failed("open"))?;
        db.use_ns("qsl").use_db("journal").await.map_err(failed("open"))?;
        db.query(DEFINITION).await.and_then(IndexedResults::check).map_err(failed("define its tables"))?;
        Ok(Self { db })
    }

    pub(super) fn db(&self) -> &Surreal<Any> {
        &self.db
    }

    /// Removes at most `most` of the records that a query over `$before` and `$most` selects, and says how many.
    pub(super) async fn remove(&self, old: &str, before: Millis, most: usize) -> Result<usize, surrealdb::Error> {
        let mut answers = self
            .db
            .query(format!("LET $old = ({old})"))
            .query("DELETE $old RETURN NONE")
            .query("RETURN array::len($old)")
            .bind(("before", before.0))
            .bind(("most", i64::try_from(most).unwrap_or(i64::MAX)))
            .await?
            .check()?;
        let removed: Option<i64> = answers.take(2)?;
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

    async fn write(transaction: &Transaction<Any>, changes: Changes<'_>) -> Result<(), StoreError> {
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

    async fn append_in(transaction: &Transaction<Any>, batch: &[NewEvent]) -> Result<(Appended, bool), StoreError> {
        let changes = append(batch, Self::known(transaction, batch).await?);
        let new = changes.new.len();
        let appended = Appended { new, copies: batch.len().saturating_sub(new), end: changes.end };
        let writes = !changes.is_empty();
        if writes {
            Self::write(transaction, changes).await?;
        }
        Ok((appended, writes))
    }

    pub(super) async fn rows<R: SurrealValue>(
        &self,
        doing: &'static str,
        query: String,
        bindings: impl surrealdb::types::SurrealValue,
    ) -> Result<Vec<R>, StoreError> {
        self.db.query(query).bind(bindings).await.and_then(|mut answers| answers.take(0)).map_err(failed(doing))
    }
}

fn recorded_ids(row: &Ids) -> Result<(EventKey, Vec<EventId>), StoreError> {
    let record = name(&row.id);
    let unreadable =
        |error: eventing::types::ParseError| StoreError::Record { record: record.clone(), reason: error.to_string() };
    let ids = row.event_bridge_ids.iter().map(|id| EventId::parse(id)).collect::<Result<_, _>>();
    Ok((record.parse().map_err(unreadable)?, ids.map_err(unreadable)?))
}

fn standing_of(row: Standing) -> Result<(Resource, Projection), StoreError> {
    let projection = row.projection();
    let resource = Resource::parse(&projection.resource)
        .map_err(|error| StoreError::Record { record: projection.resource.clone(), reason: error.to_string() })?;
    Ok((resource, projection))
}

#[async_trait]
impl EventStore for SurrealStore {
    async fn append(&self, batch: &[NewEvent]) -> Result<Appended, StoreError> {
        let transaction = self.db.clone().begin().await.map_err(failed("begin a transaction"))?;
        match Self::append_in(&transaction, batch).await {
            Ok((appended, true)) => {
                transaction.commit().await.map_err(failed("commit a batch"))?;
                Ok(appended)
            }
            Ok((appended, false)) => {
                transaction.cancel().await.map_err(failed("end a transaction"))?;
                Ok(appended)
            }
            Err(error) => {
                // The batch's own error says more than one of giving it up.
                let _ = transaction.cancel().await;
                Err(error)
            }
        }
    }

    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let query =
            format!("{FIELDS} WITH INDEX event_position WHERE position > $after ORDER BY position LIMIT $limit");
        let bindings = surrealdb::types::object! {
            after: i64::try_from(after).unwrap_or(i64::MAX),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        let rows: Vec<Row> = self.rows("read changes", query, bindings).await?;
        rows.into_iter().map(Row::entry).collect()
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
        let answers = self.db.query(query).await.and_then(IndexedResults::check);
        answers.map(drop).map_err(failed("take a write"))
    }
}
