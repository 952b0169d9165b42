//! The streams: first what the client missed, from the journal; then what comes, from the hub.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse as _, Response};
use eventing::time::Millis;
use eventing::types::CorrelationId;
use eventing_service::Problem;
use futures::Stream;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Gateway, journal_problem, no_such_correlation};
use crate::cursor::Cursor;
use crate::event::Event;
use crate::hub::{Following, Item, NotFollowing, Topic};
use crate::journal::JournalError;
use crate::viewer::{Reach, Viewer};

/// How often a silent stream shows that it lives, and how far it has come.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events of one answer of the journal.
const LIMIT: usize = 500;
/// A correlation's events are read up to here.
const MAX_CORRELATION: usize = 10_000;
/// A client that comes back later than this many events starts anew.
const MAX_BEHIND: u64 = 20_000;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    #[serde(rename = "correlationId")]
    correlation_id: String,
}

pub(super) async fn of_correlation(
    State(gateway): State<Gateway>,
    viewer: Viewer,
    ask: Result<Query<Ask>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(ask) = ask?;
    let correlation = CorrelationId::parse(&ask.correlation_id).map_err(|_| no_such_correlation())?;
    let (viewer, last) = (Arc::new(viewer), last_event_id(&headers)?);
    let topic = Topic::Correlation(correlation.as_str().into());
    let following = follow(&gateway, topic, &viewer)?;
    // Read after following began: what is not in it yet comes out of the queue.
    let past = correlation_so_far(&gateway, correlation.as_str()).await.map_err(|error| journal_problem(&error))?;
    if last.is_some() && !past.complete {
        return Err(resume_too_old());
    }
    let missed: Vec<Event> = past.events.into_iter().filter(|event| viewer.may_see(event)).collect();
    if missed.is_empty() && viewer.reach != Reach::All {
        return Err(no_such_correlation());
    }
    let cursor = begin(&gateway, last, &following).await?;
    Ok(answer(gateway, viewer.expires, following, cursor, missed))
}

pub(super) async fn of_user(
    State(gateway): State<Gateway>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (viewer, last) = (Arc::new(viewer), last_event_id(&headers)?);
    let following = follow(&gateway, Topic::User(viewer.user.as_str().into()), &viewer)?;
    let cursor = begin(&gateway, last, &following).await?;
    let missed = user_since(&gateway, &viewer, &cursor, following.position).await?;
    Ok(answer(gateway, viewer.expires, following, cursor, missed))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let cursor = value.to_str().ok().and_then(|text| text.parse().ok());
    cursor
        .map(Some)
        .ok_or_else(|| Problem::bad_request("LAST_EVENT_ID_INVALID", "Last-Event-ID is not an id of this stream."))
}

fn follow(gateway: &Gateway, topic: Topic, viewer: &Arc<Viewer>) -> Result<Following, Problem> {
    gateway.hub.follow(topic, Arc::clone(viewer)).map_err(|why| match why {
        NotFollowing::NoTail => Problem::unavailable("JOURNAL_UNAVAILABLE", "The journal has not been reached yet.", 2),
        NotFollowing::TooMany => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_STREAMS", "Too many streams are open for this user.")
        }
    })
}

/// Where the client begins: at its own cursor, unless the journal began anew since, or at the tail.
async fn begin(gateway: &Gateway, last: Option<Cursor>, following: &Following) -> Result<Cursor, Problem> {
    let Some(mut cursor) = last else { return Ok(Cursor::at(following.position)) };
    if cursor.position() > following.position {
        // Another replica may be ahead of this one; only the journal knows.
        let end = gateway.journal.end().await.map_err(|error| journal_problem(&error))?;
        if end < cursor.position() {
            cursor.restart(following.position);
        }
    }
    Ok(cursor)
}

fn resume_too_old() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "RESUME_TOO_OLD",
        "Too much has happened since; open the stream without Last-Event-ID and read the timeline anew.",
    )
}

/// What a correlation has in the journal.
struct Past {
    events: Vec<Event>,
    /// Whether these are all.
    complete: bool,
}

