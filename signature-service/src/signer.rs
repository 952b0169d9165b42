//! Signs what the directory planned. The service builds header and payload itself: it never signs a caller's bytes.

use std::fmt;
use std::sync::Arc;

use eventing::publish::NewEvent;
use eventing::signing::{EventFacts, MonotonicStamp, PrivateKey, SignError, SignedEvent, sign_event, sign_grant};
use eventing::time::Micros;
use eventing::types::{Jti, Kid};

use futures::FutureExt as _;
use futures::future::join_all;
use tokio::sync::OwnedSemaphorePermit;

use crate::grant::{Ask, Granting};

/// So many events of a batch are signed one after another: each computes for a tenth of a millisecond or several.
const PART: usize = 4;

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
#[derive(Debug, Clone, Default)]
pub struct Signer {
    stamp: Arc<MonotonicStamp>,
}

impl Signer {
    /// The time of the next signing.
    pub fn stamp(&self) -> Micros {
        self.stamp.next(Micros::now())
    }

    /// Signs a batch, in parts side by side: all of it or nothing. The place is kept until the last part is done, also
    /// where nobody waits for it any more.
    ///
    /// # Errors
    /// The index of the first event that cannot be signed, and why.
    pub async fn sign(
        &self,
        orders: &Arc<[Order]>,
        place: OwnedSemaphorePermit,
    ) -> Result<Vec<SignedEvent>, (usize, SignError)> {
        let place = Arc::new(place);
        let part = |first: usize| {
            let (orders, place) = (Arc::clone(orders), Arc::clone(&place));
            let part = move || {
                let _place = place;
                orders.iter().enumerate().skip(first).take(PART).map(sign_one).collect::<Result<Vec<_>, _>>()
            };
            tokio::task::spawn_blocking(part).map(move |done| done.unwrap_or(Err((first, SignError::Library))))
        };
        let mut signed = Vec::with_capacity(orders.len());
        for part in join_all((0..orders.len()).step_by(PART).map(part)).await {
            signed.append(&mut part?);
        }
        Ok(signed)
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
fn sign_one((at, order): (usize, &Order)) -> Result<SignedEvent, (usize, SignError)> {
    let Order { event, jti, ts, kid, key } = order;
    let facts = EventFacts {
        source: &event.source,
        detail_type: &event.detail_type,
        resource: &event.resource,
        trace: &event.trace,
        detail_core: event.detail_core.get(),
    };
    sign_event(key, kid, facts, jti.clone(), *ts).map_err(|why| (at, why))
}
