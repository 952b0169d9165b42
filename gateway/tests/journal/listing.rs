//! What the journal lists: correlations of late, and dead letters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use eventing_http::{Correlation, Correlations, DeadLetterReport, DeadLetters, Entry};
use serde_json::json;

use super::{FakeJournal, assert_token, hex};

/// What it was told, and whether it lists anything.
#[derive(Clone, Default)]
pub(crate) struct Listing(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    letters: Vec<(String, DeadLetterReport)>,
    away: bool,
}

/// A dead letter of the event with this name, or of none that was verified.
pub(crate) fn letter(name: Option<u8>, inbox: &str, code: &str, stage: &str, attempts: u32) -> DeadLetterReport {
    serde_json::from_value(json!({
        "inbox": inbox, "code": code, "stage": stage, "attempts": attempts, "failedAt": 1_795_420_812_000_i64,
        "eventKey": name.map(hex),
    }))
    .unwrap()
}

impl FakeJournal {
    /// A consumer tells it of a dead letter.
    pub(crate) fn tell(&self, correlation: &str, letter: DeadLetterReport) {
        self.listing.0.lock().unwrap().letters.insert(0, (correlation.to_owned(), letter));
    }

    /// From here on it lists nothing, as one of an older version.
    pub(crate) fn list_nothing(&self) {
        self.listing.0.lock().unwrap().away = true;
    }
}

type Asked = Query<HashMap<String, String>>;

pub(super) async fn correlations(
    State(journal): State<FakeJournal>,
    Query(asked): Asked,
    headers: HeaderMap,
) -> Result<Json<Correlations>, StatusCode> {
    assert_token(&headers);
    if journal.listing.0.lock().unwrap().away {
        return Err(StatusCode::NOT_FOUND);
    }
    let (user, tenant) = (asked.get("user"), asked.get("tenant"));
    let theirs = |entry: &&Entry| {
        let everybodys = user.is_none() && tenant.is_none();
        let own = user.is_some() && entry.user_id.as_ref() == user;
        everybodys || entry.envelope_verified && (own || tenant.is_some() && entry.tenant_id.as_ref() == tenant)
    };
    let entries = journal.entries.lock().unwrap();
    let mut correlations: Vec<Correlation> = Vec::new();
    for entry in entries.iter().rev().filter(theirs) {
        if correlations.iter().all(|known| known.correlation_id != entry.correlation_id) {
            correlations.push(Correlation {
                correlation_id: entry.correlation_id.clone(),
                ts: entry.ts.clone(),
                source: entry.source.clone(),
                detail_type: entry.detail_type.clone(),
                resource: entry.resource.clone(),
            });
        }
    }
    Ok(Json(Correlations { correlations, next: None }))
}

pub(super) async fn dead_letters(
    State(journal): State<FakeJournal>,
    Query(asked): Asked,
    headers: HeaderMap,
) -> Result<Json<DeadLetters>, StatusCode> {
    assert_token(&headers);
    let listing = journal.listing.0.lock().unwrap();
    if listing.away {
        return Err(StatusCode::NOT_FOUND);
    }
    let own = listing.letters.iter().filter(|(correlation, _)| *correlation == asked["correlation"]);
    Ok(Json(DeadLetters { dead_letters: own.map(|(_, letter)| letter.clone()).collect() }))
}
