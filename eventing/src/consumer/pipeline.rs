//! The loop: gate, permits, long poll, one task a message (or a FIFO group's run of messages), and the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::acks::{Acks, LINGER};
use super::claims::SharedClaims;
use super::drain::Drain;
use super::heartbeat::with_heartbeats;
use super::keys::Keys;
use super::metrics::Metrics;
use super::one::{Arrival, Settled, settle, turn_away};
use super::ports::{BATCH, Handler, Queue, QueueError, Receipt, Received};
use super::seen::{Attempts, Seen};
use super::settings::Settings;
use super::told::{DeadLetterLog, Teller};
use crate::time::Millis;

/// How long after the end of its wait a receive may take before it counts as hung.
const RECEIVE_SLACK: Duration = Duration::from_secs(10);
/// How long a pending long poll is awaited when draining starts, so that what it brings can be given back.
const RECEIVE_LINGER: Duration = Duration::from_secs(1);
/// How long giving messages back may take at the end.
const RETURN_TIME: Duration = Duration::from_secs(5);
/// How many handled events are remembered.
const REMEMBERED: usize = 100_000;

/// What outlives one run of the pipeline: a consumer that connects anew still knows what it handled.
#[derive(Debug)]
pub struct Memory {
    pub(super) seen: Seen,
    pub(super) attempts: Attempts,
}

impl Default for Memory {
    fn default() -> Self {
        Self { seen: Seen::new(REMEMBERED), attempts: Attempts::default() }
    }
}

/// The wall clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Millis + Send + Sync>);

impl Clock {
    /// The machine's.
    pub fn system() -> Self {
        Self(Arc::new(Millis::now))
    }

