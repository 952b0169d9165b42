//! The right to handle an event: given by this process's own memory first, then, where the inbox's store is the
//! journal, by what all its consumers share.
//!
//! The port is [`ClaimStore`]; `shared` asks it and knows whether it is there; `right` is what a message's task holds.

mod right;
mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::metrics::ClaimMetrics;
use super::seen::SeenKey;
use super::told::{DeadLetterLog, NotTold};
use crate::config::{DeduplicationConfig, InboxConfig, ServicesConfig, Store};

pub(super) use right::{Right, claim, delivery_key};
pub use shared::SharedClaims;

/// Who holds a claim: drawn anew for each message that is received, so that a request may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder(uuid::Uuid);

impl Holder {
    pub(super) fn draw() -> Self {
        Self(uuid::Uuid::new_v4())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The store cannot be asked now; the reason is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClaimStoreAway(pub String);

/// The store's answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Ours to handle.
    Ours {
        /// Deliveries to a handler so far, of all consumers together.
        attempts: u32,
    },
    /// Handled already.
    Handled,
    /// Another consumer has it, and loses it then unless it asks again.
    Held {
        /// When.
        lapses_in: Duration,
    },
}

/// What the consumers of one inbox have handled, and are handling, kept for all of them.
pub trait ClaimStore: Send + Sync + 'static {
    /// Whether claims can be made now.
    fn probe(&self) -> BoxFuture<'_, Result<(), ClaimStoreAway>>;

    /// Claims an event by all its keys at once; asked by its holder, the claim is renewed. It lapses after `lapse`.
    fn claim<'a>(
        &'a self,
        holder: &'a Holder,
        keys: &'a [SeenKey],
        lapse: Duration,
    ) -> BoxFuture<'a, Result<Claim, ClaimStoreAway>>;

    /// The event is handled: it is remembered by each key for that key's time.
    fn confirm<'a>(&'a self, holder: &'a Holder, keys: &'a [SeenKey]) -> BoxFuture<'a, Result<(), ClaimStoreAway>>;

    /// The event is free for others, after so many deliveries to a handler; with none it starts anew.
    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        keys: &'a [SeenKey],
        attempts: u32,
    ) -> BoxFuture<'a, Result<(), ClaimStoreAway>>;
}

/// Makes clients of the journal that an inbox's configuration names.
pub trait ConnectJournal: Send + Sync + 'static {
    /// Its claims.
    ///
    /// # Errors
    /// When the configuration cannot be used: a bad address, a CA that is none.
    fn claims(&self, services: &ServicesConfig) -> Result<Arc<dyn ClaimStore>, ClaimStoreAway>;

    /// Whom to tell of dead letters; nobody where there is no journal.
    ///
    /// # Errors
    /// As for claims.
    fn dead_letters(&self, services: &ServicesConfig) -> Result<Option<Arc<dyn DeadLetterLog>>, NotTold>;
}

/// For a consumer that has no way to the journal, or is it: claims find it away, and nobody is told of dead letters.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoJournal;

impl ConnectJournal for NoJournal {
    fn claims(&self, _: &ServicesConfig) -> Result<Arc<dyn ClaimStore>, ClaimStoreAway> {
        Err(ClaimStoreAway("this consumer has no way to the journal's claims".to_owned()))
    }

    fn dead_letters(&self, _: &ServicesConfig) -> Result<Option<Arc<dyn DeadLetterLog>>, NotTold> {
        Ok(None)
    }
}

/// A store that could not be connected to.
struct Unconnected(ClaimStoreAway);

impl Unconnected {
    fn answer<T: Send + 'static>(&self) -> BoxFuture<'static, Result<T, ClaimStoreAway>> {
        std::future::ready(Err(self.0.clone())).boxed()
    }
}

impl ClaimStore for Unconnected {
    fn probe(&self) -> BoxFuture<'_, Result<(), ClaimStoreAway>> {
        self.answer()
    }

    fn claim(&self, _: &Holder, _: &[SeenKey], _: Duration) -> BoxFuture<'static, Result<Claim, ClaimStoreAway>> {
        self.answer()
    }

    fn confirm(&self, _: &Holder, _: &[SeenKey]) -> BoxFuture<'static, Result<(), ClaimStoreAway>> {
        self.answer()
    }

    fn release(&self, _: &Holder, _: &[SeenKey], _: u32) -> BoxFuture<'static, Result<(), ClaimStoreAway>> {
        self.answer()
    }
}

/// The store of an inbox's consumers, if its configuration has one and the handler does not know copies by itself.
pub(super) fn connect(by: &impl ConnectJournal, inbox: &InboxConfig, metrics: ClaimMetrics) -> Option<SharedClaims> {
    let DeduplicationConfig { store, when_unavailable, .. } = &inbox.deduplication;
    if *store == Store::Memory {
        return None;
    }
    let claims = by.claims(&inbox.services).unwrap_or_else(|error| {
        tracing::warn!(%error, "no client for the journal's claims");
        Arc::new(Unconnected(error))
    });
    Some(SharedClaims::new(claims, *when_unavailable, metrics))
}
