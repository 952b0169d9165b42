//! One message: verify, deduplicate, handle, and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::claims::{Right, claim, delivery_key};
use super::disposition::{Disposition, HandlerAnswer, Stage, Standing, Verdict, backoff, disposition, put_back};
use super::letter::{Known, dead_letter};
use super::pipeline::{Consumer, Shared};
use super::ports::{Delivery, Handler, Queue, Received};
use super::settings::Settings;
use crate::grant::Purpose;
use crate::time::Millis;
use crate::verify::{Code, RawMessage, Rejection, Verified, verify};

/// How often writing one dead letter is tried before its message goes back to the queue.
const LETTER_TRIES: u32 = 5;

/// How long a change of configuration takes to reach a consumer: a mounted ConfigMap follows within two minutes, and the
/// operator writes it within moments.
const CONFIGURATION_SPREADS: Duration = Duration::from_secs(150);

/// What is left to do with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Delete it.
    Delete,
    /// Give it back to the queue, hidden for a while.
    Back(Duration),
}

/// Why there is no verified event to handle.
enum NotNow {
    Rejected(Rejection),
    /// Keys would have to be awaited longer than is allowed; what the keys known so far say.
    Later(Duration, Option<Rejection>),
}

/// When a message was received, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) wall: Millis,
}

impl Arrival {
    /// From when on a bus that feeds the inbox is in the consumer's configuration, if it fed it when the message came.
    fn configured_by(&self, sent_at: Millis) -> Instant {
        let age = u64::try_from(self.wall.0.saturating_sub(sent_at.0)).map_or(Duration::ZERO, Duration::from_millis);
        self.at + CONFIGURATION_SPREADS.saturating_sub(age)
    }
}

/// Takes a message to its end, but for the delete or the return.
pub(super) async fn settle<Q: Queue, H: Handler>(
    shared: &Shared<Q, H>,
    message: &Received,
    arrival: Arrival,
) -> Settled {
    let settings = shared.consumer.settings.borrow().clone();
    let mut known = Known::default();
    shared.consumer.metrics.queued(message.sent_at, arrival.wall);
    let event = match verified(shared, message, &settings, arrival).await {
        Ok(event) => event,
        Err(NotNow::Rejected(rejection)) => return reject(shared, message, rejection).await,
        Err(NotNow::Later(after, so_far)) => {
            let standing = standing(shared, message, &settings, 0);
            if standing.is_last_receive()
                && let Some(rejection) = so_far
            {
                return reject(shared, message, rejection).await;
            }
            let disposition = put_back(standing, after, &HandlerAnswer::Unreachable);
            return conclude(shared, message, disposition, &known).await;
        }
    };
    known.kid = Some(event.kid.to_string());
    known.event_key = Some(event.event_key);
    known.purpose = event.purpose.map(Purpose::as_str);
    known.sent_at = Some(event.sent_at);
    let right = match claim(shared, &event, &settings, arrival.wall).await {
        Ok(Some(right)) => right,
        Ok(None) => {
            shared.consumer.metrics.copy(message);
            return Settled::Delete;
        }
        Err(Draining) => {
            return turn_away(shared, message, arrival).await;
        }
    };
    known.attempts = right.attempts;
    handle(shared, message, &settings, event, right, known, arrival).await
}

/// What does not verify.
async fn reject<Q: Queue, H: Handler>(shared: &Shared<Q, H>, message: &Received, rejection: Rejection) -> Settled {
    let known = Known {
        kid: rejection.kid.as_ref().map(ToString::to_string),
        purpose: rejection.purpose.map(Purpose::as_str),
        sent_at: Some(rejection.sent_at),
        ..Known::default()
    };
    let verdict = Verdict { code: rejection.code, stage: Stage::Verify, message: rejection.message, status: None };
    conclude(shared, message, Disposition::DeadLetter(verdict), &known).await
}

