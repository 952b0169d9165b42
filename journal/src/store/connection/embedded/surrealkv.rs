//! Journals had SurrealKV as their engine once: what it holds is copied, at the first start with this one.
//!
//! Record by record, as it is. A mark beside says whether everything is there: a copy that was cut off begins anew, and the old
//! files are removed when it is whole and not before, so there must be room for both. docs/decisions/0027 has why.

use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use surrealdb::engine::any::{Any, connect};
use surrealdb::types::{Object, RecordId, RecordIdKey, RecordIdKeyRange, SurrealValue as _, object};
use surrealdb::{IndexedResults, Surreal};

use super::super::super::StoreError;
use super::super::super::schema;
use super::super::{failed, select};
use super::{address, home};

/// What SurrealKV keeps in its folder.
const FILES: [&str; 6] = ["wal", "sstables", "manifest", "vlog", "discard_stats", "LOCK"];
/// Records that are copied at once; each may have some mebibytes.
const AT_ONCE: usize = 50;
/// How often it is told how far it is.
const TOLD_EVERY: usize = 10_000;

/// Moves what SurrealKV has in `folder` to the engine's home in it, and says whether there was any: that is then being closed.
pub(super) async fn moved(folder: &Path) -> Result<bool, StoreError> {
    let home = home(folder);
    let (copying, copied) = (home.with_extension("copying"), home.with_extension("copied"));
    let old: Vec<PathBuf> = FILES.iter().map(|name| folder.join(name)).filter(|path| path.exists()).collect();
    if old.is_empty() {
        remove(&copied)?;
        return Ok(false);
    }
    if !copied.exists() {
        if home.exists() && !copying.exists() {
            return Err(StoreError::TwoDatabases { files: old });
        }
        tracing::info!("the journal is copied from SurrealKV to RocksDB");
        fs::write(&copying, "").map_err(|source| StoreError::File { path: copying.clone(), source })?;
        remove(&home)?;
        // Half a copy of its log, which SurrealKV 0.21 would write behind.
        remove(&folder.join("wal/repair_temp"))?;
        let records = copy(folder).await?;
        fs::rename(&copying, &copied).map_err(|source| StoreError::File { path: copying, source })?;
        tracing::info!(records, "the journal is on RocksDB");
    }
    old.iter().try_for_each(|path| remove(path))?;
    remove(&copied)?;
    Ok(true)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Copies every record, and says how many.
async fn copy(folder: &Path) -> Result<usize, StoreError> {
    let from = engine(&format!("surrealkv://{}?sync=every", folder.display())).await?;
    let to = engine(&address(folder)).await?;
    let version = schema::version(&from).await?;
    schema::for_records_of(version, &to).await?;
    let mut copied = 0;
    for table in schema::TABLES {
        let mut after = Bound::Unbounded;
        loop {
            let some = records(&from, table, after).await?;
            let Some(last) = some.last().and_then(|record| record.get("id")).cloned() else { break };
            let Ok(RecordId { key, .. }) = RecordId::from_value(last) else { break };
            after = Bound::Excluded(key);
            let told = copied / TOLD_EVERY;
            copied += some.len();
            let copy = "FOR $one IN $some { UPSERT $one.id CONTENT $one RETURN NONE }";
            let written = to.query(copy).bind(object! { some: some }).await;
            written.and_then(IndexedResults::check).map_err(failed("copy records"))?;
            if copied / TOLD_EVERY > told {
                tracing::info!(copied, "records are copied");
            }
        }
    }
    Ok(copied)
}

async fn engine(address: &str) -> Result<Surreal<Any>, StoreError> {
    let db = connect(address).await.map_err(failed("open"))?;
    select(&db).await?;
    Ok(db)
}

/// Some of a table's records behind a key, in the order of their keys; none where there is no such table.
async fn records(db: &Surreal<Any>, table: &str, after: Bound<RecordIdKey>) -> Result<Vec<Object>, StoreError> {
    let range = RecordIdKeyRange { start: after, end: Bound::Unbounded };
    let range = RecordId::new(table, RecordIdKey::Range(Box::new(range)));
    let bindings = object! { range: range, most: i64::try_from(AT_ONCE).unwrap_or(i64::MAX) };
    let told = db.query("SELECT * FROM $range LIMIT $most").bind(bindings).await;
    match told.and_then(|mut told| told.take::<Vec<Object>>(0)) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        told => told.map_err(failed("read records to copy")),
    }
}
