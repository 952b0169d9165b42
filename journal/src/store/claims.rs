//! Claims in SurrealDB: a record for each inbox and key.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use eventing::claim::{Answer, Change, Key, Record, Standing, decide};
use eventing::time::Millis;
use eventing::types::{EventKey, InboxId};
use surrealdb::IndexedResults;
use surrealdb::engine::any::Any;
use surrealdb::method::Transaction;
use surrealdb::types::{RecordId, SurrealValue};

use super::connection::failed;
use super::names::name;
use super::schema::CLAIMS;
use super::surreal::SurrealStore;
use super::{ClaimStore, StoreError};
use crate::claims::Wanted;

/// How often a transaction is tried.
const TRIES: u32 = 8;

/// A record as it is kept: `lapses` counts while it has a holder.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
struct ClaimRow {
    id: RecordId,
    handled: bool,
    holder: Option<String>,
    lapses: i64,
    attempts: i64,
    until: i64,
}

fn claim_id(inbox: &InboxId, key: EventKey) -> RecordId {
    RecordId::new(CLAIMS, format!("{inbox}/{key}"))
}

impl ClaimRow {
    fn of(id: RecordId, record: Record) -> Self {
        let Record { standing, attempts, until } = record;
        let (handled, holder, lapses) = match standing {
            Standing::Handled => (true, None, 0),
            Standing::Free => (false, None, 0),
            Standing::Held { holder, lapses } => (false, Some(holder), lapses.0),
        };
        Self { id, handled, holder, lapses, attempts: attempts.into(), until: until.0 }
    }

    fn record(self) -> (String, Record) {
        let Self { id, handled, holder, lapses, attempts, until } = self;
        let standing = match holder {
            _ if handled => Standing::Handled,
            Some(holder) => Standing::Held { holder, lapses: Millis(lapses) },
            None => Standing::Free,
        };
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        (name(&id), Record { standing, attempts, until: Millis(until) })
    }
}

/// What a batch came to: the answers, and how the records that changed stand now.
fn settle(batch: &[Wanted], mut known: HashMap<String, Record>, now: Millis) -> (Vec<Answer>, Settled) {
    let mut changed: HashMap<String, (RecordId, Option<Record>)> = HashMap::new();
    let answers = batch.iter().map(|Wanted { inbox, ask, holder, keys }| {
        let ids: Vec<RecordId> = keys.iter().map(|(key, _)| claim_id(inbox, *key)).collect();
        let records: Vec<Key> = ids
            .iter()
            .zip(keys)
            .map(|(id, (_, keep))| Key { record: known.get(&name(id)).cloned(), keep: *keep })
            .collect();
        let (answer, changes) = decide(*ask, holder, &records, now);
        for (id, change) in ids.into_iter().zip(changes) {
            let record = match change {
                Change::None => continue,
                Change::Write(record) => Some(record),
                Change::Remove => None,
            };
            match &record {
                Some(record) => drop(known.insert(name(&id), record.clone())),
                None => drop(known.remove(&name(&id))),
            }
            changed.insert(name(&id), (id, record));
        }
        answer
    });
    let answers = answers.collect();
    (answers, Settled(changed.into_values().collect()))
}

struct Settled(Vec<(RecordId, Option<Record>)>);

impl SurrealStore {
    async fn settle_in(
        transaction: &Transaction<Any>,
        batch: &[Wanted],
        now: Millis,
    ) -> Result<(Vec<Answer>, bool), StoreError> {
        let ids: Vec<RecordId> =
            batch.iter().flat_map(|wanted| wanted.keys.iter().map(|(key, _)| claim_id(&wanted.inbox, *key))).collect();
        let known: Vec<ClaimRow> = transaction
            .query("SELECT * FROM $ids")
            .bind(("ids", ids))
            .await
            .and_then(|mut answers| answers.take(0))
            .map_err(failed("read claims"))?;
        let (answers, Settled(changed)) = settle(batch, known.into_iter().map(ClaimRow::record).collect(), now);
        if changed.is_empty() {
            return Ok((answers, false));
        }
        let mut gone = Vec::new();
        let mut rows = Vec::new();
        for (id, record) in changed {
            match record {
                Some(record) => rows.push(ClaimRow::of(id, record)),
                None => gone.push(id),
            }
        }
        transaction
            .query("FOR $row IN $rows { UPSERT $row.id CONTENT $row RETURN NONE }")
            .query("DELETE $gone RETURN NONE")
            .bind(("rows", rows))
            .bind(("gone", gone))
            .await
            .and_then(IndexedResults::check)
            .map_err(failed("write claims"))?;
        Ok((answers, true))
    }

    async fn settle_once(&self, batch: &[Wanted], now: Millis) -> Result<Vec<Answer>, StoreError> {
        let transaction = self.begin().await?;
        match Self::settle_in(&transaction, batch, now).await {
            Ok((answers, false)) => {
                transaction.cancel().await.map_err(failed("end a transaction"))?;
                Ok(answers)
            }
            settled => self.end_transaction(transaction, settled.map(|(answers, _)| answers), "commit claims").await,
        }
    }
}

#[async_trait]
impl ClaimStore for SurrealStore {
    async fn settle(&self, batch: &[Wanted], now: Millis) -> Result<Vec<Answer>, StoreError> {
        let mut tries = 1;
        loop {
            match self.settle_once(batch, now).await {
                // Mostly another transaction wrote one of the records meanwhile (the engine's own error does not say so):
                // what it says now decides. Should this one have gone through all the same, its holder asks twice.
                Err(_) if tries < TRIES => {
                    tokio::time::sleep(Duration::from_millis(1 << tries)).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn prune(&self, now: Millis, most: usize) -> Result<usize, StoreError> {
        let old = "SELECT VALUE id FROM claim WITH INDEX claim_until WHERE until < $before LIMIT $most";
        self.remove("remove old claims", old, now, most).await
    }
}
