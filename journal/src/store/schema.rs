//! The tables, and the way to them from those of every version before.
//!
//! The database tells its version in `journal_state:schema`. A step leads from one version to the next; every statement
//! of it may run again, since the version is told after the last one. Statements are added as a new step, never to one
//! that was released.

use surrealdb::engine::any::Any;
use surrealdb::{IndexedResults, Surreal};

use super::StoreError;
use super::connection::failed;

/// Recorded events; the record's id is the event's key in hex.
pub(super) const EVENTS: &str = "event_journal";
/// How resources stand; the record's id is the resource.
pub(super) const RESOURCES: &str = "resource_status";
/// The journal's own counters.
pub(super) const STATE: &str = "journal_state";
/// Claims of inboxes' consumers; the record's id is the inbox and the key in hex.
pub(super) const CLAIMS: &str = "claim";

/// The nth leads to version n + 1.
const STEPS: [&str; 2] = [include_str!("schema/1.surql"), include_str!("schema/2.surql")];

/// The version that this program writes.
pub(super) const VERSION: i64 = 2;

/// Brings a database to this program's version, whichever it has: a new one has none.
pub(super) async fn migrate(db: &Surreal<Any>) -> Result<(), StoreError> {
    let found = version(db).await?;
    if found > VERSION {
        return Err(StoreError::Newer { found, known: VERSION });
    }
    for (step, to) in STEPS.into_iter().zip(1..).filter(|(_, to)| *to > found) {
        let tell = format!("UPSERT {STATE}:schema SET last = $to RETURN NONE");
        let done = db.query(step).query(tell).bind(("to", to)).await.and_then(IndexedResults::check);
        done.map_err(failed("bring its tables to the next version"))?;
        tracing::info!(version = to, "database brought to this version");
    }
    Ok(())
}

async fn version(db: &Surreal<Any>) -> Result<i64, StoreError> {
    // In a new database there is no such table, which is an error of its own kind.
    let told = db.query(format!("SELECT VALUE last FROM {STATE}:schema")).await;
    let mut told = told.map_err(failed("tell its version"))?;
    match told.take::<Option<i64>>(0) {
        Ok(version) => Ok(version.unwrap_or_default()),
        Err(error) if error.is_not_found() => Ok(0),
        Err(error) => Err(failed("tell its version")(error)),
    }
}

#[cfg(test)]
mod tests;
