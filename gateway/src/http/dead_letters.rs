//! `GET /events/{correlationId}/dead-letters`: what could not be handled of a correlation, as far as the journal was told
//! and the token allows.

use std::collections::HashSet;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use eventing::types::{CorrelationId, EventKey};
use eventing_http::{DeadLetterReport, DeadLetters};
use eventing_service::Problem;

use super::{Gateway, journal_problem, no_such_correlation};
use crate::event::ShortKey;
use crate::journal::JournalError;
use crate::viewer::{Reach, Viewer};

/// Dead letters of one answer, the newest.
const LIMIT: usize = 200;
/// Events of one answer of the journal.
const PART: usize = 500;
/// A correlation is searched for what the viewer may see up to so many parts.
const MAX_PARTS: usize = 20;
/// The stage at which nothing was verified.
const VERIFY: &str = "verify";

pub(super) async fn get_dead_letters(
    State(gateway): State<Gateway>,
    viewer: Viewer,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let correlation = CorrelationId::parse(&path?.0).map_err(|_| no_such_correlation())?;
    let dead_letters = shown(&gateway, &viewer, &correlation).await.map_err(|error| journal_problem(&error))?;
    let mut response = Json(DeadLetters { dead_letters }).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Those of events that the viewer may see. Of a correlation that is another's, or that nobody knows, there are none.
async fn shown(
    gateway: &Gateway,
    viewer: &Viewer,
    correlation: &CorrelationId,
) -> Result<Vec<DeadLetterReport>, JournalError> {
    let mut letters = gateway.journal.dead_letters(correlation, LIMIT).await?;
    if viewer.reach == Reach::All {
        return Ok(letters);
    }
    let mut hidden: HashSet<ShortKey> = letters.iter().filter_map(|letter| of_event(letter).map(ShortKey::of)).collect();
    let mut cursor = None::<String>;
    for _ in 0..MAX_PARTS {
        if hidden.is_empty() {
            break;
        }
        let part = gateway.journal.timeline(correlation.as_str(), PART, cursor.as_deref()).await?;
        for event in part.events.iter().filter(|event| viewer.may_see(event)) {
            hidden.remove(&event.key);
        }
        cursor = part.next;
        if cursor.is_none() {
            break;
        }
    }
    letters.retain(|letter| of_event(letter).is_some_and(|key| !hidden.contains(&ShortKey::of(key))));
    Ok(letters)
}

/// The verified event that it is of. What was refused before anything was proven is of none.
fn of_event(letter: &DeadLetterReport) -> Option<EventKey> {
    letter.event_key.filter(|_| letter.stage != VERIFY)
}
