//! `POST /events/ticket`: a ticket for one stream, for clients that can set no header.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use eventing_service::Problem;
use serde::{Deserialize, Serialize};

use super::Gateway;
use super::stream::Ask as StreamAsk;
use crate::tickets::{LIFE_SECONDS, StreamPath, TicketError};
use crate::viewer::Viewer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// The stream's path and query, as it will be opened but for the ticket.
    path: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    ticket: String,
    expires_in_seconds: u32,
}

pub(super) async fn post_ticket(
    State(gateway): State<Gateway>,
    viewer: Viewer,
    ask: Result<Json<Ask>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(Ask { path }) = ask?;
    let stream = stream_of(&path).ok_or_else(|| {
        let reason = "must be /events/stream?correlationId=ID or /events/stream/user";
        Problem::bad_request("TICKET_INVALID", "A ticket is for one stream.").with_field("path", reason)
    })?;
    let ticket = gateway.tickets.give(&viewer, stream).await?;
    let mut response = (StatusCode::CREATED, Json(Answer { ticket, expires_in_seconds: LIFE_SECONDS })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The stream that is opened by a path and query.
fn stream_of(path: &str) -> Option<StreamPath> {
    let uri: Uri = path.parse().ok().filter(|uri: &Uri| uri.authority().is_none())?;
    match uri.path() {
        "/events/stream/user" => Some(StreamPath::User),
        "/events/stream" => {
            let Query(ask) = Query::<StreamAsk>::try_from_uri(&uri).ok()?;
            StreamPath::of_correlation(&ask.correlation_id?)
        }
        _ => None,
    }
}

impl From<TicketError> for Problem {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Refused => Self::unauthenticated(error.to_string()),
            TicketError::Unavailable => Self::unavailable("TICKETS_UNAVAILABLE", error.to_string(), 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_for_a_stream_and_nothing_else() {
        let line = StreamPath::of_correlation("line-7");
        assert_eq!(stream_of("/events/stream?correlationId=line-7"), line);
        assert_eq!(stream_of("/events/stream?lastEventId=7&correlationId=line%2D7"), line);
        assert_eq!(stream_of("/events/stream/user"), Some(StreamPath::User));
        for bad in ["", "/events/line-7", "/events/stream", "/", "https://elsewhere/events/stream/user", "nonsense"] {
            assert_eq!(stream_of(bad), None, "{bad}");
        }
    }
}
