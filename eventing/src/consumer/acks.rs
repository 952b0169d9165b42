//! Deletes in batches: what is done within a moment, or while one call is under way, goes with one call. SQS is paid by
//! the call, and a call costs a consumer more than what it deletes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep;

use super::drain::Drain;
use super::ports::{BATCH, Queue, QueueError, Receipt};

/// How long a delete waits for others. It is far less than any visibility, and what a crash gives again is at most a batch.
pub(super) const LINGER: Duration = Duration::from_millis(200);

/// How often the delete of a handled message is tried. Past it the queue gives the message again, and it is known as
/// a copy.
const TRIES: u32 = 4;

type Ask = (Receipt, oneshot::Sender<Result<(), QueueError>>);

/// The way to the task that deletes.
#[derive(Clone, Debug)]
pub(super) struct Acks {
    asks: mpsc::Sender<Ask>,
    hurry: Arc<Notify>,
}

impl Acks {
    /// Starts the task; it ends when every clone of the result is gone. A delete waits for others no longer than
    /// `linger`, and not at all once draining.
    pub(super) fn start<Q: Queue>(
        queue: Arc<Q>,
        linger: Duration,
        drain: Drain,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, asks) = mpsc::channel(4 * BATCH);
        let acks = Self { asks: sender, hurry: Arc::default() };
        let patience = Patience { linger, hurry: acks.hurry.clone(), drain };
        (acks, tokio::spawn(delete_all(queue, asks, patience)))
    }

    /// What waits for others is deleted now: somebody waits for it.
    pub(super) fn hurry(&self) {
        self.hurry.notify_one();
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

/// How long a delete waits for others.
struct Patience {
    linger: Duration,
    hurry: Arc<Notify>,
    drain: Drain,
}

impl Patience {
    /// Waits for a full batch, while there is time.
    async fn fill(&self, batch: &mut Vec<Ask>, asks: &mut mpsc::Receiver<Ask>) {
        // A timer of no time would wait for the next millisecond.
        if self.linger.is_zero() {
            return;
        }
        let over = sleep(self.linger);
        tokio::pin!(over);
        while batch.len() < BATCH {
            tokio::select! {
                biased;
                more = asks.recv_many(batch, BATCH - batch.len()) => if more == 0 { return },
                () = self.hurry.notified() => return,
                () = self.drain.requested() => return,
                () = &mut over => return,
            }
        }
    }
}

async fn delete_all<Q: Queue>(queue: Arc<Q>, mut asks: mpsc::Receiver<Ask>, patience: Patience) {
    let mut batch = Vec::with_capacity(BATCH);
    while asks.recv_many(&mut batch, BATCH).await > 0 {
        patience.fill(&mut batch, &mut asks).await;
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
