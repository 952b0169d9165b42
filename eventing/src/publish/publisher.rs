//! Signs, puts, and repeats what may be repeated: signing as long as nothing was put; entries the bus did not take for
//! reasons that pass, within the life of their signature. What may have arrived is neither put nor signed again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::batch::{ENTRY_BYTES, batches, entry_size};
use super::clocks;
use super::ids::IdempotencyKey;
use super::input::NewEvent;
use super::ports::{Bus, Entry, EntryFault, PutError, SignFailure, Signed, Signer, ToSign};
use crate::time::Millis;
use crate::types::{BusId, Jti, Kid};

/// How long a signature service that is away, or busy, is asked again. With the last request and a put this is still
/// within the half minute that callers wait.
const SIGNING: Duration = Duration::from_secs(10);
/// How long a signature is used.
const SIGNATURE_LIFE: Duration = Duration::from_mins(1);
/// How long one put may take.
const PUT: Duration = Duration::from_secs(15);
/// How often an entry is put.
const TRIES: u32 = 5;

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The name of its signing.
    pub jti: Jti,
    /// The key that signed it.
    pub kid: Kid,
    /// Whether the bus has it.
    pub outcome: Outcome,
}

/// Whether the bus has an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Yes.
    Published {
        /// EventBridge's id.
        event_id: String,
    },
    /// No, and it would not take it later.
    Refused(EntryFault),
    /// No; a later request may succeed.
    NotSent(String),
    /// Perhaps. The same request with the same idempotency key is the same event to every consumer.
    Uncertain(String),
}

/// Why nothing was put at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// An event does not fit the bus; nothing was signed.
    #[error("event {index} would take {size} bytes of the bus's {limit}")]
    TooLarge {
        /// Which event of the request.
        index: usize,
        /// What its entry would take at most.
        size: usize,
        /// What an entry may take.
        limit: usize,
    },
    /// The signature service did not sign.
    #[error(transparent)]
    Sign(#[from] SignFailure),
}

/// Publishes on one bus.
#[derive(Debug)]
pub struct Publisher<S, B> {
    signer: Arc<S>,
    bus: Arc<B>,
    id: BusId,
    now: fn() -> Millis,
}

impl<S, B> Clone for Publisher<S, B> {
    fn clone(&self) -> Self {
        Self { signer: self.signer.clone(), bus: self.bus.clone(), id: self.id.clone(), now: self.now }
    }
}

impl<S: Signer, B: Bus> Publisher<S, B> {
    /// A publisher on the bus `id`.
    pub const fn new(signer: Arc<S>, bus: Arc<B>, id: BusId) -> Self {
        Self { signer, bus, id, now: Millis::now }
    }

    /// The same by another clock.
    #[cfg(test)]
    pub(super) fn by(self, now: fn() -> Millis) -> Self {
        Self { now, ..self }
    }

    /// Publishes events, and says of each what became of it. With an idempotency key each has its `jti` from it; in a
    /// list, by its index.
    ///
    /// # Errors
    /// When nothing was put: an event too large, or no signatures.
    pub async fn publish(
        &self,
        events: &[NewEvent],
        key: Option<&IdempotencyKey>,
        in_list: bool,
    ) -> Result<Vec<Placed>, PublishError> {
        for (index, size) in events.iter().map(entry_size).enumerate() {
            if size > ENTRY_BYTES {
                return Err(PublishError::TooLarge { index, size, limit: ENTRY_BYTES });
            }
        }
        let asks: Vec<ToSign> = events
            .iter()
            .enumerate()
            .map(|(index, event)| ToSign {
                source: event.source.clone(),
                detail_type: event.detail_type.clone(),
                resource: event.resource.clone(),
                trace: event.trace.clone(),
                detail_core: event.detail_core.clone(),
                jti: key.map(|key| key.jti(&self.id, &event.source, in_list.then_some(index))),
            })
            .collect();
        let (signed, until) = self.sign(&asks).await?;
        Ok(self.put_all(asks, signed, until).await)
    }

