//! What the journal lists: correlations of late, and dead letters.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use eventing_http::{Correlation, Correlations, DeadLetterReport, DeadLetters, Entry};
use serde_json::json;

use super::{FakeJournal, assert_token, hex};

/// Whether it lists nothing.
#[derive(Clone, Default)]
pub(crate) struct Listing {
    away: Arc<AtomicBool>,
}

/// A dead letter of the event with this name, or of none that was verified.
pub(crate) fn letter(name: Option<u32>, inbox: &str, code: &str, stage: &str, attempts: u32) -> DeadLetterReport {
    serde_json::from_value(json!({
        "inbox": inbox, "code": code, "stage": stage, "attempts": attempts, "failedAt": 1_795_420_812_000_i64,
        "eventKey": name.map(hex),
    }))
    .unwrap()
}

impl FakeJournal {
    /// From here on it lists nothing, as one of an older version.
    pub(crate) fn list_nothing(&self) {
        self.listing.away.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn correlations(
    State(journal): State<FakeJournal>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Correlations>, StatusCode> {
    assert_token(&headers);
    if journal.listing.away.load(Ordering::Relaxed) {
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
    headers: HeaderMap,
) -> Result<Json<DeadLetters>, StatusCode> {
    assert_token(&headers);
    if journal.listing.away.load(Ordering::Relaxed) {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(DeadLetters { dead_letters: journal.dead_letters.lock().unwrap().clone() }))
}
