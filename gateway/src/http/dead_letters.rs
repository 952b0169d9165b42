//! `GET /events/{correlationId}/dead-letters`: what could not be handled of a correlation, as far as the journal was told
//! and the token allows.
//!
//! Nothing announces a dead letter, so whoever shows them asks again and again; therefore they are an answer of their own
//! and no part of the timeline.

use std::collections::HashSet;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use eventing::types::CorrelationId;
use eventing_http::{DeadLetterReport, DeadLetters};
use eventing_service::Problem;

use super::{Gateway, journal_problem, no_such_correlation};
use crate::event::ShortKey;
use crate::journal::JournalError;
use crate::viewer::Viewer;

/// Events of one answer of the journal.
const PART: usize = 500;
/// A correlation is searched for what the viewer may see up to so many parts.
const MAX_PARTS: usize = 20;

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

/// Of a correlation that is another's, or that nobody knows, there are none.
async fn shown(
    gateway: &Gateway,
    viewer: &Viewer,
    correlation: &CorrelationId,
) -> Result<Vec<DeadLetterReport>, JournalError> {
    let mut told = gateway.journal.dead_letters(correlation).await?;
    if told.is_empty() {
        return Ok(told);
    }
    let seen = seen(gateway, viewer, correlation).await?;
    told.retain(|one| viewer.may_see_dead_letter(one, &seen));
    Ok(told)
}

/// The events of the correlation that the viewer may see.
async fn seen(
    gateway: &Gateway,
    viewer: &Viewer,
    correlation: &CorrelationId,
) -> Result<HashSet<ShortKey>, JournalError> {
    let (mut seen, mut cursor) = (HashSet::new(), None::<String>);
    for _ in 0..MAX_PARTS {
        let part = gateway.journal.timeline(correlation.as_str(), PART, cursor.as_deref()).await?;
        seen.extend(part.events.iter().filter(|event| viewer.may_see(event)).map(|event| event.key));
        cursor = part.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(seen)
}