    #[cfg(all(test, feature = "paused-clock"))]
    pub(super) fn new(now: impl Fn() -> Millis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What it shows.
    pub fn now(&self) -> Millis {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// A consumer of one inbox, over its ports.
pub struct Consumer<Q, H> {
    /// The inbox.
    pub queue: Arc<Q>,
    /// What is done with each event: the only difference between consumers.
    pub handler: Arc<H>,
    /// The keys of the buses that feed the inbox.
    pub keys: Keys,
    /// The inbox's settings, as they change.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// What was handled before, in this process.
    pub memory: Arc<Memory>,
    /// What was handled by all consumers of the inbox, where they share it.
    pub claims: Option<Arc<SharedClaims>>,
    /// Who is told of dead letters.
    pub dead_letters: Option<Arc<dyn DeadLetterLog>>,
    /// The numbers.
    pub metrics: Metrics,
    /// The time of day.
    pub clock: Clock,
}

impl<Q, H> std::fmt::Debug for Consumer<Q, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Consumer");
        shown.field("claims", &self.claims).field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// What each message's task shares.
pub(super) struct Shared<Q, H> {
    pub(super) consumer: Consumer<Q, H>,
    pub(super) acks: Acks,
    pub(super) teller: Teller,
    pub(super) drain: Drain,
    /// The grace period is over.
    pub(super) abandon: CancellationToken,
    /// Messages that wait for configuration hold at most a quarter of the places.
    pub(super) waiting: Semaphore,
    /// Those that wait for nothing but confirmed keys, which takes a moment, have another quarter, and no place more where
    /// there are fewer than four: one is left for what verifies.
    pub(super) confirming: Semaphore,
}

impl<Q: Queue, H: Handler> Consumer<Q, H> {
    /// Consumes until `drain` is requested, then finishes or gives back what is held.
    pub async fn run(self, drain: Drain) {
        let places = self.settings.borrow().max_in_flight.max(1);
        let permits = Arc::new(Semaphore::new(places));
        // The next message of a group comes when the one before is deleted.
        let linger = if self.settings.borrow().fifo { Duration::ZERO } else { LINGER };
        let (acks, deleting) = Acks::start(self.queue.clone(), linger, drain.clone());
        let (teller, telling) = Teller::start(self.dead_letters.clone(), self.metrics.clone());
        let shared = Arc::new(Shared {
            consumer: self,
            acks,
            teller,
            drain: drain.clone(),
            abandon: CancellationToken::new(),
            waiting: Semaphore::new((places / 4).max(1)),
            confirming: Semaphore::new(places / 4),
        });
        let tasks = TaskTracker::new();
        let mut failures = 0;
        while let Some(mut places) = shared.places(&permits).await {
            match shared.receive(places.len()).await {
                Ok(messages) => {
                    failures = 0;
                    shared.consumer.metrics.received(messages.len());
                    let late = drain.is_requested();
                    for unit in units(messages, shared.consumer.settings.borrow().fifo) {
                        let held = places.split_off(places.len().saturating_sub(unit.len()));
                        tasks.spawn(work(shared.clone(), unit, held, late));
                    }
                    // On one thread these would begin when the next receive has been written and signed.
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    drop(places);
                    failures += 1;
                    shared.consumer.metrics.failed("receive", &error);
                    shared.pause(super::disposition::backoff(failures.min(6), rand::random())).await;
                }
            }
        }
        tasks.close();
        if timeout(drain.grace(), tasks.wait()).await.is_err() {
            shared.abandon.cancel();
            if timeout(RETURN_TIME, tasks.wait()).await.is_err() {
                tracing::warn!("some messages could not be given back; the queue gives them again by itself");
            }
        }
        drop(shared);
        // It ends when the last task that could ask is gone; those given up above hold a way to it still.
        let _ = timeout(RETURN_TIME, deleting).await;
        if let Some(telling) = telling {
            // What is not told by then stays untold: the queue has it.
            let _ = timeout(RETURN_TIME, telling).await;
        }
    }
}

impl<Q: Queue, H: Handler> Shared<Q, H> {
    /// Waits until something may be received, and for at least one place; `None` when draining.
    async fn places(&self, permits: &Arc<Semaphore>) -> Option<Vec<OwnedSemaphorePermit>> {
        let gate = async {
            loop {
                if permits.available_permits() == 0 {
                    self.acks.hurry();
                }
                let permit = permits.clone().acquire_owned().await.ok()?;
                self.enabled().await;
                self.consumer.keys.usable().await;
                self.consumer.handler.ready().await;
                let claims = self.consumer.claims.as_deref();
                if let Some(claims) = claims {
                    claims.usable().await;
                }
                let is_usable = self.consumer.keys.is_usable() && claims.is_none_or(SharedClaims::is_usable);
                // Each wait may have been long: what was true before it is looked at again.
                if is_usable && !self.consumer.settings.borrow().paused {
                    return Some(permit);
                }
            }
        };
        let first = tokio::select! {
            biased;
            () = self.drain.requested() => return None,
            permit = gate => permit?,
        };
        let more = std::iter::from_fn(|| permits.clone().try_acquire_owned().ok());
        Some(std::iter::once(first).chain(more.take(BATCH - 1)).collect())
    }

    async fn enabled(&self) {
        let mut settings = self.consumer.settings.clone();
        if settings.borrow_and_update().paused {
            tracing::info!("consuming is paused");
            // Without a sender the settings stay as they are: paused until drained.
            if settings.wait_for(|settings| !settings.paused).await.is_err() {
                std::future::pending::<()>().await;
            }
            tracing::info!("consuming goes on");
        }
    }

    /// One long poll; a hung one is cut off, and one pending when draining starts is awaited for a moment.
    async fn receive(&self, max: usize) -> Result<Vec<Received>, QueueError> {
        let wait = self.consumer.settings.borrow().wait;
        let receive = timeout(wait + RECEIVE_SLACK, self.consumer.queue.receive(max, wait));
        tokio::pin!(receive);
        let hung = || QueueError::Retry("the receive hung".to_owned());
        tokio::select! {
            biased;
            messages = &mut receive => messages.unwrap_or_else(|_| Err(hung())),
            () = self.drain.requested() => match timeout(RECEIVE_LINGER, &mut receive).await {
                Ok(Ok(messages)) => messages,
                Ok(Err(_)) | Err(_) => Ok(Vec::new()),
            },
        }
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.drain.requested() => {}
            () = sleep(time) => {}
        }
    }
}

/// On a standard queue each message is its own; on a FIFO queue the messages of a group follow one another.
fn units(messages: Vec<Received>, fifo: bool) -> Vec<Vec<Received>> {
    let mut units: Vec<Vec<Received>> = Vec::new();
    for message in messages {
        let same = |unit: &&mut Vec<Received>| {
            fifo && message.group.is_some() && unit.last().is_some_and(|last| last.group == message.group)
        };
        match units.iter_mut().find(same) {
            Some(unit) => unit.push(message),
            None => units.push(vec![message]),
        }
    }
    units
}

/// One unit from receive to its end. The rest of a group follows the first message that goes back to the queue.
async fn work<Q: Queue, H: Handler>(
    shared: Arc<Shared<Q, H>>,
    unit: Vec<Received>,
    _places: Vec<OwnedSemaphorePermit>,
    late: bool,
) {
    let visibility = shared.consumer.settings.borrow().visibility_timeout;
    let receipts: Vec<Receipt> = unit.iter().map(|message| message.receipt.clone()).collect();
    let _holding: Vec<_> = unit.iter().map(|_| shared.consumer.metrics.holding()).collect();
    let arrival = Arrival { at: Instant::now(), wall: shared.consumer.clock.now() };
    let mut back: Option<Duration> = None;
    for (at, message) in unit.iter().enumerate() {
        if let Some(after) = back {
            give_back(&shared, &message.receipt, after).await;
            continue;
        }
        let rest = receipts.get(at..).unwrap_or_default();
        let settled = if late {
            turn_away(&shared, message, arrival).await
        } else {
            with_heartbeats(shared.consumer.queue.as_ref(), rest, visibility, settle(&shared, message, arrival)).await
        };
        match settled {
            Settled::Delete => {
                if let Err(error) = shared.acks.delete(&message.receipt).await {
                    shared.consumer.metrics.failed("delete", &error);
                }
            }
            Settled::Back(after) => {
                give_back(&shared, &message.receipt, after).await;
                back = Some(after);
            }
        }
    }
}

async fn give_back<Q: Queue, H: Handler>(shared: &Shared<Q, H>, receipt: &Receipt, after: Duration) {
    if let Err(error) = shared.consumer.queue.change_visibility(receipt, after).await {
        // Then it comes back when its visibility ends.
        shared.consumer.metrics.failed("change_visibility", &error);
    }
}