    /// Signs all, and says until when the signatures are used. Nothing was put yet, so a request of which nobody knows
    /// whether it was answered is made again like any other.
    async fn sign(&self, asks: &[ToSign]) -> Result<(Vec<Signed>, Instant), SignFailure> {
        let give_up = Instant::now() + SIGNING;
        let mut attempt = 1;
        loop {
            let until = Instant::now() + SIGNATURE_LIFE;
            let failure = match self.signer.sign(&self.id, asks).await {
                Ok(signed) if signed.len() == asks.len() => match clocks::check(&signed, (self.now)()) {
                    Ok(()) => return Ok((signed, until)),
                    Err(failure) => failure,
                },
                Ok(_) => SignFailure::Unavailable {
                    code: "SIGNING_FAILED".to_owned(),
                    detail: "the signature service answered for another number of events".to_owned(),
                    retry_after: None,
                },
                Err(failure) => failure,
            };
            let SignFailure::Unavailable { code, retry_after, .. } = &failure else { return Err(failure) };
            let pause = retry_after.unwrap_or_default() + delay(attempt, rand::random());
            // Whoever names a later time (publishing that is switched off) is left alone until then.
            if Instant::now() + pause > give_up {
                return Err(failure);
            }
            tracing::debug!(bus = %self.id, code, attempt, "not signed, asking again");
            sleep(pause).await;
            attempt += 1;
        }
    }

    async fn put_all(&self, asks: Vec<ToSign>, signed: Vec<Signed>, until: Instant) -> Vec<Placed> {
        let mut placed = Vec::with_capacity(signed.len());
        let mut entries = Vec::with_capacity(signed.len());
        for (ask, Signed { detail, kid, jti }) in asks.into_iter().zip(signed) {
            let outcome = Outcome::NotSent("not put yet".to_owned());
            placed.push(Placed { jti, kid, outcome });
            entries.push(Entry {
                source: ask.source,
                detail_type: ask.detail_type,
                resource: ask.resource,
                detail: Box::<str>::from(detail).into_string(),
            });
        }
        for batch in batches(&entries) {
            for (index, outcome) in self.put(&entries, batch, until).await {
                if let Some(placed) = placed.get_mut(index) {
                    placed.outcome = outcome;
                }
            }
        }
        placed
    }

    /// Puts one batch until each entry has its outcome.
    async fn put(&self, all: &[Entry], batch: Vec<usize>, until: Instant) -> Vec<(usize, Outcome)> {
        let mut pending = batch;
        let mut done = Vec::with_capacity(pending.len());
        for attempt in 1..=TRIES {
            let entries: Vec<Entry> = pending.iter().filter_map(|index| all.get(*index)).cloned().collect();
            let answer = timeout(PUT, self.bus.put(&entries)).await;
            let answer = answer.unwrap_or_else(|_| Err(PutError::Uncertain("no answer in time".to_owned())));
            let mut why = String::new();
            match answer {
                Ok(answers) => {
                    let missing = || Err(EntryFault { code: String::new(), message: String::new() });
                    let mut left = Vec::new();
                    let answers = answers.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
                    for (index, answer) in pending.into_iter().zip(answers) {
                        match answer.unwrap_or_else(missing) {
                            Ok(event_id) => done.push((index, Outcome::Published { event_id })),
                            Err(fault) if fault.code.is_empty() => {
                                done.push((index, Outcome::Uncertain("no answer for this entry".to_owned())));
                            }
                            Err(fault) if fault.is_passing() => {
                                why = format!("{}: {}", fault.code, fault.message);
                                left.push(index);
                            }
                            Err(fault) => done.push((index, Outcome::Refused(fault))),
                        }
                    }
                    pending = left;
                }
                Err(PutError::NotSent(reason)) => why = reason,
                Err(PutError::Uncertain(reason)) => {
                    done.extend(pending.into_iter().map(|index| (index, Outcome::Uncertain(reason.clone()))));
                    return done;
                }
                Err(PutError::Refused(fault)) => {
                    done.extend(pending.into_iter().map(|index| (index, Outcome::Refused(fault.clone()))));
                    return done;
                }
            }
            let pause = delay(attempt, rand::random());
            if pending.is_empty() {
                return done;
            }
            if attempt == TRIES || Instant::now() + pause + PUT > until {
                done.extend(pending.into_iter().map(|index| (index, Outcome::NotSent(why.clone()))));
                return done;
            }
            sleep(pause).await;
        }
        done
    }
}

/// 0.1 s, doubling, half of it drawn.
fn delay(attempt: u32, jitter: f64) -> Duration {
    Duration::from_millis(50 << attempt.min(6)).mul_f64(1.0 + jitter.clamp(0.0, 1.0))
}
