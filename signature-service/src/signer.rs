//! Signs what the directory planned. The service builds header and payload itself: it never signs a caller's bytes.

use std::fmt;
use std::sync::Arc;

use eventing::publish::NewEvent;
use eventing::signing::{EventFacts, MonotonicStamp, PrivateKey, SignError, SignedEvent, sign_event, sign_grant};
use eventing::time::Micros;
use eventing::types::{Jti, Kid};

use crate::grant::{Ask, Granting};

/// One event, the name of its signing, and the key chosen for it.
#[derive(Clone)]
pub struct Order {
    /// The event.
    pub event: NewEvent,
    /// The name of the signing.
    pub jti: Jti,
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
    /// Signs a batch: all of it or nothing. It computes for about a millisecond an event, so call it where blocking
    /// is allowed.
    ///
    /// # Errors
    /// The index of the first event that cannot be signed, and why.
    pub fn sign(&self, orders: &[Order]) -> Result<Vec<SignedEvent>, (usize, SignError)> {
        orders.iter().enumerate().map(|(at, order)| self.sign_one(order).map_err(|why| (at, why))).collect()
    }

    /// Signs a grant that was planned. Call it where blocking is allowed.
    ///
    /// # Errors
    /// When the library fails.
    pub fn grant(&self, granting: &Granting, ask: &Ask, jti: Jti) -> Result<SignedGrant, SignError> {
        let (kid, ts) = (granting.kid.clone(), self.stamp.next(Micros::now()));
        let grant = sign_grant(&granting.key, &kid, granting.facts(ask), &jti, ts)?;
        Ok(SignedGrant { grant, kid, jti, ts })
    }

    fn sign_one(&self, order: &Order) -> Result<SignedEvent, SignError> {
        let Order { event, jti, kid, key } = order;
        let facts = EventFacts {
            source: &event.source,
            detail_type: &event.detail_type,
            resource: &event.resource,
            trace: &event.trace,
            detail_core: event.detail_core.get(),
        };
        sign_event(key, kid, facts, jti.clone(), self.stamp.next(Micros::now()))
    }
}
