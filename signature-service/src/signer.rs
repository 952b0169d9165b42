//! Signs what the directory planned. The service builds header and payload itself: it never signs a caller's bytes.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eventing::publish::NewEvent;
use eventing::signing::{MonotonicStamp, PrivateKey, SignError, SignedEvent, sign_grant, sign_new_event};
use eventing::time::Micros;
use eventing::types::{Jti, Kid};

use futures::future::try_join_all;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, spawn_blocking};

use crate::grant::{Ask, Granting};

/// One event, the name and the time of its signing, and the key chosen for it.
#[derive(Clone)]
pub struct Order {
    /// The event.
    pub event: NewEvent,
    /// The name of the signing.
    pub jti: Jti,
    /// Its time, of [`Signer::stamp`]: an event that comes after another in a batch has a later one.
    pub ts: Micros,
    /// The key's name.
    pub kid: Kid,
    /// The key.
    pub key: Arc<PrivateKey>,
}

/// A grant, signed. `Debug` does not show it.
#[derive(Clone)]
pub struct SignedGrant {
    /// The compact signature.
    pub grant: String,
    /// The key that signed.
    pub kid: Kid,
    /// The name of the signing.
    pub jti: Jti,
    /// When it was signed.
    pub ts: Micros,
}

impl fmt::Debug for SignedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { grant: _, kid, jti, ts } = self;
        f.debug_struct("SignedGrant").field("kid", kid).field("jti", jti).field("ts", ts).finish_non_exhaustive()
    }
}

/// Signs, with a time that never repeats and never goes back.
#[derive(Debug, Clone)]
pub struct Signer {
    stamp: Arc<MonotonicStamp>,
    cores: usize,
}

impl Default for Signer {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { stamp: Arc::default(), cores }
    }
}

impl Signer {
    /// The time of the next signing.
    pub fn stamp(&self) -> Micros {
        self.stamp.next(Micros::now())
    }

    /// Signs a batch: all of it or nothing. As many threads as there are cores take one event after another, so they end
    /// together: a signature computes for a tenth of a millisecond or several. The place is kept until the last is done,
    /// also where nobody waits for it any more.
    ///
    /// # Errors
    /// The index of the first event that cannot be signed, and why. A thread that panicked is the outer error.
    pub async fn sign(
        &self,
        orders: &Arc<[Order]>,
        place: OwnedSemaphorePermit,
    ) -> Result<Result<Vec<SignedEvent>, (usize, SignError)>, JoinError> {
        let shared = Arc::new((place, AtomicUsize::new(0)));
        let worker = |_| {
            let (orders, shared) = (Arc::clone(orders), Arc::clone(&shared));
            spawn_blocking(move || {
                let (_place, next) = &*shared;
                let taken = || next.fetch_add(1, Ordering::Relaxed);
                let order = |at: usize| orders.get(at).map(|order| (at, order));
                std::iter::from_fn(|| order(taken())).map(sign_one).collect::<Vec<_>>()
            })
        };
        let workers = orders.len().min(self.cores);
        let mut signed: Vec<_> = try_join_all((0..workers).map(worker)).await?.into_iter().flatten().collect();
        signed.sort_unstable_by_key(|(at, _)| *at);
        Ok(signed.into_iter().map(|(at, signed)| signed.map_err(|why| (at, why))).collect())
    }

    /// Signs a grant that was planned. Call it where blocking is allowed.
    ///
    /// # Errors
    /// When the library fails.
    pub fn grant(&self, granting: &Granting, ask: &Ask, jti: Jti) -> Result<SignedGrant, SignError> {
        let (kid, ts) = (granting.kid.clone(), self.stamp());
        let grant = sign_grant(&granting.key, &kid, granting.facts(ask), &jti, ts)?;
        Ok(SignedGrant { grant, kid, jti, ts })
    }
}

/// Signs one order of a batch.
fn sign_one((at, order): (usize, &Order)) -> (usize, Result<SignedEvent, SignError>) {
    let Order { event, jti, ts, kid, key } = order;
    (at, sign_new_event(key, kid, event, jti.clone(), *ts))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc;

    use eventing::algorithm::Algorithm;
    use eventing::envelope::Trace;
    use eventing::signing::{DetailCore, kid_for};
    use tokio::sync::Semaphore;

    use super::*;

    fn order() -> Order {
        let key = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
        Order {
            event: NewEvent {
                source: "qsl.tram".parse().unwrap(),
                detail_type: "Tram.Left.v1".parse().unwrap(),
                resource: "urn:qsl:tram:line:7".parse().unwrap(),
                trace: Trace::new("ride-4".parse().unwrap()),
                detail_core: DetailCore::parse("{}").unwrap(),
            },
            jti: Jti::from_uuid(uuid::Uuid::new_v4()),
            ts: Signer::default().stamp(),
            kid: kid_for("trams", &key.public_key()).unwrap(),
            key: Arc::new(key),
        }
    }

    #[test]
    fn who_goes_away_frees_no_place_before_what_he_asked_for_is_done() {
        // One thread that blocks, and it is taken: no thread begins before it is given free.
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (free, taken) = mpsc::channel::<()>();
            let other = spawn_blocking(move || taken.recv());
            let places = Arc::new(Semaphore::new(1));
            let place = Arc::clone(&places).try_acquire_owned().unwrap();
            let orders: Arc<[Order]> = vec![order(); 5].into();
            let signer = Signer::default();
            let mut asked = Box::pin(signer.sign(&orders, place));
            assert!(futures::poll!(&mut asked).is_pending());
            drop(asked);
            assert_eq!(places.available_permits(), 0);
            drop(free);
            assert!(other.await.unwrap().is_err(), "nothing was sent");
            let _place = places.acquire().await.unwrap();
        });
    }
}
