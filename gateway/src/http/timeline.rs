//! `GET /events/{correlationId}`: what the viewer may see of a correlation.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use eventing::types::CorrelationId;
use eventing_service::Problem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Gateway, journal_problem, no_such_correlation};
use crate::cursor::Cursor;
use crate::viewer::Viewer;

/// Events of one answer, unless fewer are asked for.
const LIMIT: usize = 500;

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    correlation_id: String,
    events: Vec<Box<RawValue>>,
    /// Where the next part begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// A stream opened with this as `Last-Event-ID` leaves nothing out.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_id: Option<String>,
}

pub(super) async fn get_timeline(
    State(gateway): State<Gateway>,
    viewer: Viewer,
    path: Result<Path<String>, PathRejection>,
    ask: Result<Query<Ask>, QueryRejection>,
) -> Result<Response, Problem> {
    let (Path(correlation), Query(ask)) = (path?, ask?);
    let correlation = CorrelationId::parse(&correlation).map_err(|_| no_such_correlation())?;
    let limit = ask.limit.unwrap_or(LIMIT).clamp(1, LIMIT);
    let position = gateway.hub.position();
    let part = gateway.journal.timeline(correlation.as_str(), limit, ask.cursor.as_deref()).await;
    let part = part.map_err(|error| journal_problem(&error))?;
    let seen: Vec<_> = part.events.iter().filter(|event| viewer.may_see(event)).collect();
    if seen.is_empty() && ask.cursor.is_none() {
        return Err(no_such_correlation());
    }
    let events = seen
        .into_iter()
        .map(|event| RawValue::from_string(event.json.as_ref().to_owned()))
        .collect::<Result<_, _>>()
        .map_err(|_| Problem::internal())?;
    let answer = Answer {
        correlation_id: correlation.to_string(),
        events,
        next: part.next,
        last_event_id: position.map(|position| Cursor::at(position).to_string()),
    };
    let mut response = Json(answer).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
