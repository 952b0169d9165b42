//! The streams: what the client missed, then what comes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use eventing_service::Problem;
use eventing_service::authentication::bearer;
use serde::Deserialize;

use super::body::{Opened, StreamBody};
use super::resume::Comer;
use super::{Gateway, no_such_correlation, viewer_of};
use crate::cursor::Cursor;
use crate::hub::NotFollowing;
use crate::outgoing::Outgoing;
use crate::tickets::StreamPath;
use crate::viewer::Viewer;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What a stream is asked with. A browser's own EventSource can set no header: it brings a ticket, and the place to go on
/// from, in the query.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Ask {
    #[serde(rename = "correlationId")]
    pub(super) correlation_id: Option<String>,
    #[serde(rename = "lastEventId")]
    last_event_id: Option<String>,
    ticket: Option<String>,
}

pub(super) async fn of_correlation(
    State(gateway): State<Gateway>,
    ask: Result<Query<Ask>, QueryRejection>,
    parts: Parts,
) -> Result<Response, Problem> {
    let Query(ask) = ask?;
    let stream = match &ask.correlation_id {
        Some(name) => StreamPath::of_correlation(name).ok_or_else(no_such_correlation),
        None => Err(Problem::bad_request("QUERY_INVALID", "The query is not valid.")
            .with_field("correlationId", "must name a correlation")),
    };
    let viewer = viewer(&gateway, &parts, &ask, stream.as_ref().ok()).await?;
    open(&gateway, viewer, &stream?, &ask, &parts).await
}

pub(super) async fn of_user(
    State(gateway): State<Gateway>,
    ask: Result<Query<Ask>, QueryRejection>,
    parts: Parts,
) -> Result<Response, Problem> {
    let Query(ask) = ask?;
    let viewer = viewer(&gateway, &parts, &ask, Some(&StreamPath::User)).await?;
    open(&gateway, viewer, &StreamPath::User, &ask, &parts).await
}

/// Who asks: by token, else by ticket.
async fn viewer(gateway: &Gateway, parts: &Parts, ask: &Ask, stream: Option<&StreamPath>) -> Result<Viewer, Problem> {
    match (bearer(&parts.headers), &ask.ticket) {
        (Err(_), Some(ticket)) => Ok(gateway.tickets.redeem(ticket, stream).await?),
        (token, _) => viewer_of(gateway, token?).await,
    }
}

async fn open(
    gateway: &Gateway,
    viewer: Viewer,
    stream: &StreamPath,
    ask: &Ask,
    parts: &Parts,
) -> Result<Response, Problem> {
    let last = last_event_id(&parts.headers, ask)?;
    let place = gateway.entrance.stream_of(parts).inspect_err(|_| gateway.metrics.refused("address"))?;
    let (topic, viewer) = (stream.topic(&viewer), Arc::new(viewer));
    let after = last.as_ref().map(Cursor::position);
    let followed = gateway.hub.follow(topic, Arc::clone(&viewer), after);
    let (following, remembered) = followed.map_err(|why| not_following(gateway, why))?;
    let comer = Comer { gateway, viewer: &viewer, following: &following };
    let start = comer.start(last, remembered).await?;
    Ok(answer(Opened::new(Outgoing::new(following, start, place, gateway.metrics.clone()))))
}

/// The header, which a reconnect sets, before the query, which stays as it was.
fn last_event_id(headers: &HeaderMap, ask: &Ask) -> Result<Option<Cursor>, Problem> {
    let text = match headers.get(LAST_EVENT_ID) {
        Some(value) => value.to_str().map_or(Some(""), Some),
        None => ask.last_event_id.as_deref(),
    };
    text.map(str::parse)
        .transpose()
        .map_err(|_| Problem::bad_request("LAST_EVENT_ID_INVALID", "Last-Event-ID is not an id of this stream."))
}

fn not_following(gateway: &Gateway, why: NotFollowing) -> Problem {
    let (reason, problem) = match why {
        NotFollowing::NoTail => {
            ("no_tail", Problem::unavailable("JOURNAL_UNAVAILABLE", "The journal has not been reached yet.", 2))
        }
        NotFollowing::Stopping => {
            ("stopping", Problem::unavailable("SHUTTING_DOWN", "This replica stops; another one answers.", 1))
        }
        NotFollowing::TooMany => {
            let sentence = "Too many streams are open for this user; end one of them first.";
            ("user", Problem::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_STREAMS", sentence))
        }
    };
    gateway.metrics.refused(reason);
    problem
}

fn answer(opened: Opened) -> Response {
    let mut response = Response::new(Body::new(StreamBody::new(opened.clone())));
    response.extensions_mut().insert(opened);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        // Compressed, events would wait in a proxy until there are more of them.
        (header::CACHE_CONTROL, "no-store, no-transform"),
        // Proxies that buffer would make the stream useless.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
