//! Opening the embedded engine in its folder.
//!
//! A log that no close ended may end in half a record. SurrealKV 0.21 goes on in the same file, where it may lose what it is
//! told from then on:
//! - Where the half ends at the end of a block, the engine takes it for the end of the log and writes behind it. The next
//!   repair cuts off everything from there.
//! - Elsewhere the engine repairs the log, by a new file in the place of the old one, and goes on writing to the old one,
//!   which has no name any more. A kill then loses all of it.
//! - A repair that found no room leaves half a copy behind, and the next one writes behind that.
//!
//! So what the log holds is brought to the tables by closing the engine, which leaves no log, before anybody writes; and
//! half a copy is removed before the engine finds it.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::Duration;

use surrealdb::engine::any::Any;
use surrealdb::{IndexedResults, Surreal};
use tokio::time::{Instant, sleep};

use super::super::StoreError;
use super::super::schema::STATE;
use super::{Location, failed};

/// How long an engine may take to give its files back: one that was dropped is closed in the background, when its last
/// reader has ended.
const CLOSING: Duration = Duration::from_secs(10);
const BETWEEN_OPENINGS: Duration = Duration::from_millis(20);

/// One file of the log.
pub(super) struct Log {
    pub(super) number: u64,
    holds_something: bool,
}

/// The files of the log.
pub(super) fn logs(folder: &Path) -> impl Iterator<Item = Log> {
    let log = |file: DirEntry| {
        let path = file.path();
        let number = path.file_stem()?.to_str()?.parse().ok()?;
        Some(Log { number, holds_something: file.metadata().map_or(true, |file| file.len() > 0) })
    };
    fs::read_dir(folder.join("wal")).into_iter().flatten().flatten().filter_map(log)
}

/// Opens it, with a log that nothing was in. Where one of ours is being `closed`, that is waited for.
pub(super) async fn open(location: &Location, folder: &Path, mut closed: bool) -> Result<Surreal<Any>, StoreError> {
    let mut until = Instant::now() + CLOSING;
    loop {
        // Looked at before it is opened: the engine writes to its log in opening.
        let was_left = logs(folder).any(|log| log.holds_something);
        remove_half_repaired(folder)?;
        match location.open_once().await {
            Ok(None) => (closed, until) = (true, Instant::now() + CLOSING),
            Ok(Some(db)) if !was_left => return Ok(db),
            Ok(Some(_)) if Instant::now() > until => return Err(StoreError::Log),
            Ok(Some(db)) => {
                tracing::info!("the database was not closed; what its log holds is brought to its tables");
                write_something(&db).await?;
                closed = true;
            }
            Err(error) if closed && is_open_elsewhere(&error) && Instant::now() < until => {}
            Err(error) => return Err(error),
        }
        sleep(BETWEEN_OPENINGS).await;
    }
}

/// A close leaves the log as it is when nothing was written.
async fn write_something(db: &Surreal<Any>) -> Result<(), StoreError> {
    let query = format!("UPSERT {STATE}:opened SET last = (last ?? 0) + 1 RETURN NONE");
    db.query(query).await.and_then(IndexedResults::check).map(drop).map_err(failed("write to its tables"))
}

fn remove_half_repaired(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join("wal/repair_temp");
    match fs::remove_dir_all(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::File { path, source }),
        _ => Ok(()),
    }
}

/// Of an error in opening the client keeps the engine's sentence alone.
fn is_open_elsewhere(error: &StoreError) -> bool {
    matches!(error, StoreError::Database { source, .. } if source.message().contains("already locked"))
}

#[cfg(test)]
mod tests;
