//! Version 2 kept an event in one record; version 3 keeps what is read of it in another, named by its place.
//!
//! A few are moved in each transaction, by position, and one that was moved has an entry: cut off, it goes on where it was.
//! The engine may lose a transaction by a kill although it kept a later one (docs/decisions/0017), so nobody trusts the
//! end of a pass: the database is opened again, and the version is told when a pass found nothing to move.

use surrealdb::engine::any::Any;
use surrealdb::method::Transaction;
use surrealdb::types::{SurrealValue, Value};
use surrealdb::{IndexedResults, Surreal};

use super::super::StoreError;
use super::super::connection::failed;
use super::super::rows::{EventRow, Row};

/// Events that one transaction moves; each may have some mebibytes.
const AT_ONCE: usize = 50;
/// How often it is told how far it is.
const TOLD_EVERY: usize = 10_000;
const OLD: &str = "SELECT *, record::id(id) AS eventKey FROM event_journal WITH INDEX event_position \
                   WHERE position > $after AND entry = NONE ORDER BY position LIMIT $most";

/// An event as version 2 has it.
#[derive(Debug, SurrealValue)]
#[surreal(crate = "surrealdb::types")]
struct Old {
    #[surreal(flatten)]
    row: Row,
    body: String,
}

/// Moves all that were not moved yet, and says how many.
pub(super) async fn all(db: &Surreal<Any>) -> Result<usize, StoreError> {
    let (mut moved, mut told, mut after) = (0, 0, 0);
    loop {
        let transaction = db.clone().begin().await.map_err(failed("begin to move events"))?;
        let (some, last) = match some(&transaction, after).await {
            Ok(done) => done,
            Err(error) => {
                // The first error tells why.
                let _ = transaction.cancel().await;
                return Err(error);
            }
        };
        transaction.commit().await.map_err(failed("move events"))?;
        moved += some;
        if some < AT_ONCE {
            return Ok(moved);
        }
        if moved - told >= TOLD_EVERY {
            told = moved;
            tracing::info!(moved, "events are moved to the tables of the next version");
        }
        after = last;
    }
}

/// How many there were behind a position, and the position of the last.
pub(super) async fn some(transaction: &Transaction<Any>, after: i64) -> Result<(usize, i64), StoreError> {
    let old = transaction.query(OLD).bind(("after", after)).bind(("most", i64::try_from(AT_ONCE).unwrap_or(i64::MAX)));
    let old: Vec<Old> = old.await.and_then(|mut told| told.take(0)).map_err(failed("read events to move"))?;
    let Some(last) = old.last().map(|old| old.row.position) else { return Ok((0, after)) };
    let moved = old.len();
    let of = |Old { row, body }: Old| {
        let row = row.in_its_place();
        let event = EventRow::moved(&row, body);
        (row, event)
    };
    let (entries, events): (Vec<Row>, Vec<EventRow>) = old.into_iter().map(of).unzip();
    transaction
        .query("INSERT INTO event_entry $entries RETURN NONE")
        .query("FOR $one IN $events { UPDATE $one.id REPLACE $one RETURN NONE }")
        .bind(("entries", entries))
        .bind(("events", events))
        .await
        .and_then(IndexedResults::check)
        .map_err(failed("move events"))?;
    Ok((moved, last))
}
