//! The ports of a store whose answers are waited for as long as the connection says, and no longer.

use async_trait::async_trait;
use eventing::claim::Answer;
use eventing::time::Millis;
use eventing::types::{CorrelationId, Resource};
use eventing_http::{DeadLetterReport, Whose};

use super::{
    Appended, BackupStore, ClaimStore, DeadLetterStore, EventReader, EventStore, Location, Pruned, RetentionStore,
    StoreError, SurrealStore,
};
use crate::backup::line::Line;
use crate::claims::Wanted;
use crate::entry::{Cursor, Entry, Page, Projection};
use crate::event::NewEvent;
use crate::query::Asked;
use crate::recent::Recent;

/// A store that answers in time, if only that it does not know.
#[derive(Clone, Debug)]
pub struct InTime(SurrealStore);

impl InTime {
    /// Opens the database.
    ///
    /// # Errors
    /// It does not open, or not in time.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        Ok(Self(SurrealStore::open(location).await?))
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.0.connection().in_time(work).await
    }
}

#[async_trait]
impl EventStore for InTime {
    async fn append(&self, batch: &[NewEvent]) -> Result<Appended, StoreError> {
        self.in_time(self.0.append(batch)).await
    }

    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.in_time(self.0.changes(after, limit)).await
    }

    async fn end(&self) -> Result<u64, StoreError> {
        self.in_time(self.0.end()).await
    }

    async fn generation(&self) -> Result<u64, StoreError> {
        self.in_time(self.0.generation()).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.in_time(self.0.probe()).await
    }
}

#[async_trait]
impl EventReader for InTime {
    async fn events(&self, asked: &Asked) -> Result<Page, StoreError> {
        self.in_time(self.0.events(asked)).await
    }

    async fn correlations(&self, whose: &Whose, before: Option<Cursor>, limit: usize) -> Result<Recent, StoreError> {
        self.in_time(self.0.correlations(whose, before, limit)).await
    }

    async fn projection(&self, resource: &Resource) -> Result<Option<Projection>, StoreError> {
        self.in_time(self.0.projection(resource)).await
    }
}

#[async_trait]
impl RetentionStore for InTime {
    async fn prune_events(&self, before: Millis, most: usize) -> Result<Pruned, StoreError> {
        self.in_time(self.0.prune_events(before, most)).await
    }

    async fn pruned(&self) -> Result<u64, StoreError> {
        self.in_time(self.0.pruned()).await
    }
}

#[async_trait]
impl BackupStore for InTime {
    async fn end_of_backup(&self) -> Result<u64, StoreError> {
        self.in_time(self.0.end_of_backup()).await
    }

    async fn lines(&self, after: u64, to: u64, limit: usize) -> Result<Vec<Line>, StoreError> {
        self.in_time(self.0.lines(after, to, limit)).await
    }

    async fn restore(&self, lines: &[Line]) -> Result<(), StoreError> {
        self.in_time(self.0.restore(lines)).await
    }

    async fn begin_behind(&self, end: u64) -> Result<(), StoreError> {
        self.in_time(self.0.begin_behind(end)).await
    }
}

#[async_trait]
impl ClaimStore for InTime {
    async fn settle(&self, batch: &[Wanted], now: Millis) -> Result<Vec<Answer>, StoreError> {
        self.in_time(self.0.settle(batch, now)).await
    }

    async fn prune(&self, now: Millis, most: usize) -> Result<usize, StoreError> {
        self.in_time(self.0.prune(now, most)).await
    }
}

#[async_trait]
impl DeadLetterStore for InTime {
    async fn record(&self, report: &DeadLetterReport) -> Result<(), StoreError> {
        self.in_time(self.0.record(report)).await
    }

    async fn of(&self, correlation: &CorrelationId, limit: usize) -> Result<Vec<DeadLetterReport>, StoreError> {
        self.in_time(self.0.of(correlation, limit)).await
    }

    async fn prune_dead_letters(&self, before: Millis, most: usize) -> Result<usize, StoreError> {
        self.in_time(self.0.prune_dead_letters(before, most)).await
    }
}