/// What a receive brings when draining has begun goes back as it came. It is read only where the queue would not give it
/// again, for the dead letter to say what is wrong with it, if something is.
pub(super) async fn turn_away<Q: Queue, H: Handler>(
    shared: &Shared<Q, H>,
    message: &Received,
    arrival: Arrival,
) -> Settled {
    let settings = shared.consumer.settings.borrow().clone();
    let standing = standing(shared, message, &settings, 0);
    if standing.is_last_receive()
        && let Err(NotNow::Rejected(rejection) | NotNow::Later(_, Some(rejection))) =
            verified(shared, message, &settings, arrival).await
    {
        return reject(shared, message, rejection).await;
    }
    let disposition = put_back(standing, Duration::ZERO, &HandlerAnswer::Unreachable);
    conclude(shared, message, disposition, &Known::default()).await
}

async fn handle<Q: Queue, H: Handler>(
    shared: &Shared<Q, H>,
    message: &Received,
    settings: &Settings,
    event: Arc<Verified>,
    right: Right<'_>,
    mut known: Known,
    arrival: Arrival,
) -> Settled {
    let key = delivery_key(&event);
    let attempt = known.attempts.saturating_add(1);
    let delivery = Delivery { event, body: message.body.clone(), attempt, received: arrival.wall };
    let Ok(answer) = right.kept(hand_on(shared, &delivery, arrival)).await else {
        right.release(known.attempts).await;
        return turn_away(shared, message, arrival).await;
    };
    if answer.is_attempt() {
        known.attempts = attempt;
    }
    let disposition = disposition(&answer, standing(shared, message, settings, attempt), rand::random());
    match &disposition {
        Disposition::Acknowledge => {
            shared.consumer.metrics.done(delivery.event.ts.millis(), shared.consumer.clock.now());
            right.confirm().await;
            shared.consumer.memory.attempts.forget(&key);
            conclude(shared, message, disposition, &known).await
        }
        Disposition::Retry(_) => {
            if known.attempts > 0 {
                shared.consumer.memory.attempts.set(key, known.attempts);
            }
            right.release(known.attempts).await;
            conclude(shared, message, disposition, &known).await
        }
        Disposition::DeadLetter(_) => {
            let settled = conclude(shared, message, disposition, &known).await;
            shared.consumer.memory.attempts.forget(&key);
            right.release(0).await;
            settled
        }
    }
}

/// Hands an event on when the handler can take it. One that was not reached, and cannot take events now, gets it when it
/// can: until then the message is held, and uses up neither attempts nor receives.
async fn hand_on<Q: Queue, H: Handler>(
    shared: &Shared<Q, H>,
    delivery: &Delivery,
    arrival: Arrival,
) -> Result<HandlerAnswer, Draining> {
    let Consumer { handler, metrics, .. } = &shared.consumer;
    loop {
        tokio::select! {
            biased;
            () = handler.ready() => {}
            () = shared.drain.requested() => return Err(Draining),
        }
        let called = Instant::now();
        let answer = tokio::select! {
            biased;
            answer = handler.handle(delivery.clone()) => answer,
            // The grace period is over. The event may have reached the handler; that it did not answer is not its fault.
            () = shared.abandon.cancelled() => HandlerAnswer::Unreachable,
        };
        let is_away = answer == HandlerAnswer::Unreachable && handler.ready().now_or_never().is_none();
        if shared.drain.is_requested() || !is_away {
            metrics.overhead.observe((called - arrival.at).as_secs_f64());
            metrics.handled(called.elapsed());
            return Ok(answer);
        }
    }
}

fn standing<Q, H>(shared: &Shared<Q, H>, message: &Received, settings: &Settings, attempt: u32) -> Standing {
    Standing {
        attempt,
        max_attempts: settings.max_attempts,
        receive_count: message.receive_count,
        max_receive_count: settings.max_receive_count,
        draining: shared.drain.is_requested(),
        backoff: settings.backoff,
    }
}

