//! `GET /v1/changes?after=POSITION&wait=SECONDS&limit=`: what was recorded since, in the order of positions.
//!
//! There is one writer and it publishes a position only after the commit, so positions become visible in their order:
//! a caller that goes on from the `position` it was answered misses nothing, unless the `generation` is another: then the
//! journal began anew or was restored, and the caller begins again at the `position` it is told now.
//!
//! Who accepts lines of JSON gets one each time something is recorded, until its `wait` is over: to ask again for every
//! event costs either side more than the event does.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use eventing_http::{Changes, LINES};
use eventing_service::Problem;
use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use super::parameters::Parameters;
use super::{Api, Reader, unavailable};

/// The longest a caller may wait.
const MAX_WAIT_SECONDS: u64 = 60;

pub(super) async fn changes(
    _: Reader,
    State(api): State<Api>,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let (after, wait, limit) = (parameters.number("after"), parameters.number("wait"), parameters.limit());
    parameters.end()?;
    let until = Instant::now() + Duration::from_secs(wait.unwrap_or_default().min(MAX_WAIT_SECONDS));
    let first = look(&api, after, until, limit).await?;
    if headers.get(header::ACCEPT).is_none_or(|accepted| accepted != LINES) {
        return Ok(Json(first).into_response());
    }
    let begun = first.position;
    let rest = stream::unfold((api, begun), move |(api, after)| async move {
        // What went wrong is in the log; the caller asks again, and is told.
        let changes = look(&api, Some(after), until, limit).await.ok()?;
        let position = changes.position;
        // Nothing came, and nothing will.
        (position != after).then_some((changes, (api, position)))
    });
    let lines = stream::once(async { first }).chain(rest).map(|changes| line(&changes));
    Ok(([(header::CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response())
}

fn line(changes: &Changes) -> serde_json::Result<Bytes> {
    let mut line = serde_json::to_vec(changes)?;
    line.push(b'\n');
    Ok(line.into())
}

/// What came after a position, or the end where there is none; waits for the first until then.
async fn look(api: &Api, after: Option<u64>, until: Instant, limit: usize) -> Result<Changes, Problem> {
    let generation = api.generation;
    // The receiver is taken before anything is read, so what is recorded meanwhile is noticed.
    let mut end = api.end.clone();
    let known = *end.borrow_and_update();
    let Some(after) = after.filter(|after| *after <= known) else {
        // Without `after` a caller begins at the end; one that is ahead of it knew another journal.
        return Ok(Changes { changes: Vec::new(), position: known, generation });
    };
    if known == after {
        // Neither the end of the time nor that of the writer is an error: the answer is then what there is.
        let _ = timeout_at(until, end.wait_for(|end| *end > after)).await;
    }
    // A commit can be read a moment before its position is published; it is answered when it is.
    let published = *end.borrow();
    let begun = Instant::now();
    let mut changes = api.store.changes(after, limit).await.map_err(|error| unavailable(&error))?;
    changes.retain(|entry| entry.position <= published);
    api.metrics.read("changes", begun.elapsed());
    // Where nothing is left of what was recorded, retention removed it: the caller goes on behind it, and does not ask
    // for it again and again.
    let position = changes.last().map_or(published, |entry| entry.position);
    Ok(Changes { changes, position, generation })
}
