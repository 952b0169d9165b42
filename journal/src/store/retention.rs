//! Old events go, a few at a time.
//!
//! Positions follow arrival, so what is old is at the beginning: the end of what was removed is remembered, and the next
//! look starts there. An event that came before its elders stays until they may go.

use async_trait::async_trait;
use eventing::time::Millis;
use surrealdb::engine::any::Any;
use surrealdb::method::Transaction;
use surrealdb::types::{RecordId, SurrealValue};
use surrealdb::{IndexedResults, types::object};

use super::connection::failed;
use super::names::{arrivals, event_id};
use super::schema::STATE;
use super::surreal::SurrealStore;
use super::{Pruned, RetentionStore, StoreError};

/// What is looked at of an event.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
struct Old {
    id: RecordId,
    event_key: String,
    position: i64,
    sent_at: i64,
}

impl SurrealStore {
    async fn prune_in(
        &self,
        transaction: &Transaction<Any>,
        before: Millis,
        most: usize,
    ) -> Result<Pruned, StoreError> {
        let last = Self::pruned_in(transaction.query(format!("SELECT VALUE last FROM {STATE}:pruned"))).await?;
        let names: Vec<RecordId> = self.arrived(last, most).await?.into_iter().map(|(_, entry)| entry).collect();
        let mut answers = transaction
            .query("SELECT id, eventKey, position, sentAt FROM $names")
            .bind(object! { names: names })
            .await
            .map_err(failed("look for old events"))?;
        let mut old: Vec<Old> = answers.take(0).map_err(failed("look for old events"))?;
        let young = old.iter().position(|event| event.sent_at >= before.0).unwrap_or(old.len());
        old.truncate(young);
        let Some(position) = old.last().map(|event| event.position) else {
            return Ok(Pruned { removed: 0, last: last.try_into().unwrap_or_default() });
        };
        let removed = old.len();
        let gone: Vec<RecordId> =
            old.into_iter().flat_map(|Old { id, event_key, .. }| [id, event_id(&event_key)]).collect();
        transaction
            .query("DELETE $gone RETURN NONE")
            .query("DELETE $arrivals RETURN NONE")
            .query(format!("UPSERT {STATE}:pruned SET last = $position RETURN NONE"))
            .bind(object! { gone: gone, arrivals: arrivals(i64::MIN, position), position: position })
            .await
            .and_then(IndexedResults::check)
            .map_err(failed("remove old events"))?;
        Ok(Pruned { removed, last: position.try_into().unwrap_or_default() })
    }

    async fn pruned_in(asked: surrealdb::method::Query<'_, Any>) -> Result<i64, StoreError> {
        let mut answers = asked.await.map_err(failed("tell what was removed"))?;
        let last: Option<i64> = answers.take(0).map_err(failed("tell what was removed"))?;
        Ok(last.unwrap_or_default())
    }
}

#[async_trait]
impl RetentionStore for SurrealStore {
    async fn prune_events(&self, before: Millis, most: usize) -> Result<Pruned, StoreError> {
        let transaction = self.begin().await?;
        match self.prune_in(&transaction, before, most).await {
            Ok(nothing @ Pruned { removed: 0, .. }) => {
                transaction.cancel().await.map_err(failed("end a transaction"))?;
                Ok(nothing)
            }
            pruned => self.end_transaction(transaction, pruned, "remove old events").await,
        }
    }

    async fn pruned(&self) -> Result<u64, StoreError> {
        let last: Vec<i64> =
            self.rows("tell what was removed", format!("SELECT VALUE last FROM {STATE}:pruned"), object! {}).await?;
        Ok(last.first().and_then(|last| u64::try_from(*last).ok()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