/// Verifies. An unknown kid is a verdict only against keys confirmed after the message arrived, of buses that a
/// configuration names which knew all that fed the inbox when the message was sent.
async fn verified<Q: Queue, H: Handler>(
    shared: &Shared<Q, H>,
    message: &Received,
    settings: &Settings,
    arrival: Arrival,
) -> Result<Arc<Verified>, NotNow> {
    let raw = RawMessage { body: message.body.as_bytes(), attributes: &message.attributes, sent_at: message.sent_at };
    let configured_by = arrival.configured_by(message.sent_at);
    let mut place = None;
    loop {
        let mut so_far = None;
        let view = shared.consumer.keys.view();
        let confirmed = view.confirmed.is_some_and(|at| at >= arrival.at);
        let now = Instant::now();
        if let Some(ring) = &view.ring {
            match verify(&raw, ring, &settings.policy, arrival.wall) {
                Ok(event) => return Ok(Arc::new(event)),
                Err(rejection) if rejection.code != Code::KidUnknown => return Err(NotNow::Rejected(rejection)),
                Err(rejection) if confirmed && now >= configured_by => return Err(NotNow::Rejected(rejection)),
                Err(rejection) => so_far = Some(rejection),
            }
        }
        if place.is_none() {
            let own = if now < configured_by { &shared.waiting } else { &shared.confirming };
            place = match own.try_acquire().or_else(|_| shared.waiting.try_acquire()) {
                Ok(permit) => Some(permit),
                Err(_) => return Err(NotNow::Later(without_a_place(message, configured_by - now), so_far)),
            };
        }
        tokio::select! {
            biased;
            () = shared.drain.requested() => return Err(NotNow::Later(Duration::ZERO, so_far)),
            () = sleep_until(configured_by), if confirmed => {}
            () = async {
                if confirmed {
                    shared.consumer.keys.other_than(&view).await;
                } else {
                    shared.consumer.keys.newer_than(&view).await;
                }
            } => {}
        }
    }
}

/// When a message with an unknown kid comes back that finds no place to wait: soon at first, since its key may be on its
/// way; after that when there can be a verdict, and ever later, so that it does not use up its receives.
fn without_a_place(message: &Received, until_configured: Duration) -> Duration {
    let soon = backoff(message.receive_count.saturating_add(3), rand::random());
    if message.receive_count > 1 { soon.max(until_configured) } else { soon }
}

/// The consumer is being drained: nothing is awaited any more.
pub(super) struct Draining;

/// Writes the dead letter where there is to be one; says what is left to do.
async fn conclude<Q: Queue, H: Handler>(
    shared: &Shared<Q, H>,
    message: &Received,
    disposition: Disposition,
    known: &Known,
) -> Settled {
    shared.consumer.metrics.settled(message, &disposition);
    let verdict = match disposition {
        Disposition::Acknowledge => return Settled::Delete,
        Disposition::Retry(after) => return Settled::Back(after),
        Disposition::DeadLetter(verdict) => verdict,
    };
    let failed_at = shared.consumer.clock.now();
    let letter = dead_letter(message, &verdict, known, failed_at);
    for attempt in 1..=LETTER_TRIES {
        let written = tokio::select! {
            biased;
            written = shared.consumer.queue.dead_letter(&letter) => written,
            () = shared.abandon.cancelled() => return Settled::Back(Duration::ZERO),
        };
        match written {
            Ok(()) => {
                shared.consumer.metrics.dead_lettered(message, &verdict);
                shared.teller.tell(message, &verdict, known, failed_at);
                return Settled::Delete;
            }
            Err(error) => shared.consumer.metrics.failed("dead_letter", &error),
        }
        tokio::select! {
            () = shared.abandon.cancelled() => return Settled::Back(Duration::ZERO),
            () = sleep(backoff(attempt, rand::random())) => {}
        }
    }
    // Nothing is lost: the queue gives it again, and in the end moves it by itself.
    Settled::Back(backoff(7, rand::random()))
}
