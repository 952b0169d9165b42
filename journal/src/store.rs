//! Where events are kept: the port, in the journal's own words.

mod backup;
mod claims;
mod connection;
mod dead_letters;
mod in_time;
mod names;
mod reading;
mod retention;
mod rows;
mod schema;
pub mod surreal;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use eventing::claim::Answer;
use eventing::time::Millis;
use eventing::types::{CorrelationId, Resource};

use eventing_http::{DeadLetterReport, Whose};

use crate::backup::line::Line;
use crate::claims::Wanted;
use crate::entry::{Cursor, Entry, Page, Projection};
use crate::event::NewEvent;
use crate::query::Asked;
use crate::recent::Recent;

pub use connection::{Location, Remote};
pub use in_time::InTime;
pub use surreal::SurrealStore;

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
    /// The database did not commit, which says nothing of what was to be written.
    #[error("the database failed to {doing}: {source}")]
    Commit {
        /// What it was to do.
        doing: &'static str,
        /// Why it did not.
        source: Box<surrealdb::Error>,
    },
    /// The database did not answer in time: it may have done what it was asked for.
    #[error("the database did not answer within {patience:?}")]
    Silent {
        /// How long it was waited for.
        patience: Duration,
    },
    /// The database is being opened again.
    #[error("the database is being opened again")]
    Opening,
    /// The file of the password cannot be read.
    #[error("the password in {path} cannot be read: {source}", path = path.display())]
    Password {
        /// Where it is.
        path: PathBuf,
        /// Why it cannot.
        source: std::io::Error,
    },
    /// A file of the database cannot be written or removed.
    #[error("{path} cannot be written or removed: {source}", path = path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// Why it cannot.
        source: std::io::Error,
    },
    /// An older journal ran here after the database was moved.
    #[error(
        "beside the database in rocksdb is one that an older journal began later: run the older journal for its events and \
         take a backup of them, then remove {}",
        files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    TwoDatabases {
        /// All that is of the older journal's.
        files: Vec<PathBuf>,
    },
    /// A newer journal made this database.
    #[error(
        "the database has schema version {found}, and this journal knows versions up to {known}: run the newer journal, \
         or restore a backup into an empty folder"
    )]
    Newer {
        /// The database's version.
        found: i64,
        /// The last one that is known.
        known: i64,
    },
    /// A journal between two releases made this database.
    #[error(
        "the database has schema version {found}, which no release of the journal had: take a backup with the journal that \
         wrote it, and restore that into an empty folder"
    )]
    Unreleased {
        /// The database's version.
        found: i64,
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

impl StoreError {
    /// Whether it is no failure, and the same is to be done again: another transaction was in the way.
    pub fn may_be_repeated(&self) -> bool {
        match self {
            Self::Database { source, .. } | Self::Commit { source, .. } => connection::is_conflict(source),
            Self::Silent { .. }
            | Self::Opening
            | Self::Password { .. }
            | Self::File { .. }
            | Self::Newer { .. }
            | Self::Unreleased { .. }
            | Self::TwoDatabases { .. }
            | Self::Record { .. } => false,
        }
    }

    /// Whether it may be for what was to be written, and not for the database.
    pub fn may_be_for_what_was_written(&self) -> bool {
        matches!(self, Self::Database { .. } | Self::Record { .. })
    }
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

    /// At most `limit` events behind a position, in the order of their positions; fewer where they are large.
    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The last position given; 0 in an empty journal.
    async fn end(&self) -> Result<u64, StoreError>;

    /// Which journal this is: another number where a database began anew or was restored, so that positions of the one
    /// say nothing in the other.
    async fn generation(&self) -> Result<u64, StoreError>;

    /// Whether the database takes writes at all.
    async fn probe(&self) -> Result<(), StoreError>;
}

/// Reads events by their facts.
#[async_trait]
pub trait EventReader: Send + Sync {
    /// A part of the events that fit, by signed time, then position. It may hold fewer than were asked for, none even,
    /// and yet have a `next`: so many are looked at, and so many bytes of bodies read, for one answer.
    async fn events(&self, asked: &Asked) -> Result<Page, StoreError>;

    /// The recent correlations, the latest first, by events before a place.
    async fn correlations(&self, whose: &Whose, before: Option<Cursor>, limit: usize) -> Result<Recent, StoreError>;

    /// How a resource stands.
    async fn projection(&self, resource: &Resource) -> Result<Option<Projection>, StoreError>;
}

/// What was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// Events removed now.
    pub removed: usize,
    /// The last position that was removed, ever; 0 where none was.
    pub last: u64,
}

/// Forgets what is old.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Removes at most so many events, the first of the journal, that entered the queue before this time. A conflict with
    /// another transaction is an error, and removes nothing.
    async fn prune_events(&self, before: Millis, most: usize) -> Result<Pruned, StoreError>;

    /// The last position that was removed; 0 where none was.
    async fn pruned(&self) -> Result<u64, StoreError>;
}

/// Gives and takes whole events.
#[async_trait]
pub trait BackupStore: Send + Sync {
    /// The last position given; 0 in an empty journal.
    async fn end_of_backup(&self) -> Result<u64, StoreError>;

    /// At most so many events behind a position and up to another, in order.
    async fn lines(&self, after: u64, to: u64, limit: usize) -> Result<Vec<Line>, StoreError>;

    /// Writes events that are not there, in order, where they were.
    async fn restore(&self, lines: &[Line]) -> Result<(), StoreError>;

    /// Ends a restoration: positions go on behind this one, and what is before the first event was removed.
    async fn begin_behind(&self, end: u64) -> Result<(), StoreError>;
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
