//! The right to handle one event, from the claim to what became of it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Holder;
use super::shared::{Outcome, SharedClaims};
use crate::consumer::business::business_key;
use crate::consumer::one::Draining;
use crate::consumer::pipeline::Shared;
use crate::consumer::ports::{Handler, Queue};
use crate::consumer::seen::{Claim, Claimed, SeenKey};
use crate::consumer::settings::Settings;
use crate::time::Millis;
use crate::verify::Verified;

/// How long this process remembers an event that it handled; another store keeps it no shorter.
const REMEMBERED: Duration = Duration::from_hours(1);

/// The right to handle an event. Dropped, it is free in this process, and lapses in the store.
#[must_use]
pub(in crate::consumer) struct Right<'a> {
    local: Claimed<'a>,
    held: Option<Held<'a>>,
    abandon: &'a CancellationToken,
    /// Deliveries to the handler before this one.
    pub(in crate::consumer) attempts: u32,
}

/// A claim at the store.
struct Held<'a> {
    claims: &'a SharedClaims,
    holder: Holder,
    keys: Vec<SeenKey>,
    lapse: Duration,
}

impl Right<'_> {
    /// Runs `work`, and renews the claim each time half of it is over. A renewal under way when the work ends is
    /// awaited, so that it cannot undo what is said next.
    pub(in crate::consumer) async fn kept<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(Held { claims, holder, keys, lapse }) = &self.held else { return work.await };
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep(*lapse / 2) => {}
            }
            let renewal = claims.renew(holder, keys, *lapse);
            tokio::pin!(renewal);
            tokio::select! {
                biased;
                done = &mut work => {
                    renewal.await;
                    return done;
                }
                () = &mut renewal => {}
            }
        }
    }

    /// The handler has it: copies are copies from now on.
    pub(in crate::consumer) async fn confirm(self) {
        let Self { local, held, abandon, attempts: _ } = self;
        if let Some(Held { claims, holder, keys, .. }) = held {
            claims.confirm(&holder, &keys, abandon).await;
        }
        local.confirm();
    }

    /// The handler has it not, after so many deliveries; with none the event starts anew.
    pub(in crate::consumer) async fn release(self, attempts: u32) {
        let Self { local, held, abandon, attempts: _ } = self;
        if let Some(Held { claims, holder, keys, .. }) = held {
            claims.release(&holder, &keys, attempts, abandon).await;
        }
        drop(local);
    }
}

/// Claims an event; `None` when it was handled already. A copy of one in flight waits for its end.
pub(in crate::consumer) async fn claim<'a, Q: Queue, H: Handler>(
    shared: &'a Shared<Q, H>,
    event: &Verified,
    settings: &Settings,
    now: Millis,
) -> Result<Option<Right<'a>>, Draining> {
    let memory = &shared.consumer.memory;
    let copies = shared.consumer.handler.wants_copies();
    let keys = if copies { Vec::new() } else { seen_keys(event, settings, now) };
    let Some(local) = in_this_process(shared, &keys).await? else { return Ok(None) };
    let mut right = Right { local, held: None, abandon: &shared.abandon, attempts: 0 };
    if let Some(claims) = shared.consumer.claims.as_deref() {
        let (holder, lapse) = (Holder::draw(), settings.visibility_timeout);
        match claims.claim(&holder, &keys, lapse, &shared.drain).await? {
            Outcome::Ours(attempts) => {
                right.attempts = attempts;
                right.held = Some(Held { claims, holder, keys, lapse });
                return Ok(Some(right));
            }
            Outcome::Handled => {
                right.local.confirm();
                return Ok(None);
            }
            Outcome::Unasked => {}
        }
    }
    // Only now: a copy that was waited for has made attempts of its own.
    right.attempts = memory.attempts.of(&delivery_key(event));
    Ok(Some(right))
}

/// By what deliveries are counted: a replay is an event's own life again, whatever its other copies went through.
pub(in crate::consumer) fn delivery_key(event: &Verified) -> [u8; 32] {
    let replay = event.grant_digest.filter(|_| event.is_replay());
    replay.unwrap_or(event.event_key.0)
}

async fn in_this_process<'a, Q: Queue, H: Handler>(
    shared: &'a Shared<Q, H>,
    keys: &[SeenKey],
) -> Result<Option<Claimed<'a>>, Draining> {
    loop {
        let mut wait: watch::Receiver<()> = match shared.consumer.memory.seen.claim(keys.to_vec()) {
            Claim::Fresh(claimed) => return Ok(Some(claimed)),
            Claim::Handled => return Ok(None),
            Claim::InFlight(wait) => wait,
        };
        tokio::select! {
            biased;
            () = shared.drain.requested() => return Err(Draining),
            // It closes when the other copy is done, whichever way.
            _ = wait.changed() => {}
        }
    }
}

/// By what an event is known: its key, the grant it was sent again with, and the inbox's business keys.
fn seen_keys(event: &Verified, settings: &Settings, now: Millis) -> Vec<SeenKey> {
    let mut keys = Vec::with_capacity(3);
    if !event.is_replay() {
        let signed = event.ts.millis();
        keys.push(SeenKey { digest: event.event_key.0, ttl: acceptable(signed, settings, now) });
        let business = business_key(event, &settings.business_keys);
        keys.extend(business.map(|digest| SeenKey { digest, ttl: settings.business_keys_ttl }));
    }
    // A grant is signed within the skew of the sending, so no message with it was sent later than that from now.
    let granted = Duration::from_secs(settings.policy.skew_seconds.into());
    let ttl = acceptable(now.plus(granted), settings, now);
    keys.extend(event.grant_digest.map(|digest| SeenKey { digest, ttl }));
    keys
}

/// How long something signed then may still come: a copy is sent within the skew, and kept by the queue for its
/// retention. The memory of one process does not go so far back.
fn acceptable(signed: Millis, settings: &Settings, now: Millis) -> Duration {
    let Some(retention) = settings.shared_retention else { return REMEMBERED };
    let last = signed.plus(Duration::from_secs(settings.policy.skew_seconds.into()) + retention);
    let left = u64::try_from(last.0.saturating_sub(now.0)).map_or(Duration::ZERO, Duration::from_millis);
    left.max(REMEMBERED)
}