async fn correlation_so_far(gateway: &Gateway, correlation_id: &str) -> Result<Past, JournalError> {
    let (mut events, mut next) = (Vec::new(), None::<String>);
    loop {
        let part = gateway.journal.timeline(correlation_id, LIMIT, next.as_deref()).await?;
        events.extend(part.events);
        next = part.next;
        if next.is_none() || events.len() >= MAX_CORRELATION {
            return Ok(Past { events, complete: next.is_none() });
        }
    }
}

async fn user_since(gateway: &Gateway, viewer: &Viewer, cursor: &Cursor, until: u64) -> Result<Vec<Event>, Problem> {
    if until.saturating_sub(cursor.position()) > MAX_BEHIND {
        return Err(resume_too_old());
    }
    let (mut events, mut position) = (Vec::new(), cursor.position());
    while position < until {
        let page = gateway.journal.changes(position, Duration::ZERO, LIMIT).await;
        let page = page.map_err(|error| journal_problem(&error))?;
        let own = |event: &Event| event.user_id.as_deref() == Some(viewer.user.as_str()) && viewer.may_see(event);
        events.extend(page.events.into_iter().filter(own));
        if page.position <= position {
            break;
        }
        position = page.position;
    }
    Ok(events)
}

fn answer(gateway: Gateway, expires: i64, following: Following, cursor: Cursor, missed: Vec<Event>) -> Response {
    gateway.metrics.observe(&gateway.hub);
    let mut response = Sse::new(stream(gateway, expires, following, cursor, missed)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that buffer would make the stream useless.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// What goes to the client, until its token ends, it is too slow, or the process stops.
fn stream(
    gateway: Gateway,
    expires: i64,
    mut following: Following,
    mut cursor: Cursor,
    mut missed: Vec<Event>,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let left = expires.saturating_mul(1_000).saturating_sub(Millis::now().0);
    let end = Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or_default().min(MAX_STREAM_MILLIS));
    // By position: the journal gives a correlation by time, and a cursor counts positions.
    missed.sort_by_key(|event| event.position);
    async_stream::stream! {
        for event in missed {
            if event.position <= Some(following.position) && cursor.take(&event) {
                gateway.metrics.sent();
                yield Ok(shown(&event, &cursor));
            }
        }
        cursor.pass(following.position);
        yield Ok(sign_of_life(&cursor));
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        let reason = loop {
            tokio::select! {
                biased;
                () = gateway.shutdown.cancelled() => break "shutdown",
                () = tokio::time::sleep_until(end) => break "token_expired",
                item = following.items.recv() => match item {
                    None => break "too_slow",
                    Some(Item::Restart(position)) => cursor.restart(position),
                    Some(Item::Event(event)) => if cursor.take(&event) {
                        gateway.metrics.sent();
                        yield Ok(shown(&event, &cursor));
                    }
                },
                _ = heartbeat.tick() => {
                    // The position first: whatever concerns the client up to it is in the queue by then.
                    let position = gateway.hub.position();
                    while let Ok(item) = following.items.try_recv() {
                        match item {
                            Item::Restart(position) => cursor.restart(position),
                            Item::Event(event) => if cursor.take(&event) {
                                gateway.metrics.sent();
                                yield Ok(shown(&event, &cursor));
                            },
                        }
                    }
                    if let Some(position) = position {
                        cursor.pass(position);
                    }
                    yield Ok(sign_of_life(&cursor));
                }
            }
        };
        gateway.metrics.ended(reason);
        drop(following);
        gateway.metrics.observe(&gateway.hub);
    }
}

/// A day: a token that lasts longer has its stream opened anew.
const MAX_STREAM_MILLIS: u64 = 86_400_000;

fn shown(event: &Event, cursor: &Cursor) -> sse::Event {
    sse::Event::default().id(cursor.to_string()).event("event").data(event.json.as_ref())
}

/// A comment with an id: no event for the client, but the place to come back to.
fn sign_of_life(cursor: &Cursor) -> sse::Event {
    sse::Event::default().id(cursor.to_string()).comment("")
}
