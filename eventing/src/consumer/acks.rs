//! Deletes in batches: whatever is done while one call is under way goes with the next.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::ports::{BATCH, Queue, QueueError, Receipt};

/// How often the delete of a handled message is tried. Past it the queue gives the message again, and it is known as
/// a copy.
const TRIES: u32 = 4;

type Ask = (Receipt, oneshot::Sender<Result<(), QueueError>>);

/// The way to the task that deletes.
#[derive(Clone, Debug)]
pub(super) struct Acks {
    asks: mpsc::Sender<Ask>,
}

impl Acks {
    /// Starts the task; it ends when every clone of the result is gone.
    pub(super) fn start<Q: Queue>(queue: Arc<Q>) -> (Self, tokio::task::JoinHandle<()>) {
        let (asks, receiver) = mpsc::channel(4 * BATCH);
        (Self { asks }, tokio::spawn(delete_all(queue, receiver)))
    }

    /// Deletes a message, and says whether it is gone.
    pub(super) async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError> {
        let mut failure = QueueError::Retry("the task that deletes has ended".to_owned());
        for attempt in 0..TRIES {
            let (answer, wait) = oneshot::channel();
            if self.asks.send((receipt.clone(), answer)).await.is_err() {
                break;
            }
            match wait.await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(QueueError::ReceiptExpired)) => return Err(QueueError::ReceiptExpired),
                Ok(Err(error)) => failure = error,
                Err(_) => break,
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
        Err(failure)
    }
}

async fn delete_all<Q: Queue>(queue: Arc<Q>, mut asks: mpsc::Receiver<Ask>) {
    let mut batch = Vec::with_capacity(BATCH);
    while asks.recv_many(&mut batch, BATCH).await > 0 {
        let (receipts, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let results = match queue.delete(&receipts).await {
            Ok(results) => results,
            Err(error) => vec![Err(error); receipts.len()],
        };
        let missing = std::iter::repeat(Err(QueueError::Retry("no answer for this entry".to_owned())));
        for (answer, result) in answers.into_iter().zip(results.into_iter().chain(missing)) {
            // Who asked may have been given up at the end of a drain.
            let _ = answer.send(result);
        }
    }
}
