//! Keeps messages hidden while they are worked on.

use std::future::Future;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::ports::{Queue, QueueError, Receipt};

/// Runs `work`, and hides the messages anew each time half of their visibility is over. A heartbeat under way when
/// the work ends is awaited, so that it cannot undo what is decided next.
pub(super) async fn with_heartbeats<Q: Queue, T>(
    queue: &Q,
    receipts: &[Receipt],
    visibility: Duration,
    work: impl Future<Output = T>,
) -> T {
    let half = (visibility / 2).max(Duration::from_millis(500));
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = sleep(half) => {}
        }
        let beat = timeout(half, beat(queue, receipts, visibility));
        tokio::pin!(beat);
        tokio::select! {
            biased;
            done = &mut work => {
                let _ = beat.await;
                return done;
            }
            _ = &mut beat => {}
        }
    }
}

async fn beat<Q: Queue>(queue: &Q, receipts: &[Receipt], visibility: Duration) {
    for receipt in receipts {
        match queue.change_visibility(receipt, visibility).await {
            Ok(()) => {}
            Err(QueueError::ReceiptExpired) => {
                tracing::warn!("a message outlived its visibility: the queue may give it again");
            }
            Err(error) => tracing::warn!(%error, "heartbeat failed"),
        }
    }
}
