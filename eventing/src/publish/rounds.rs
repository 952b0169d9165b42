//! Signs, and has put: one request to the signature service at a time, in which all share who came while the last was
//! under way. Nobody waits for others to come: a lone request is signed at once. Puts go on beside the next round.
//!
//! Nobody shares the others' faults either: where a shared request is refused, each is asked for alone.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::batch::{batches, chains};
use super::clocks;
use super::input::EVENTS;
use super::ports::{Bus, Entry, SignFailure, Signed, Signer, ToSign};
use super::publisher::{Placed, PublishError};
use super::putting::{delay, put};
use super::shares::Shares;
use crate::time::Millis;
use crate::types::BusId;

/// How long a signature service that is away, or busy, is asked again. With the last request and a put this is still
/// within the half minute that callers wait.
const SIGNING: Duration = Duration::from_secs(10);
/// How long a signature is used.
const SIGNATURE_LIFE: Duration = Duration::from_mins(1);
/// The most bytes that events of several requests may have on the bus: more than they take in one request to sign,
/// which may have 2 MiB.
const ROUND_BYTES: usize = 2_000_000;

/// A request that waits for its round.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) asks: Vec<ToSign>,
    /// What they take on the bus at most.
    pub(super) bytes: usize,
    pub(super) since: Instant,
    pub(super) answer: oneshot::Sender<Result<Vec<Placed>, PublishError>>,
}

/// The rounds of one bus.
pub(super) struct Rounds<S, B> {
    signer: Arc<S>,
    bus: Arc<B>,
    id: BusId,
    now: fn() -> Millis,
}

impl<S: Signer, B: Bus> Rounds<S, B> {
    pub(super) const fn new(signer: Arc<S>, bus: Arc<B>, id: BusId, now: fn() -> Millis) -> Self {
        Self { signer, bus, id, now }
    }

    /// One round after the other, until nobody can ask any more and all is answered.
    pub(super) async fn run(self, mut waits: mpsc::Receiver<Waiting>) {
        let mut puts = JoinSet::new();
        let mut first = waits.recv().await;
        while let Some(one) = first.take() {
            let mut round = vec![one];
            while let Ok(more) = waits.try_recv() {
                if !fits(&round, &more) {
                    first = Some(more);
                    break;
                }
                round.push(more);
            }
            // Who went away meanwhile publishes nothing.
            round.retain(|waiting| !waiting.answer.is_closed());
            self.round(round, &mut puts).await;
            while puts.try_join_next().is_some() {}
            if first.is_none() {
                first = waits.recv().await;
            }
        }
        while puts.join_next().await.is_some() {}
    }

    async fn round(&self, round: Vec<Waiting>, puts: &mut JoinSet<()>) {
        let Some(since) = round.iter().map(|waiting| waiting.since).min() else { return };
        let asks: Vec<ToSign> = round.iter().flat_map(|waiting| &waiting.asks).cloned().collect();
        let failure = match self.sign(&asks, since).await {
            Ok((signed, until)) => {
                puts.spawn(put_all(Arc::clone(&self.bus), asks, signed, until, Shares::new(round)));
                return;
            }
            Err(failure) => failure,
        };
        // Nobody can tell whose event it was.
        if matches!(failure, SignFailure::Refused { .. }) && round.len() > 1 {
            for alone in round {
                Box::pin(self.round(vec![alone], puts)).await;
            }
            return;
        }
        for waiting in round {
            // Who is gone needs no answer.
            let _ = waiting.answer.send(Err(failure.clone().into()));
        }
    }

    /// Signs all, and says until when the signatures are used. Nothing was put yet, so a request of which nobody knows
    /// whether it was answered is made again like any other.
    async fn sign(&self, asks: &[ToSign], since: Instant) -> Result<(Vec<Signed>, Instant), SignFailure> {
        let give_up = since + SIGNING;
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
}

fn fits(round: &[Waiting], more: &Waiting) -> bool {
    let events: usize = round.iter().map(|waiting| waiting.asks.len()).sum();
    let bytes: usize = round.iter().map(|waiting| waiting.bytes).sum();
    events + more.asks.len() <= EVENTS && bytes + more.bytes <= ROUND_BYTES
}

/// Puts what was signed, in batches that may be of several requests; each is answered when its own events are settled.
async fn put_all<B: Bus>(bus: Arc<B>, asks: Vec<ToSign>, signed: Vec<Signed>, until: Instant, mut shares: Shares) {
    let mut entries = Vec::with_capacity(signed.len());
    for (ask, Signed { detail, kid, jti }) in asks.into_iter().zip(signed) {
        shares.signed(jti, kid);
        let detail = Box::<str>::from(detail).into_string();
        entries.push(Entry { source: ask.source, detail_type: ask.detail_type, resource: ask.resource, detail });
    }
    let chains = chains(batches(&entries), |index| shares.owner(index));
    let shares = std::sync::Mutex::new(shares);
    join_all(chains.into_iter().map(|chain| async {
        for batch in chain {
            let settled = put(bus.as_ref(), &entries, batch, until).await;
            shares.lock().unwrap_or_else(std::sync::PoisonError::into_inner).settle(settled);
        }
    }))
    .await;
}
