//! How long events are kept: what is older is removed, so few at a time that the writer does not wait.

use std::sync::Arc;
use std::time::Duration;

use eventing::time::Millis;
use tokio_util::sync::CancellationToken;

use crate::observe::RetentionMetrics;
use crate::store::RetentionStore;

/// How many one transaction removes, and the pause behind it: ten times as many a second as are written at most, half of
/// the time left to others.
const AT_ONCE: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked for more.
const LOOK: Duration = Duration::from_mins(1);

/// Removes events that are older, until `shutdown`.
pub async fn forget(
    store: Arc<dyn RetentionStore>,
    kept: Duration,
    metrics: RetentionMetrics,
    shutdown: CancellationToken,
) {
    loop {
        let pause = match store.prune_events(begin(kept, Millis::now()), AT_ONCE).await {
            Ok(pruned) => {
                metrics.pruned(pruned);
                if pruned.removed == AT_ONCE { PAUSE } else { LOOK }
            }
            // The writer was first, and what is old is still there.
            Err(error) if error.may_be_repeated() => PAUSE,
            Err(error) => {
                metrics.failed(&error);
                LOOK
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What entered the queue before this is not kept.
fn begin(kept: Duration, now: Millis) -> Millis {
    Millis(now.0.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::NewEvent;
    use crate::store::{EventStore as _, Location, SurrealStore};
    use crate::testing::event;

    #[tokio::test]
    async fn of_two_days_one_is_kept_and_the_writer_goes_on_meanwhile() {
        let store = SurrealStore::open(&Location::Memory).await.unwrap();
        let now = Millis::now();
        let hours_old = |hours: i64| NewEvent {
            sent_at: Millis(now.0 - hours * 3_600_000),
            ..event(&format!("e-{hours}")).build()
        };
        store.append(&[hours_old(48), hours_old(25), hours_old(23)]).await.unwrap();
        let shutdown = CancellationToken::new();
        let day = Duration::from_hours(24);
        let forgetting =
            tokio::spawn(forget(Arc::new(store.clone()), day, RetentionMetrics::default(), shutdown.clone()));
        while store.pruned().await.unwrap() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store.append(&[hours_old(0)]).await.unwrap();
        let left = store.changes(0, 10).await.unwrap();
        assert_eq!(left.iter().map(|entry| entry.position).collect::<Vec<_>>(), [3, 4]);
        shutdown.cancel();
        forgetting.await.unwrap();
    }

    #[test]
    fn more_than_all_time_keeps_everything() {
        assert_eq!(begin(Duration::from_secs(10), Millis(25_000)), Millis(15_000));
        assert!(begin(Duration::MAX, Millis(25_000)).0 < 0);
    }
}
