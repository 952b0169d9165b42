//! The tables, and the way to them from those of every version before.
//!
//! The database tells its version in `journal_state:schema`. A step leads from one version to the next; every statement
//! of it may run again, since the version is told after the last one. Statements are added as a new step, never to one
//! that was released. The last step moves events, too: see [`moving`].

mod moving;

use std::ops::RangeInclusive;

use surrealdb::engine::any::Any;
use surrealdb::{IndexedResults, Surreal};

use super::StoreError;
use super::connection::failed;

/// Recorded events as they came; the record's id is the event's key in hex.
pub(super) const EVENTS: &str = "event_journal";
/// What is read of them; the record's id is the correlation, the signed time and the position.
pub(super) const ENTRIES: &str = "event_entry";
/// What was recorded at once, some of it in each: its entries in the order of their positions; the record's id is the last position.
pub(super) const ARRIVALS: &str = "event_arrival";
/// The journal's own counters.
pub(super) const STATE: &str = "journal_state";
/// Claims of inboxes' consumers; the record's id is the inbox and the key in hex.
pub(super) const CLAIMS: &str = "claim";

/// All of them, but for what no version reads any more.
pub(super) const TABLES: [&str; 6] = [EVENTS, ENTRIES, ARRIVALS, STATE, CLAIMS, "dead_letter"];

/// Each leads to its version; events are moved after the last, and then there is more to do.
const STEPS: [(i64, &str); 3] = [
    (1, include_str!("schema/1.surql")),
    (2, include_str!("schema/2.surql")),
    (VERSION, include_str!("schema/5-before.surql")),
];
const AFTER_MOVING: &str = include_str!("schema/5-after.surql");

/// The version that this program writes.
pub(super) const VERSION: i64 = 5;
/// Only journals between two releases wrote them.
const UNRELEASED: RangeInclusive<i64> = 3..=4;

/// Brings a database to this program's version, whichever it has: a new one has none.
pub(super) async fn migrate(db: &Surreal<Any>) -> Result<(), StoreError> {
    let found = version(db).await?;
    if found > VERSION {
        return Err(StoreError::Newer { found, known: VERSION });
    }
    if UNRELEASED.contains(&found) {
        return Err(StoreError::Unreleased { found });
    }
    let tell = format!("UPSERT {STATE}:schema SET last = $to RETURN NONE");
    for (to, step) in STEPS.into_iter().filter(|(to, _)| *to > found) {
        let mut query = db.query(step);
        if to == VERSION {
            query.await.and_then(IndexedResults::check).map_err(failed("make the tables of its next version"))?;
            moving::all(db).await?;
            query = db.query(AFTER_MOVING);
        }
        let done = query.query(tell.as_str()).bind(("to", to)).await.and_then(IndexedResults::check);
        done.map_err(failed("bring its tables to the next version"))?;
        tracing::info!(version = to, "database brought to this version");
    }
    Ok(())
}

/// Makes the tables of an empty database, for the records of one that has this version.
pub(super) async fn for_records_of(version: i64, db: &Surreal<Any>) -> Result<(), StoreError> {
    // Those of an older version fit into the tables that the next step begins with.
    let after = (version == VERSION).then_some(AFTER_MOVING);
    for step in STEPS.into_iter().map(|(_, step)| step).chain(after) {
        db.query(step).await.and_then(IndexedResults::check).map_err(failed("make its tables"))?;
    }
    Ok(())
}

pub(super) async fn version(db: &Surreal<Any>) -> Result<i64, StoreError> {
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
pub(super) mod tests;
