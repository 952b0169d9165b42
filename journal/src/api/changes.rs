//! `GET /v1/changes?after=POSITION&wait=SECONDS&limit=`: what was recorded since, in the order of positions.
//!
//! There is one writer and it publishes a position only after the commit, so positions become visible in their order:
//! a caller that goes on from the `position` it was answered misses nothing, unless the `generation` is another: then the
//! journal began anew or was restored, and the caller begins again at the `position` it is told now.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use eventing_http::Changes;
use eventing_service::Problem;

use super::parameters::Parameters;
use super::{Api, Reader, unavailable};

/// The longest a caller may wait.
const MAX_WAIT_SECONDS: u64 = 60;

pub(super) async fn changes(
    _: Reader,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Json<Changes>, Problem> {
    let (after, wait, limit) = (parameters.number("after"), parameters.number("wait"), parameters.limit());
    parameters.end()?;
    let (wait, generation) = (wait.unwrap_or_default(), api.generation);
    // The receiver is taken before anything is read, so what is recorded meanwhile is noticed.
    let mut end = api.end.clone();
    let known = *end.borrow_and_update();
    let Some(after) = after.filter(|after| *after <= known) else {
        // Without `after` a caller begins at the end; one that is ahead of it knew another journal.
        return Ok(Json(Changes { changes: Vec::new(), position: known, generation }));
    };
    if known == after {
        let wait = Duration::from_secs(wait.min(MAX_WAIT_SECONDS));
        // Neither the end of the time nor that of the writer is an error: the answer is then what there is.
        let _ = tokio::time::timeout(wait, end.wait_for(|end| *end > after)).await;
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
    Ok(Json(Changes { changes, position, generation }))
}
