//! The tail: follows the journal from its end, without a gap, and feeds the hub.

use std::sync::Arc;
use std::time::Duration;

use eventing::time::Millis;
use eventing_service::admin::Check;
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;
use crate::journal::{Journal, JournalError};
use crate::metrics::Metrics;

/// How long the journal may hold a request open.
const WAIT: Duration = Duration::from_secs(20);
/// Events of one answer.
const LIMIT: usize = 500;
/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Follows until `shutdown`. Not ready until the journal was reached once; after that a journal that is away makes the
/// gateway silent, not useless: open streams stay, and go on.
pub async fn follow(journal: Arc<dyn Journal>, hub: Hub, metrics: Metrics, check: Check, shutdown: CancellationToken) {
    let mut pause = PAUSES.0;
    loop {
        let step = tokio::select! {
            () = shutdown.cancelled() => return,
            step = step(journal.as_ref(), &hub) => step,
        };
        match step {
            Ok(()) => {
                pause = PAUSES.0;
                check.ready();
                metrics.observe(&hub);
            }
            Err(error) => {
                tracing::warn!(error = %error, "the tail waits for the journal");
                match hub.position() {
                    None => check.not_ready(error.to_string()),
                    Some(_) => check.ready_with("the journal does not answer now"),
                }
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

async fn step(journal: &dyn Journal, hub: &Hub) -> Result<(), JournalError> {
    let Some(after) = hub.position() else {
        // What enters the journal from here on is seen: the memory of the hub begins before the end is asked for.
        let now = Millis::now();
        hub.start(journal.end().await?, now);
        return Ok(());
    };
    let page = journal.changes(after, WAIT, LIMIT).await?;
    if page.position < after {
        tracing::error!(was = after, is = page.position, "the journal began anew");
        hub.start(page.position, Millis::now());
    } else {
        hub.advance(page.events, page.position, Millis::now());
    }
    Ok(())
}
