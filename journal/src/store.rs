//! Where events are kept: the port, in the journal's own words.

mod claims;
mod dead_letters;
mod rows;
mod schema;
pub mod surreal;

use async_trait::async_trait;
use eventing::claim::Answer;
use eventing::time::Millis;
use eventing::types::{CorrelationId, Resource};

use eventing_http::DeadLetterReport;

use crate::claims::Wanted;
use crate::entry::{Cursor, Entry, Page, Projection};
use crate::event::NewEvent;

pub use surreal::{Location, SurrealStore};

/// A store that did not answer. Nothing was written, or all of it was and writing it again changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed to {doing}: {source}")]
    Database {
        /// What it was to do.
        doing: &'static str,
        /// Why it did not.
        source: Box<surrealdb::Error>,
    },
    /// A record is not what this version writes.
    #[error("record {record} cannot be read: {reason}")]
    Record {
        /// The record's id.
        record: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Events not seen before.
    pub new: usize,
    /// Copies of recorded events.
    pub copies: usize,
    /// The last position given.
    pub end: u64,
}

/// Keeps events. There is one writer at a time; readers are many.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Records a batch in one transaction; on return it is on disk. An event recorded before changes nothing but its
    /// list of EventBridge ids.
    async fn append(&self, batch: &[NewEvent]) -> Result<Appended, StoreError>;

    /// A correlation's events by signed time, then position, behind `after`.
    async fn timeline(
        &self,
        correlation: &CorrelationId,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StoreError>;

    /// At most `limit` events behind a position, in the order of their positions.
    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The last position given; 0 in an empty journal.
    async fn end(&self) -> Result<u64, StoreError>;

    /// Whether the database takes writes at all.
    async fn probe(&self) -> Result<(), StoreError>;

    /// How a resource stands.
    async fn projection(&self, resource: &Resource) -> Result<Option<Projection>, StoreError>;
}

/// Keeps the claims of inboxes' consumers.
#[async_trait]
pub trait ClaimStore: Send + Sync {
    /// Settles a batch in its order, in one transaction; on return it is on disk. One answer for each.
    async fn settle(&self, batch: &[Wanted], now: Millis) -> Result<Vec<Answer>, StoreError>;

    /// Removes at most so many records that say nothing any more, and says how many it removed.
    async fn prune(&self, now: Millis, most: usize) -> Result<usize, StoreError>;
}

/// Keeps what consumers tell of dead letters.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// Records one; on return it is on disk.
    async fn record(&self, report: &DeadLetterReport) -> Result<(), StoreError>;

    /// At most `limit` of a correlation, the newest first.
    async fn of(&self, correlation: &CorrelationId, limit: usize) -> Result<Vec<DeadLetterReport>, StoreError>;

    /// Removes at most so many that are older, and says how many it removed.
    async fn prune_dead_letters(&self, before: Millis, most: usize) -> Result<usize, StoreError>;
}

#[cfg(test)]
mod tests;
