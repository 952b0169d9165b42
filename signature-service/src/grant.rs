//! Whether a message may be sent again: a pure decision over what is known, and what a grant then says.
//!
//! `sentAt` is the caller's word: it is bounded here, and the body must verify as if it had entered the queue then.

mod ask;

use std::sync::Arc;
use std::time::Duration;

use eventing::attributes::Attributes;
use eventing::grant::{GrantFacts, Purpose};
use eventing::keyset::KeysUnavailable;
use eventing::signing::PrivateKey;
use eventing::time::Millis;
use eventing::types::{BusId, Kid, QueueArn};
use eventing::verify::{Code, RawMessage, Rejection, Verified, verify};

use crate::directory::Directory;

pub use ask::{Ask, AskFault, MAX_ASK_BYTES, parse_ask};

/// How old a message may be that is brought back from a dead-letter queue: SQS keeps one for 14 days, and a dead letter
/// that moved on for as long again.
pub const REDRIVE_WITHIN: Duration = Duration::from_hours(28 * 24);

/// A grant that may be signed.
#[derive(Debug, Clone)]
pub struct Granting {
    /// The queue it is for.
    pub queue: QueueArn,
    /// The event, for the audit.
    pub event: Verified,
    /// The grant key of the event's bus.
    pub key: Arc<PrivateKey>,
    /// Its name.
    pub kid: Kid,
}

impl Granting {
    /// What the grant says.
    pub fn facts<'a>(&'a self, ask: &'a Ask) -> GrantFacts<'a> {
        GrantFacts { body: ask.body.as_bytes(), inbox: &self.queue, purpose: ask.purpose, sent_at: ask.sent_at }
    }
}

/// Why there is no grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `sentAt` has not come yet.
    InTheFuture,
    /// `sentAt` is longer ago than [`REDRIVE_WITHIN`].
    TooOld,
    /// There is no such inbox, or the root signed none of that name.
    NoInbox,
    /// What is known of the inbox holds no more.
    InboxExpired,
    /// The keys of a bus of the inbox are not known, or hold no more.
    Keys(KeysUnavailable),
    /// The body does not verify.
    Body(Rejection),
    /// The event's bus takes no events now, and so signs nothing.
    PublishingDisabled(BusId),
    /// The event's bus has no key for grants now.
    NoGrantKey(BusId),
}

/// Judges a request whose caller may make it.
///
/// # Errors
/// The first reason in the order of [`Refusal`].
pub fn plan(directory: &Directory, ask: &Ask, now: Millis) -> Result<Granting, Refusal> {
    if ask.sent_at > now {
        return Err(Refusal::InTheFuture);
    }
    if ask.purpose == Purpose::Redrive && ask.sent_at.plus(REDRIVE_WITHIN) < now {
        return Err(Refusal::TooOld);
    }
    let inbox = directory.trust.inboxes.get(&ask.inbox).ok_or(Refusal::NoInbox)?;
    if now >= inbox.expires {
        return Err(Refusal::InboxExpired);
    }
    let mut ring = directory.trust.ring.clone();
    ring.set_buses(inbox.buses.iter().cloned());
    ring.usable(now).map_err(Refusal::Keys)?;
    let attributes = Attributes::new();
    let message = RawMessage { body: ask.body.as_bytes(), attributes: &attributes, sent_at: ask.sent_at };
    // A granted message's own clock is its `sentAt`, also where the inbox goes by the time of receipt.
    let event = verify(&message, &ring, &inbox.policy, ask.sent_at).map_err(Refusal::Body)?;
    if directory.is_revoked(&event.bus, &event.kid) {
        return Err(Refusal::Body(revoked(&event, ask.sent_at)));
    }
    if directory.buses.get(&event.bus).is_some_and(|bus| !bus.publishing) {
        return Err(Refusal::PublishingDisabled(event.bus));
    }
    let Some(held) = directory.grant_key(&event.bus, now) else {
        return Err(Refusal::NoGrantKey(event.bus));
    };
    let (key, kid) = (Arc::clone(&held.private), held.kid.clone());
    Ok(Granting { queue: inbox.queue().clone(), event, key, kid })
}

/// A SigningKey revokes at once; the set that tells verifiers follows.
fn revoked(event: &Verified, sent_at: Millis) -> Rejection {
    let (code, message) = (Code::KeyRevoked, "the key is revoked".to_owned());
    Rejection { code, message, kid: Some(event.kid.clone()), purpose: None, sent_at }
}

#[cfg(test)]
mod tests;
