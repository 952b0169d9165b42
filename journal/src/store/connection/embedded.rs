//! Opening the embedded engine in its folder.

mod merging;
mod surrealkv;

use std::path::{Path, PathBuf};
use std::time::Duration;

use surrealdb::Surreal;
use surrealdb::engine::any::Any;
use sysinfo::System;
use tokio::time::{Instant, sleep};

use super::super::StoreError;
use super::Location;

/// How long an engine may take to give its files back: one that was dropped is closed in the background, when its last
/// reader has ended.
const CLOSING: Duration = Duration::from_secs(40);
const BETWEEN_OPENINGS: Duration = Duration::from_millis(20);

/// The engine's own folder in the journal's.
fn home(folder: &Path) -> PathBuf {
    folder.join("rocksdb")
}

/// The engine's address, with its settings: docs/decisions/0027 has what they do.
pub(super) fn address(folder: &Path) -> String {
    let settings = [
        // Its default stands here because acknowledging rests on it: a commit returns after its fsync.
        ("sync", "every".to_owned()),
        // Left to itself it takes 16 MiB up to a memory of 2 GiB, less than what it writes into takes of that.
        ("rocksdb_block_cache_size", (memory() / 8 * 3).to_string()),
        // What is large is in files of its own, so a table that was flushed is small, and two of them are not worth merging
        // all of the next level.
        ("rocksdb_file_compaction_trigger", "8".to_owned()),
        ("rocksdb_level0_slowdown_writes_trigger", "20".to_owned()),
        ("rocksdb_level0_stop_writes_trigger", "36".to_owned()),
        // A log whose tables are on disk is removed at once, and not kept for ten minutes, whatever that may take.
        ("rocksdb_wal_size_limit", "0".to_owned()),
        // It would copy what is large from old files to new ones all the time, in case some of it is gone. What goes here is
        // the oldest, which is whole files.
        ("rocksdb_enable_blob_gc", "false".to_owned()),
    ];
    let settings = settings.map(|(name, value)| format!("{name}={value}")).join("&");
    format!("rocksdb://{}?{settings}", home(folder).display())
}

/// The bytes of memory that this process may have: the container's limit, or all of the machine's.
fn memory() -> u64 {
    let mut system = System::new();
    system.refresh_memory();
    system.cgroup_limits().map(|limits| limits.total_memory).filter(|total| *total > 0).unwrap_or(system.total_memory())
}

/// Opens it. Where one of ours is being `closed`, that is waited for.
pub(super) async fn open(location: &Location, folder: &Path, closed: bool) -> Result<Surreal<Any>, StoreError> {
    let closed = surrealkv::moved(folder).await? || closed;
    let until = Instant::now() + CLOSING;
    loop {
        match location.open_once().await {
            Err(error) if closed && is_open_elsewhere(&error) && Instant::now() < until => {}
            opened => {
                merging::yields();
                return opened;
            }
        }
        sleep(BETWEEN_OPENINGS).await;
    }
}

/// Of an error in opening the client keeps the engine's sentence alone.
fn is_open_elsewhere(error: &StoreError) -> bool {
    matches!(error, StoreError::Database { source, .. } if source.message().contains("lock"))
}

#[cfg(test)]
mod tests;
