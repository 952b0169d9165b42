//! The tail: follows the journal from its end, without a gap, and feeds the hub. It begins a little before the end, so
//! that whoever comes back after a restart finds what came meanwhile in the hub's memory.

use std::sync::Arc;
use std::time::Duration;

use eventing::time::Millis;
use eventing_service::admin::Check;
use tokio_util::sync::CancellationToken;

use crate::cursor::Position;
use crate::event::Event;
use crate::hub::Hub;
use crate::journal::{Journal, JournalError};
use crate::metrics::Metrics;

/// How long the journal may hold a request open.
const WAIT: Duration = Duration::from_secs(20);
/// Events of one answer.
const LIMIT: usize = 500;
/// Events before the end that are read first.
const REMEMBERED: u64 = 2_000;
/// The hub's clock.
const TICK: Duration = Duration::from_secs(1);
/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Follows until `shutdown`, which ends every stream, and keeps the hub's clock. Not ready until the journal was reached once; after that a journal that is away makes the
/// gateway silent, not useless: open streams stay, and go on.
pub async fn follow(journal: Arc<dyn Journal>, hub: Hub, metrics: Metrics, check: Check, shutdown: CancellationToken) {
    tokio::join!(feed(journal, &hub, metrics, check, &shutdown), keep_time(&hub, &shutdown));
}

async fn keep_time(hub: &Hub, shutdown: &CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return hub.stop(),
            _ = tick.tick() => hub.tick(Millis::now()),
        }
    }
}

async fn feed(
    journal: Arc<dyn Journal>,
    hub: &Hub,
    metrics: Metrics,
    check: Check,
    shutdown: &CancellationToken,
) {
    let mut pause = PAUSES.0;
    loop {
        let step = tokio::select! {
            () = shutdown.cancelled() => return,
            step = step(journal.as_ref(), hub) => step,
        };
        match step {
            Ok(()) => {
                pause = PAUSES.0;
                check.ready();
                metrics.observe(hub);
            }
            Err(error) => {
                metrics.tail_failed();
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
        let end = journal.end().await?;
        let from = end.at.saturating_sub(REMEMBERED);
        let (events, position) = between(journal, from, end).await?;
        hub.start_knowing(from, events, position, now);
        return Ok(());
    };
    let page = journal.changes(after.at, WAIT, LIMIT).await?;
    if page.position.generation != after.generation || page.position.at < after.at {
        tracing::error!(was = ?after, is = ?page.position, "the journal began anew");
        hub.start(page.position, Millis::now());
    } else {
        hub.advance(page.events, page.position.at, Millis::now());
    }
    Ok(())
}

/// What came after `from`, up to `end` or a little later, and up to where.
async fn between(journal: &dyn Journal, from: u64, end: Position) -> Result<(Vec<Event>, Position), JournalError> {
    let (mut events, mut position) = (Vec::new(), Position { at: from, ..end });
    while position.at < end.at {
        let page = journal.changes(position.at, Duration::ZERO, LIMIT).await?;
        if page.position.generation != end.generation {
            return Err(JournalError("it began anew meanwhile".to_owned()));
        }
        if page.position.at <= position.at {
            // What was there is older than the journal keeps.
            return Ok((events, end));
        }
        events.extend(page.events);
        position = page.position;
    }
    Ok((events, position))
}
