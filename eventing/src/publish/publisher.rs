//! Publishes on one bus: what a caller posts is looked at here, and waits for its round in [`super::rounds`].

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::batch::{ENTRY_BYTES, entry_size};
use super::input::Posted;
use super::ports::{Bus, EntryFault, SignFailure, Signer, ToSign};
use super::rounds::{Rounds, Waiting};
use crate::time::Millis;
use crate::types::{BusId, Jti, Kid};

/// How many requests may wait for their round; who comes later waits to wait.
const WAITING: usize = 256;

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

/// Publishes on one bus; clones are the same publisher. Requests that come while others are signed share the next round.
#[derive(Clone, Debug)]
pub struct Publisher {
    id: BusId,
    waiting: mpsc::Sender<Waiting>,
}

impl Publisher {
    /// A publisher on the bus `id`. Its rounds run on this runtime until the last clone is gone and all is answered.
    pub fn new<S: Signer, B: Bus>(signer: Arc<S>, bus: Arc<B>, id: BusId) -> Self {
        Self::by(signer, bus, id, Millis::now)
    }

    /// The same by a clock.
    pub(super) fn by<S: Signer, B: Bus>(signer: Arc<S>, bus: Arc<B>, id: BusId, now: fn() -> Millis) -> Self {
        let (waiting, waits) = mpsc::channel(WAITING);
        tokio::spawn(Rounds::new(signer, bus, id.clone(), now).run(waits));
        Self { id, waiting }
    }

    /// Publishes events, and says of each what became of it.
    ///
    /// # Errors
    /// When nothing was put: an event too large, or no signatures.
    pub async fn publish(&self, posted: &Posted) -> Result<Vec<Placed>, PublishError> {
        let mut bytes = 0;
        for (index, size) in posted.events.iter().map(entry_size).enumerate() {
            if size > ENTRY_BYTES {
                return Err(PublishError::TooLarge { index, size, limit: ENTRY_BYTES });
            }
            bytes += size;
        }
        let ask = |(index, event): (usize, &super::input::NewEvent)| ToSign {
            source: event.source.clone(),
            detail_type: event.detail_type.clone(),
            resource: event.resource.clone(),
            trace: event.trace.clone(),
            detail_core: event.detail_core.clone(),
            jti: posted.jti(&self.id, index),
        };
        let asks = posted.events.iter().enumerate().map(ask).collect();
        let (answer, answered) = oneshot::channel();
        let ended = || SignFailure::Unavailable {
            code: "PUBLISHING_ENDED".to_owned(),
            detail: "this pod's publishing ends, or is set up anew".to_owned(),
            retry_after: None,
        };
        self.waiting.send(Waiting { asks, bytes, since: Instant::now(), answer }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}
