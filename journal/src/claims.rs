//! Claims: requests of consumers, checked; one task that settles those which come together in one transaction.

use std::sync::Arc;
use std::time::Duration;

use eventing::claim::{Answer, Ask};
use eventing::time::Millis;
use eventing::types::{EventKey, InboxId};
use eventing_http::{ClaimAction, ClaimRequest};
use eventing_service::problem::FieldError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::observe::ClaimMetrics;
use crate::store::{ClaimStore, DeadLetterStore, StoreError};

/// The most that one transaction settles.
const BATCH: usize = 128;
/// How often what says nothing any more is removed.
const PRUNE: Duration = Duration::from_mins(1);
/// How many one transaction removes.
const PRUNED_AT_ONCE: usize = 1_000;
/// How long a dead letter is remembered, in milliseconds: thirty days, longer than its queue keeps it.
const DEAD_LETTERS_KEPT: i64 = 30 * 86_400_000;
/// SQS hides a message for no longer.
const MAX_LAPSE_SECONDS: u32 = 43_200;
/// No copy is accepted later: signed ahead by the largest skew, sent as late, and kept by the queue for fourteen days.
const MAX_KEEP_SECONDS: u32 = 17 * 86_400;
/// An event has its key, a grant and a business key.
const MAX_KEYS: usize = 8;
const MAX_ATTEMPTS: u32 = 10_000;
const MAX_HOLDER: usize = 64;

/// A request, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The inbox.
    pub inbox: InboxId,
    /// What is asked.
    pub ask: Ask,
    /// By whom.
    pub holder: String,
    /// What the event is known by, and how long each is kept.
    pub keys: Vec<(EventKey, Duration)>,
}

/// Checks a request; nothing is wanted by one that only probes.
///
/// # Errors
/// The fields that are wrong.
pub fn check(request: ClaimRequest) -> Result<Option<Wanted>, Vec<FieldError>> {
    let ClaimRequest { inbox, action, holder, keys, lapse_seconds, attempts } = request;
    let mut wrong = Vec::new();
    let mut must = |holds: bool, field: String, reason: String| {
        if !holds {
            wrong.push(FieldError { field, reason });
        }
    };
    let ask = match action {
        ClaimAction::Probe => return Ok(None),
        ClaimAction::Confirm => Ask::Confirm,
        ClaimAction::Claim => {
            let bounds = 1..=MAX_LAPSE_SECONDS;
            let reason = format!("must be from 1 to {MAX_LAPSE_SECONDS}, the visibility of the message");
            must(bounds.contains(&lapse_seconds), "lapseSeconds".to_owned(), reason);
            Ask::Claim { lapse: Duration::from_secs(lapse_seconds.into()) }
        }
        ClaimAction::Release => {
            must(attempts <= MAX_ATTEMPTS, "attempts".to_owned(), format!("must be at most {MAX_ATTEMPTS}"));
            Ask::Release { attempts }
        }
    };
    let is_named = (1..=MAX_HOLDER).contains(&holder.len()) && holder.bytes().all(|byte| byte.is_ascii_graphic());
    must(is_named, "holder".to_owned(), format!("must be 1 to {MAX_HOLDER} visible ASCII characters"));
    must((1..=MAX_KEYS).contains(&keys.len()), "keys".to_owned(), format!("must be 1 to {MAX_KEYS}"));
    for (at, key) in keys.iter().enumerate() {
        let holds = (1..=MAX_KEEP_SECONDS).contains(&key.keep_seconds);
        must(holds, format!("keys/{at}/keepSeconds"), format!("must be from 1 to {MAX_KEEP_SECONDS}"));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let keys = keys.iter().map(|key| (key.key, Duration::from_secs(key.keep_seconds.into()))).collect();
    Ok(Some(Wanted { inbox, ask, holder, keys }))
}

/// The database did not settle it; asked again, it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claim was not settled")]
pub struct NotSettled;

struct Submission {
    wanted: Wanted,
    answer: oneshot::Sender<Result<Answer, NotSettled>>,
}

/// Takes claims; clones share one task.
#[derive(Clone, Debug)]
pub struct Claims {
    submissions: mpsc::Sender<Submission>,
}

/// The task that settles them, in the order they came. It ends when the last [`Claims`] is gone.
pub struct Settler {
    submissions: mpsc::Receiver<Submission>,
    store: Arc<dyn ClaimStore>,
    metrics: ClaimMetrics,
}

impl std::fmt::Debug for Settler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settler").finish_non_exhaustive()
    }
}

impl Claims {
    /// Claims, and the task that settles them.
    pub fn new(store: Arc<dyn ClaimStore>, metrics: ClaimMetrics) -> (Self, Settler) {
        let (submit, submissions) = mpsc::channel(4 * BATCH);
        (Self { submissions: submit }, Settler { submissions, store, metrics })
    }

    /// Settles one; on return it is on disk.
    ///
    /// # Errors
    /// When the database failed. Repeated by the same holder, it does no harm.
    pub async fn settle(&self, wanted: Wanted) -> Result<Answer, NotSettled> {
        let (answer, answered) = oneshot::channel();
        self.submissions.send(Submission { wanted, answer }).await.map_err(|_| NotSettled)?;
        answered.await.map_err(|_| NotSettled)?
    }
}

impl Settler {
    /// Settles until the last [`Claims`] is gone or `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let came = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                came = self.submissions.recv_many(&mut batch, BATCH) => came,
            };
            if came == 0 {
                return;
            }
            let (wanted, answers): (Vec<Wanted>, Vec<_>) =
                batch.drain(..).map(|Submission { wanted, answer }| (wanted, answer)).unzip();
            let begun = Instant::now();
            let outcome = self.store.settle(&wanted, Millis::now()).await;
            self.tell(&wanted, &outcome, begun.elapsed());
            let settled = outcome.ok();
            for (at, answer) in answers.into_iter().enumerate() {
                let one = settled.as_ref().and_then(|all| all.get(at)).copied().ok_or(NotSettled);
                // Whoever gave up waiting asks again.
                let _ = answer.send(one);
            }
        }
    }

    fn tell(&self, wanted: &[Wanted], outcome: &Result<Vec<Answer>, StoreError>, took: Duration) {
        match outcome {
            Ok(answers) => {
                self.metrics.settled(took);
                for (wanted, answer) in wanted.iter().zip(answers) {
                    self.metrics.answered(wanted.ask, *answer);
                }
            }
            Err(error) => self.metrics.failed(error, wanted.len()),
        }
    }
}

/// Removes what says nothing any more, until `shutdown`.
pub async fn prune(
    store: Arc<dyn ClaimStore>,
    dead_letters: Arc<dyn DeadLetterStore>,
    metrics: ClaimMetrics,
    shutdown: CancellationToken,
) {
    let mut tick = tokio::time::interval(PRUNE);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        let now = Millis::now();
        let old = Millis(now.0.saturating_sub(DEAD_LETTERS_KEPT));
        while pruned(store.prune(now, PRUNED_AT_ONCE).await, &metrics) {}
        while pruned(dead_letters.prune_dead_letters(old, PRUNED_AT_ONCE).await, &metrics) {}
    }
}

/// Whether there may be more to remove.
fn pruned(outcome: Result<usize, StoreError>, metrics: &ClaimMetrics) -> bool {
    outcome.map_or_else(
        |error| {
            metrics.not_pruned(&error);
            false
        },
        |removed| removed == PRUNED_AT_ONCE,
    )
}

#[cfg(test)]
mod tests;
