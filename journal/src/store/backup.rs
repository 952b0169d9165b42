//! Whole events, out of the database and back into it.

use std::collections::HashMap;

use async_trait::async_trait;
use surrealdb::types::object;

use super::rows::Row;
use super::schema::STATE;
use super::surreal::SurrealStore;
use super::{BackupStore, EventStore as _, StoreError};
use crate::append::{Changes, Placed};
use crate::backup::line::{Kept, Line};

fn number(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

#[async_trait]
impl BackupStore for SurrealStore {
    async fn end_of_backup(&self) -> Result<u64, StoreError> {
        self.end().await
    }

    async fn lines(&self, after: u64, to: u64, limit: usize) -> Result<Vec<Line>, StoreError> {
        let mut arrived = self.arrived(number(after), limit).await?;
        arrived.retain(|(position, _)| *position <= number(to));
        let told = self.entries(arrived).await?;
        let rows: Vec<Row> = told.iter().map(Row::read).collect::<Result<_, _>>()?;
        let mut bodies = self.bodies(rows.iter().map(Row::event_id).collect()).await?;
        // One that retention removed meanwhile has none.
        let lines = rows.into_iter().filter_map(|row| {
            let body = bodies.remove(&row.entry.event_key)?;
            Some(row.line(body))
        });
        lines.collect()
    }

    async fn restore(&self, lines: &[Line]) -> Result<(), StoreError> {
        let kept: Vec<Kept> = lines
            .iter()
            .map(|line| {
                let unreadable = |reason: crate::backup::line::LineError| StoreError::Record {
                    record: line.event_key.clone(),
                    reason: reason.to_string(),
                };
                line.clone().kept().map_err(unreadable)
            })
            .collect::<Result<_, _>>()?;
        let Some(end) = kept.last().map(|last| last.position) else { return Ok(()) };
        let changes = Changes {
            end,
            new: kept
                .iter()
                .map(|Kept { position, ids, event }| Placed { position: *position, ids: ids.clone(), event })
                .collect(),
            ids: Vec::new(),
        };
        let transaction = self.begin().await?;
        let written = Self::write_changes(&transaction, changes, HashMap::new()).await;
        self.end_transaction(transaction, written, "restore events").await
    }

    async fn begin_behind(&self, end: u64) -> Result<(), StoreError> {
        let first = self.arrived(0, 1).await?;
        let before = first.first().map_or(number(end), |(first, _)| first - 1);
        let query = format!(
            "UPSERT {STATE}:position SET last = $end RETURN NONE; UPSERT {STATE}:pruned SET last = $before RETURN NONE"
        );
        self.write("tell its positions", &query, object! { end: number(end), before: before }).await.map(drop)
    }
}
